"""Opens a run: what its events have said so far goes into its curves and its latest answers, the rest is returned."""

from __future__ import annotations

from collections.abc import Callable

from desktop.core import curves
from desktop.core.completions import Completions
from desktop.core.run_log import RunLog
from desktop.core.series import Series
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
    read_event,
)

_AFTER_STEPS = (Hello, ClockSet, OutOfMemory, Round, Paused, Cancelled, Failed)
"""What these mean for the curves depends on the steps before them."""


def open_run(
    log: RunLog, series: Series, completions: Completions, heard: Callable[[float], None] = lambda _: None
) -> list[Event | UnknownLine]:
    """Take in what is kept of a long run, and return the events that tell how far it is; the log goes on from there.

    A long run that was never opened is read first, by a process of its own: some seconds for a million steps, and
    ``heard`` is told the share that has been read.
    """
    curves.prepare(log.path, heard)
    known = curves.load(log.path)
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
    log: RunLog, series: Series, completions: Completions, heard: Callable[[float], None] = lambda _: None
) -> list[Event | UnknownLine]:
    """Take in everything that a run has said, kept or not; return the events that tell how far it is."""
    events = open_run(log, series, completions, heard)
    while new := log.poll():
        series.add(new)
        completions.add(new)
        events += new
    return events


def _add_steps(series: Series, known: curves.Curves, first: int, last: int) -> None:
    if last > first:
        metrics = {name: values[first:last] for name, values in known.metrics.items()}
        series.add_steps(known.steps[:, first:last], metrics)
