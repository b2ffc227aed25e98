"""The curves of one run: numbers by step, grown in place, undone by a resume."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trainer_image.contract import Checkpoint, Evaluation, Event, Hello, Step, UnknownLine

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


class Series:
    """What a chart draws of one run."""

    def __init__(self) -> None:
        self._steps = _Table(len(_STEP_COLUMNS))
        self._evaluations = _Table(3)
        self._checkpoints = _Table(1)

    def add(self, events: Iterable[Event | UnknownLine]) -> bool:
        """Take in events; return whether a curve changed."""
        changed = False
        for event in events:
            match event:
                case Step():
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
                case Evaluation():
                    self._evaluations.append((event.step, event.time.timestamp(), _or_nan(event.loss)))
                case Checkpoint():
                    self._checkpoints.append((event.step,))
                case Hello():
                    for table in (self._steps, self._evaluations, self._checkpoints):
                        table.keep_up_to(event.resumed_from or 0)
                case _:
                    continue
            changed = True
        return changed

    def __len__(self) -> int:
        return self._steps.rows

    def column(self, name: StepColumn) -> Floats:
        """Return one column by step; a view that the next ``add`` may outgrow, so draw it now or copy it."""
        return self._steps.column(_STEP_COLUMNS.index(name))

    def evaluation(self, name: EvaluationColumn) -> Floats:
        return self._evaluations.column(("step", "time", "loss").index(name))

    def checkpoint_steps(self) -> Floats:
        return self._checkpoints.column(0)


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
