"""Divergence: a loss that is no number any more or that explodes, told apart from one that only jumps."""

from __future__ import annotations

import math
import statistics
from collections import deque

WINDOW = 50
"""Calm losses that say what is usual."""
ENOUGH = 10
"""Fewer say nothing."""
LASTING = 5
"""So many losses in a row have to be far out: one or two are a hard batch."""
NO_NUMBERS = 3
"""So many in a row have to be no number: in fp16 one is a step that the scaler leaves out."""
LEAST_RISE = 1.0
SPREADS = 8.0
"""Far out is above the lowest level by a whole, by as much as the level itself, and by so many times the spread."""
BLIND = 10.0
"""About what a language model loses that guesses blindly: before it is known what is usual, far out is above this..."""
AT_FIRST = 3.0
"""... and above so many times the highest loss so far: a rate that is far too high shows in the first steps."""


class Divergence:
    """Watches the losses of one trainer."""

    def __init__(self) -> None:
        self._calm: deque[float] = deque(maxlen=WINDOW)
        self._level: float | None = None
        self._far_out = 0
        self._no_numbers = 0

    def take(self, step: int, loss: float) -> str | None:
        """Take in the loss of one step; return in a sentence what is wrong once it lasts, else None."""
        if not math.isfinite(loss):
            self._no_numbers += 1
            return f"The loss is no number any more since step {step - NO_NUMBERS + 1}." if self._is_lost() else None
        self._no_numbers = 0
        if loss > self._bound():
            self._far_out += 1
            if self._far_out < LASTING:
                return None
            former = statistics.median(self._calm) if self._level is None else self._level
            self._calm, self._level = deque(maxlen=WINDOW), None
            self._far_out = 0
            return f"The loss explodes: it is {loss:.3g} at step {step} and was {former:.3g}."
        self._far_out = 0
        self._calm.append(loss)
        if len(self._calm) >= ENOUGH:
            usual = statistics.median(self._calm)
            self._level = usual if self._level is None else min(self._level, usual)
        return None

    def _is_lost(self) -> bool:
        return self._no_numbers == NO_NUMBERS

    def _bound(self) -> float:
        """Return above what a loss is far out; of the first one nobody can tell."""
        if self._level is not None:
            return self._level + self._room(self._level)
        return max(BLIND, AT_FIRST * max(map(abs, self._calm)) + LEAST_RISE) if self._calm else math.inf

    def _room(self, level: float) -> float:
        usual = statistics.median(self._calm)
        spread = statistics.median(abs(loss - usual) for loss in self._calm)
        return max(LEAST_RISE, abs(level), SPREADS * spread)
