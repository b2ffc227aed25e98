"""The steps of a long run kept beside its events as plain columns, so that opening it again costs no parsing."""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from desktop.core.series import STEP_COLUMNS, Floats
from trainer_image.contract import Step

NAME = ".curves"
"""The file in the run folder; whoever deletes it loses a second or two."""
LARGE = 4 * 1024 * 1024
"""From so many bytes on that are not in the file, it is brought up to date before they are read line by line."""
LONG = 1024 * 1024
"""From so many bytes on a window does not read a run itself: a thread does."""
COLUMNS = len(STEP_COLUMNS) - 1
"""All columns but ``elapsed``, which the series adds up itself."""
TOLD = 64
"""So many of the last steps are kept as they were said: they tell how far the run is, and how fast."""
_VERSION = 2
_WITNESS = 4096
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Curves:
    """What the first ``offset`` bytes of a run's events say."""

    offset: int = 0
    steps: Floats = field(default_factory=lambda: np.empty((COLUMNS, 0)))
    metrics: dict[str, Floats] = field(default_factory=dict)
    lines: tuple[bytes, ...] = ()
    """Every line that is no step, of the answers only the latest; and those steps that tell how far the run is."""
    places: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """How many steps came before each of the lines."""


def is_long(events_file: Path) -> bool:
    """Say whether reading a run would hold up a window, whether its curves are kept or not."""
    try:
        return events_file.stat().st_size > LONG
    except OSError:
        return False


def counts_from_its_step(kind: str, line: bytes) -> bool:
    """Say whether a line means something else with another step before it, which is kept with it then.

    A resume goes on behind that step, a warning stands at it, and what has ended took so long after it.
    """
    return kind in ("hello", "warning") or (kind == "phase" and b'"seconds":null' not in line)


def numbers_of(step: Step) -> tuple[float, ...]:
    """Return what the columns have of a step, NaN where it says nothing."""
    loss, norm = (math.nan if number is None else number for number in (step.loss, step.grad_norm))
    moment = step.time.timestamp()
    return step.step, moment, step.tokens, loss, step.learning_rate, norm, step.tokens_per_s, step.step_s


def is_prepared(events_file: Path) -> bool:
    """Say whether a run can be opened at once: it is short, or its curves are kept."""
    try:
        size = events_file.stat().st_size
        if size <= LARGE:
            return True
        with events_file.with_name(NAME).open("rb") as file:
            header = _read_header(file, events_file)
    except OSError:
        return not events_file.exists()
    return header is not None and size - int(header["offset"]) <= LARGE


def _read_header(file: BinaryIO, events_file: Path) -> dict[str, Any] | None:
    """Return what the file says of itself, or None where it belongs to other events."""
    try:
        header: dict[str, Any] = json.loads(file.readline(_LONGEST_HEADER))
        fits = header["version"] == _VERSION and header["witness"] == _witness(events_file, header["offset"])
    except (ValueError, KeyError, TypeError):
        return None
    return header if fits else None


def load(events_file: Path) -> Curves | None:
    """Return what is kept of a run's curves, or None where there is nothing that fits the events as they are now."""
    try:
        with events_file.with_name(NAME).open("rb") as file:
            header = _read_header(file, events_file)
            if header is None:
                return None
            rows, names = header["rows"], header["metrics"]
            table = np.fromfile(file, np.float64, (COLUMNS + len(names)) * rows).reshape(COLUMNS + len(names), rows)
            places = np.fromfile(file, np.int64, header["lines"])
            lines = tuple(file.read().split(b"\n")) if len(places) else ()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if len(lines) != len(places):
        return None
    metrics = {name: table[COLUMNS + index] for index, name in enumerate(names)}
    return Curves(header["offset"], table[:COLUMNS], metrics, lines, places)


def save(events_file: Path, curves: Curves) -> None:
    """Keep the curves beside the events; whole, or as they were before."""
    header = {
        "version": _VERSION,
        "offset": curves.offset,
        "witness": _witness(events_file, curves.offset),
        "rows": curves.steps.shape[1],
        "metrics": list(curves.metrics),
        "lines": len(curves.lines),
    }
    path = events_file.with_name(NAME)
    aside = path.with_name(f"{NAME}.{os.getpid()}-{threading.get_ident()}")
    try:
        with aside.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            np.ascontiguousarray(curves.steps).tofile(file)
            for values in curves.metrics.values():
                np.ascontiguousarray(values).tofile(file)
            np.ascontiguousarray(curves.places).tofile(file)
            file.write(b"\n".join(curves.lines))
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _witness(events_file: Path, offset: int) -> str:
    """Return a mark of the beginning of the events and of what stands before ``offset``; another file has another."""
    with events_file.open("rb") as file:
        if file.seek(0, 2) < offset:
            return "shorter"
        file.seek(0)
        begin = file.read(min(_WITNESS, offset))
        file.seek(max(0, offset - _WITNESS))
        return hashlib.sha256(begin + file.read(min(_WITNESS, offset))).hexdigest()
