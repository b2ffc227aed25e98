"""Which evaluation was the best one so far, and for how many there was no better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class Best:
    """The best evaluation by one metric; it goes through a checkpoint, so that a resume knows it too."""

    def __init__(self, metric: str, more_is_better: bool) -> None:
        self._metric = metric
        self._sign = 1.0 if more_is_better else -1.0
        self._value: float | None = None
        self.step: int | None = None
        self.without_progress = 0

    def take(self, step: int, metrics: Mapping[str, float | None]) -> bool:
        """Take in one evaluation; say whether it is the best so far. One that is no number never is."""
        value = metrics.get(self._metric)
        if value is None or not math.isfinite(value):
            self.without_progress += 1
            return False
        if self._value is None or self._sign * value > self._sign * self._value:
            self._value, self.step, self.without_progress = value, step, 0
            return True
        self.without_progress += 1
        return False

    def note(self) -> dict[str, Any]:
        """Return what a checkpoint remembers."""
        return {"value": self._value, "step": self.step, "without_progress": self.without_progress}

    def recall(self, note: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint remembers."""
        self._value, self.step = note.get("value"), note.get("step")
        self.without_progress = note.get("without_progress", 0)

    def forget(self) -> None:
        """Begin anew: what was best is not there any more."""
        self.recall({})
