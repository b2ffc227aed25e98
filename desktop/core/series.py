"""The curves of one run: numbers by step, grown in place, undone by a resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from desktop.core.smoothing import smooth
from trainer_image.contract import (
    Cancelled,
    Checkpoint,
    ClockSet,
    Evaluation,
    Event,
    Failed,
    Hello,
    OutOfMemory,
    Paused,
    Round,
    Step,
    UnknownLine,
    Warned,
)

__all__ = ["STEP_COLUMNS", "EvaluationColumn", "Floats", "Series", "StepColumn", "smooth"]

Floats = NDArray[np.float64]
StepColumn = Literal[
    "step", "time", "tokens", "loss", "learning_rate", "grad_norm", "tokens_per_s", "step_s", "elapsed"
]
EvaluationColumn = Literal["step", "time", "loss"]
STEP_COLUMNS: tuple[StepColumn, ...] = (
    "step",
    "time",
    "tokens",
    "loss",
    "learning_rate",
    "grad_norm",
    "tokens_per_s",
    "step_s",
    "elapsed",
)
"""What is known of every step; ``elapsed`` is seconds of training, without the times when the run stood still.

``time`` is by the clock as it was set last: where somebody set it, what came before is moved with it.
"""


class _Table:
    """Rows of floats that double in size when they are full."""

    def __init__(self, columns: int) -> None:
        self._data: Floats = np.empty((columns, 64))
        self.rows = 0

    def _make_room(self, more: int) -> None:
        if self.rows + more > self._data.shape[1]:
            longer = np.empty((len(self._data), max(2 * self._data.shape[1], self.rows + more)))
            longer[:, : self.rows] = self._data[:, : self.rows]
            self._data = longer

    def append(self, values: Iterable[float]) -> None:
        self._make_room(1)
        self._data[:, self.rows] = list(values)
        self.rows += 1

    def extend(self, *parts: Floats) -> None:
        """Take in many rows at once, as arrays of columns, the next columns in the next array."""
        more, first = parts[0].shape[1], 0
        self._make_room(more)
        for part in parts:
            self._data[first : first + len(part), self.rows : self.rows + more] = part
            first += len(part)
        self.rows += more

    def column(self, index: int) -> Floats:
        return self._data[index, : self.rows]

    def move(self, index: int, by: float) -> None:
        """Add something to one column of every row so far."""
        self._data[index, : self.rows] += by

    def keep_up_to(self, step: float) -> None:
        """Drop the rows behind ``step``; steps only ever grow, so they are the last ones."""
        self.rows = int(np.searchsorted(self.column(0), step, side="right"))


class _Metrics:
    """Further columns by name, each beginning where it is first heard of; before that it is a gap."""

    def __init__(self) -> None:
        self._columns: dict[str, Floats] = {}
        self._rows = 0

    def append(self, metrics: Mapping[str, float | None]) -> None:
        for name in metrics:
            if name not in self._columns:
                self._columns[name] = np.full(1024, np.nan)
        row = self._rows
        for name, column in self._columns.items():
            if row >= len(column):
                longer = np.full(2 * max(row, len(column)), np.nan)
                longer[: len(column)] = column
                self._columns[name] = column = longer
            column[row] = _or_nan(metrics.get(name))
        self._rows += 1

    def extend(self, metrics: Mapping[str, Floats], rows: int) -> None:
        """Take in many rows at once; a name that is not among them has a gap there."""
        for name, values in metrics.items():
            if name not in self._columns and np.isnan(values).all():
                continue
            column = self._columns.get(name, np.full(self._rows, np.nan))
            longer = column
            if len(column) < self._rows + rows:
                longer = np.full(self._rows + rows, np.nan)
                longer[: self._rows] = column[: self._rows]
            longer[self._rows : self._rows + rows] = values
            self._columns[name] = longer
        self._rows += rows
        for name, column in self._columns.items():
            if len(column) < self._rows:
                self._columns[name] = np.concatenate([column, np.full(self._rows - len(column), np.nan)])

    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def column(self, name: str) -> Floats:
        return self._columns[name][: self._rows] if name in self._columns else np.full(self._rows, np.nan)

    def keep(self, rows: int) -> None:
        """Drop the rows behind the first ``rows``; what has no value left is forgotten."""
        for column in self._columns.values():
            column[rows:] = np.nan
        self._rows = rows
        self._columns = {name: column for name, column in self._columns.items() if not np.isnan(column[:rows]).all()}


class Series:
    """What a chart draws of one run."""

    def __init__(self) -> None:
        self._steps = _Table(len(STEP_COLUMNS))
        self._step_metrics = _Metrics()
        self._evaluations = _Table(3)
        self._evaluation_metrics = _Metrics()
        self._checkpoints = _Table(1)
        self._out_of_memory: list[float] = []
        self._rounds: list[float] = []
        self._pauses: list[float] = []
        self._resumes: list[float] = []
        self._warnings: list[float] = []
        self._stands_still = True
        """The next step is the first of a trainer's process: the time before it was no training."""
        self.undone = 0
        """How often rows were taken back; while it stays, what was drawn before is still there."""

    def add(self, events: Iterable[Event | UnknownLine]) -> bool:
        """Take in events; return whether a curve changed."""
        changed = False
        for event in events:
            match event:
                case Step():
                    self._add_step(event)
                case Evaluation():
                    self._evaluations.append((event.step, event.time.timestamp(), _or_nan(event.loss)))
                    self._evaluation_metrics.append(event.metrics)
                case Checkpoint():
                    self._checkpoints.append((event.step,))
                case ClockSet():
                    self._steps.move(1, event.seconds)
                    self._evaluations.move(1, event.seconds)
                case OutOfMemory():
                    self._out_of_memory.append(self._last_step())
                case Round():
                    self._rounds.append(self._last_step())
                case Warned():
                    if not self._stands_still:  # else it is about the start, not about the curve
                        self._warnings.append(self._last_step())
                case Paused() | Cancelled() | Failed():
                    self._pauses.append(self._last_step())
                    self._stands_still = True
                case Hello():
                    self._undo(event.resumed_from or 0)
                    if event.resumed_from:
                        self._resumes.append(event.resumed_from)
                case _:
                    continue
            changed = True
        return changed

    def add_steps(self, columns: Floats, metrics: Mapping[str, Floats]) -> None:
        """Take in many steps of one stretch at once: the columns as in STEP_COLUMNS, without ``elapsed``."""
        if not columns.shape[1]:
            return
        gained = np.diff(columns[1], prepend=columns[1, :1])
        if self._steps.rows and not self._stands_still:
            gained[0] = columns[1, 0] - self._steps.column(1)[-1]
        else:
            gained[0] = columns[7, 0] if self._steps.rows else 0.0
        gained = np.where(gained < 0, columns[7], gained)  # a clock set back
        before = self._steps.column(8)[-1] if self._steps.rows else 0.0
        self._steps.extend(columns, (before + np.cumsum(gained))[None])
        self._step_metrics.extend(metrics, columns.shape[1])
        self._stands_still = False

    def _add_step(self, event: Step) -> None:
        now = event.time.timestamp()
        if not self._steps.rows:
            elapsed = 0.0
        else:
            gained = event.step_s if self._stands_still else now - float(self._steps.column(1)[-1])
            elapsed = float(self._steps.column(8)[-1]) + (gained if gained >= 0 else event.step_s)
        self._stands_still = False
        self._steps.append(
            (
                event.step,
                now,
                event.tokens,
                _or_nan(event.loss),
                event.learning_rate,
                _or_nan(event.grad_norm),
                event.tokens_per_s,
                event.step_s,
                elapsed,
            )
        )
        self._step_metrics.append(event.metrics)

    def _last_step(self) -> float:
        return float(self._steps.column(0)[-1]) if self._steps.rows else 0.0

    def _undo(self, step: int) -> None:
        self._stands_still = True
        self.undone += 1
        self._warnings = [known for known in self._warnings if known <= step]
        for table in (self._steps, self._evaluations, self._checkpoints):
            table.keep_up_to(step)
        self._step_metrics.keep(self._steps.rows)
        self._evaluation_metrics.keep(self._evaluations.rows)

    def __len__(self) -> int:
        return self._steps.rows

    def column(self, name: StepColumn) -> Floats:
        """Return one column by step; a view that the next ``add`` may outgrow, so draw it now or copy it."""
        return self._steps.column(STEP_COLUMNS.index(name))

    def metric_names(self) -> tuple[str, ...]:
        """Return what the method reports while it trains, in the order first heard of."""
        return self._step_metrics.names()

    def metric(self, name: str) -> Floats:
        """Return one of the method's metrics, as long as the steps; a step that did not report it is a gap."""
        return self._step_metrics.column(name)

    def evaluation(self, name: EvaluationColumn) -> Floats:
        return self._evaluations.column(("step", "time", "loss").index(name))

    def evaluation_metric_names(self) -> tuple[str, ...]:
        """Return what the method reports at evaluations, in the order first heard of."""
        return self._evaluation_metrics.names()

    def evaluation_metric(self, name: str) -> Floats:
        """Return one of the metrics of the evaluations, as long as these."""
        return self._evaluation_metrics.column(name)

    def checkpoint_steps(self) -> Floats:
        return self._checkpoints.column(0)

    def out_of_memory_steps(self) -> Floats:
        """Return after which steps the memory was full; the resume that follows does not undo that."""
        return np.array(self._out_of_memory)

    def warning_steps(self) -> Floats:
        """Return after which steps the trainer warned of something; a resume from before undoes it."""
        return np.array(self._warnings)

    def round_steps(self) -> Floats:
        """Return after which steps a round of STaR sampled."""
        return np.array(self._rounds)

    def pause_steps(self) -> Floats:
        """Return after which steps the run stopped before its end: paused, cancelled or failed."""
        return np.array(self._pauses)

    def resume_steps(self) -> Floats:
        """Return from which steps it went on."""
        return np.array(self._resumes)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
