"""Notices that somebody has set the clock of the machine, by another one that nobody can set."""

from __future__ import annotations

import time
from collections.abc import Callable

NOTICED_S = 2.0
"""A clock that is put right by less is not worth a word."""


def steady() -> float:
    """Return seconds of a clock that only ever goes on, also while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Compares the clock that people set with the steady one, from one look to the next."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._apart = wall() - steady()

    def set_by(self) -> float:
        """Return the seconds by which the clock was set since the last look: forward, or back below zero; mostly 0."""
        apart = self._wall() - steady()
        by = apart - self._apart
        if abs(by) < NOTICED_S:
            return 0.0
        self._apart = apart
        return by
