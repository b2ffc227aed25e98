"""The curves of one run: numbers by step, grown in place, undone by a resume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer_image.contract import Checkpoint, Evaluation, Event, Hello, OutOfMemory, Round, Step, UnknownLine

Floats = NDArray[np.float64]
StepColumn = Literal["step", "time", "tokens", "loss", "learning_rate", "grad_norm", "tokens_per_s", "step_s"]
EvaluationColumn = Literal["step", "time", "loss"]
_STEP_COLUMNS: tuple[StepColumn, ...] = (
    "step",
    "time",
    "tokens",
    "loss",
    "learning_rate",
    "grad_norm",
    "tokens_per_s",
    "step_s",
)


class _Table:
    """Rows of floats that double in size when they are full."""

    def __init__(self, columns: int) -> None:
        self._data: Floats = np.empty((columns, 1024))
        self.rows = 0

    def append(self, values: Iterable[float]) -> None:
        if self.rows == self._data.shape[1]:
            self._data = np.concatenate([self._data, np.empty_like(self._data)], axis=1)
        self._data[:, self.rows] = list(values)
        self.rows += 1

    def column(self, index: int) -> Floats:
        return self._data[index, : self.rows]

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
        self._steps = _Table(len(_STEP_COLUMNS))
        self._step_metrics = _Metrics()
        self._evaluations = _Table(3)
        self._evaluation_metrics = _Metrics()
        self._checkpoints = _Table(1)
        self._out_of_memory: list[float] = []
        self._rounds: list[float] = []

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
                case OutOfMemory():
                    self._out_of_memory.append(self._last_step())
                case Round():
                    self._rounds.append(self._last_step())
                case Hello():
                    self._undo(event.resumed_from or 0)
                case _:
                    continue
            changed = True
        return changed

    def _add_step(self, event: Step) -> None:
        self._steps.append(
            (
                event.step,
                event.time.timestamp(),
                event.tokens,
                _or_nan(event.loss),
                event.learning_rate,
                _or_nan(event.grad_norm),
                event.tokens_per_s,
                event.step_s,
            )
        )
        self._step_metrics.append(event.metrics)

    def _last_step(self) -> float:
        return float(self._steps.column(0)[-1]) if self._steps.rows else 0.0

    def _undo(self, step: int) -> None:
        for table in (self._steps, self._evaluations, self._checkpoints):
            table.keep_up_to(step)
        self._step_metrics.keep(self._steps.rows)
        self._evaluation_metrics.keep(self._evaluations.rows)

    def __len__(self) -> int:
        return self._steps.rows

    def column(self, name: StepColumn) -> Floats:
        """Return one column by step; a view that the next ``add`` may outgrow, so draw it now or copy it."""
        return self._steps.column(_STEP_COLUMNS.index(name))

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

    def round_steps(self) -> Floats:
        """Return after which steps a round of STaR sampled."""
        return np.array(self._rounds)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def smooth(values: Floats, weight: float) -> Floats:
    """Return the exponential moving average with its start corrected; NaN stays NaN and is not averaged in.

    ``weight`` in 0..1 is the share that the past keeps; 0 returns the values themselves, 1 the mean of all so far.
    """
    weight = min(weight, 1 - 1e-9)  # at 1 itself the corrected start is 0 / 0, and this close to it the same
    smoothed = np.full_like(values, np.nan)
    mean, seen = 0.0, 0.0
    for index, value in enumerate(values.tolist()):
        if value == value:
            mean = weight * mean + (1 - weight) * value
            seen = weight * seen + (1 - weight)
            smoothed[index] = mean / seen
    return smoothed
