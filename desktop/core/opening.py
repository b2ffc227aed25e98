"""Opens a run: what its events have said so far goes into its curves and its latest answers, the rest is returned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from desktop.core import curve_parts, curves
from desktop.core.completions import Completions
from desktop.core.run_log import RunLog
from desktop.core.series import Series
from desktop.errors import AppError
from desktop.workers import Worker
from trainer_image.contract import (
    Cancelled,
    ClockSet,
    Event,
    Failed,
    Hello,
    OutOfMemory,
    Paused,
    Round,
    Step,
    UnknownLine,
    Warned,
    read_event,
)

_AFTER_STEPS = (Hello, ClockSet, OutOfMemory, Round, Warned, Paused, Cancelled, Failed)
"""What these mean for the curves depends on the steps before them."""


def prepare(events_file: Path, heard: Callable[[float], None] = lambda _: None) -> None:
    """Bring the file of curves up to date where much is missing from it; not where a window waits.

    ``heard`` is told the share that has been read. Where that fails nothing is lost: the events are then read line by
    line.
    """
    with suppress(OSError):
        if not curves.is_prepared(events_file):
            _read_missing(events_file, heard, _at_once)


def _known(
    events_file: Path, heard: Callable[[float], None], later: Callable[[Callable[[], None]], None]
) -> curves.Curves | None:
    """Return what is known of a run, brought up to date where much is missing; saving that is left for ``later``."""
    known = None if curves.is_prepared(events_file) else _read_missing(events_file, heard, later)
    return known if known is not None else curves.load(events_file)


def _read_missing(
    events_file: Path, heard: Callable[[float], None], later: Callable[[Callable[[], None]], None]
) -> curves.Curves | None:
    """Read what is not kept yet; return everything, or None where a process of its own has read and kept it."""
    known = curve_parts.read(events_file, heard)
    if known is None:
        _read_by_process(events_file, heard)
    else:
        later(lambda: _save(events_file, known))
    return known


def _save(events_file: Path, known: curves.Curves) -> None:
    with suppress(OSError):  # it costs only time
        curves.save(events_file, known)


def _read_by_process(events_file: Path, heard: Callable[[float], None]) -> None:
    size = events_file.stat().st_size
    worker = Worker()
    try:
        for offset in worker.stream("desktop.core.curve_reading:build", str(events_file)):
            heard(offset / size)
    except (AppError, RuntimeError):
        return
    finally:
        worker.close()


def _at_once(work: Callable[[], None]) -> None:
    work()


def open_run(
    log: RunLog,
    series: Series,
    completions: Completions,
    heard: Callable[[float], None] = lambda _: None,
    later: Callable[[Callable[[], None]], None] = _at_once,
) -> list[Event | UnknownLine]:
    """Take in what is kept of a long run, and return the events that tell how far it is; the log goes on from there.

    A long run that was never opened is read first: a moment for a million steps, or some seconds where that takes a
    process of its own. ``heard`` is told the share that has been read; ``later`` gets what need not be waited for.
    """
    known = _known(log.path, heard, later)
    if known is None:
        return []
    events: list[Event | UnknownLine] = []
    row = 0
    for place, line in zip(known.places.tolist(), known.lines, strict=True):
        event = read_event(line)
        events.append(event)
        if isinstance(event, Step):
            continue
        if isinstance(event, _AFTER_STEPS):
            _add_steps(series, known, row, place)
            row = max(row, place)
        series.add([event])
    _add_steps(series, known, row, known.steps.shape[1])
    completions.add(events)
    log.offset = known.offset
    return events


def read_whole(
    log: RunLog,
    series: Series,
    completions: Completions,
    heard: Callable[[float], None] = lambda _: None,
    later: Callable[[Callable[[], None]], None] = _at_once,
) -> list[Event | UnknownLine]:
    """Take in everything that a run has said, kept or not; return the events that tell how far it is."""
    events = open_run(log, series, completions, heard, later)
    while new := log.poll():
        series.add(new)
        completions.add(new)
        events += new
    return events


def _add_steps(series: Series, known: curves.Curves, first: int, last: int) -> None:
    if last > first:
        metrics = {name: values[first:last] for name, values in known.metrics.items()}
        series.add_steps(known.steps[:, first:last], metrics)
