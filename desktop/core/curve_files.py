"""The curves of runs as a table for other programs: every value as it was measured."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from desktop.core.feeds import COLUMNS
from desktop.core.series import Floats, Series, StepColumn
from desktop.errors import StoreError

_PLACES: tuple[StepColumn, ...] = ("step", "time", "elapsed", "tokens")


@dataclass(frozen=True)
class RunTable:
    """One run to write: what it is called, and its curves."""

    run_id: str
    name: str
    series: Series


def write_csv(path: Path, runs: Sequence[RunTable]) -> None:
    """Write every step of the runs, and their evaluations, a row each.

    Columns: run, name, kind (step or evaluation), step, time (ISO 8601, UTC), seconds (of training), tokens, then every
    number by its name in the log. What was not measured is left empty.
    """
    numbers: list[str] = [name for name in COLUMNS if name not in _PLACES]
    found = (name for run in runs for name in (*run.series.metric_names(), *run.series.evaluation_metric_names()))
    numbers += dict.fromkeys(name for name in found if name not in numbers)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["run", "name", "kind", "step", "time", "seconds", "tokens", *numbers])
            for run in runs:
                table.writerows(_steps(run, numbers))
                table.writerows(_evaluations(run, numbers))
    except OSError as error:
        raise StoreError(f"{path.name} cannot be written: {error.strerror}.", "Choose another folder.") from error


def _steps(run: RunTable, numbers: Iterable[str]) -> Iterable[list[str]]:
    series = run.series
    columns = [series.column(name) if name in COLUMNS else series.metric(name) for name in numbers]
    places = [series.column(name) for name in _PLACES]
    for index in range(len(series)):
        step, time, elapsed, tokens = (float(column[index]) for column in places)
        values = [_exact(float(column[index])) for column in columns]
        yield [run.run_id, run.name, "step", f"{step:.0f}", _moment(time), _exact(elapsed), f"{tokens:.0f}", *values]


def _evaluations(run: RunTable, numbers: Iterable[str]) -> Iterable[list[str]]:
    series = run.series
    steps, times = series.evaluation("step"), series.evaluation("time")
    known = series.column("step")
    columns = [_evaluated(series, name) for name in numbers]
    for index, step in enumerate(steps.tolist()):
        row = int(np.searchsorted(known, step))
        is_known = row < len(known) and known[row] == step
        elapsed = _exact(float(series.column("elapsed")[row])) if is_known else ""
        tokens = f"{series.column('tokens')[row]:.0f}" if is_known else ""
        values = [_exact(float(column[index])) for column in columns]
        yield [run.run_id, run.name, "evaluation", f"{step:.0f}", _moment(times[index]), elapsed, tokens, *values]


def _evaluated(series: Series, name: str) -> Floats:
    if name == "loss":
        return series.evaluation("loss")
    if name in COLUMNS:
        return np.full(len(series.evaluation("step")), np.nan)
    return series.evaluation_metric(name)


def _exact(value: float) -> str:
    """Return the shortest text that is read back as the same number; nothing for none."""
    return repr(value) if np.isfinite(value) else ""


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
