"""The moving average of a curve: its start corrected, gaps left out, and if wanted by distance instead of by count."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from desktop.core import long_curves

Floats = NDArray[np.float64]
_WIDEST = 480
"""Over more than 500 values at a time numpy lets another thread in, and would wait for its return thousands of times
where a thread averages beside a busy window."""
_SETTLED = 512
"""After so many values the usual distance between two of them is taken as known."""
_USUAL = 0.85
_MOST = 0.99
_SHORT, _LONG = 20, 200
"""An average lags behind a falling curve: on its own by no more than a 20th of a short one, a 200th of a long one."""


def weight_for(count: int) -> float:
    """Return how strongly a curve of so many values is smoothed where nobody has said it, in whole hundredths.

    Weakly at first, so that the line of a run of 20 steps ends where its values end; 0.85 from 100 values to 1,000; a
    little more with each thousand, up to 0.99.
    """
    usual, most = (weight / (1 - weight) for weight in (_USUAL, _MOST))  # behind by so many values
    behind = min(count / _SHORT, max(usual, count / _LONG), most)
    return round(behind / (1 + behind), 2)


def smooth(values: Floats, weight: float, x: Floats | None = None) -> Floats:
    """Return the exponential moving average with its start corrected; NaN stays NaN and is not averaged in.

    ``weight`` in 0..1 is the share that the past keeps; 0 returns the values themselves, 1 the mean of all so far.
    With ``x`` the past fades by distance: after a gap of ten usual steps it counts as little as after ten values.
    """
    return Smoothed(weight, by_distance=x is not None).of(values, values if x is None else x)


class Smoothed:
    """The average of a curve that grows: what was averaged before is kept, only what is new costs anything."""

    def __init__(self, weight: float, *, by_distance: bool = False) -> None:
        self._weight = min(max(weight, 0.0), 1 - 1e-9)
        self._by_distance = by_distance
        self._rows = 0
        self._average: Floats = np.empty(0)
        self._sum = self._seen = 0.0
        self._last_x = np.nan
        self._usual = np.nan

    def of(self, values: Floats, x: Floats, same: int = 0) -> Floats:
        """Return the average as long as ``values``, whose first ``same`` are those of the call before."""
        if same < self._rows or (self._by_distance and self._rows < _SETTLED):
            self._begin_again()
        if self._weight == 0:
            self._rows = len(values)
            return values.copy()
        self._extend(values, x)
        return self._average[: self._rows]

    def _begin_again(self) -> None:
        self._rows, self._sum, self._seen, self._last_x, self._usual = 0, 0.0, 0.0, np.nan, np.nan

    def _extend(self, values: Floats, x: Floats) -> None:
        first, self._rows = self._rows, len(values)
        if self._rows > len(self._average):
            longer = np.empty(max(2 * len(self._average), self._rows))
            longer[:first] = self._average[:first]
            self._average = longer
        new = self._average[first : self._rows]
        if not self._by_distance:
            sums = long_curves.average(values[first:], self._weight, self._sum, self._seen, new)
            if sums is not None:
                self._sum, self._seen = sums
                return
        new[:] = np.nan
        said = np.flatnonzero(np.isfinite(values[first:]))
        if len(said):
            fresh = values[first:][said]
            new[said] = self._averaged(fresh, self._keeps(x, first, said))

    def _keeps(self, x: Floats, first: int, said: NDArray[np.intp]) -> Floats:
        """Return the share that the past keeps at each value."""
        if not self._by_distance:
            return np.full(len(said), self._weight)
        at = x[first:][said]
        gone = np.diff(at, prepend=self._last_x if np.isfinite(self._last_x) else at[0])
        if not np.isfinite(self._usual):
            known = gone[1:_SETTLED][gone[1:_SETTLED] > 0]
            self._usual = float(np.median(known)) if len(known) else np.nan
        self._last_x = float(at[-1])
        if not np.isfinite(self._usual):
            return np.full(len(said), self._weight)
        return np.power(self._weight, np.maximum(gone, 0.0) / self._usual)

    def _averaged(self, values: Floats, keeps: Floats) -> Floats:
        """Average values without gaps, side by side in as many blocks as each is long; then add what came before."""
        count = len(values)
        height = max(math.isqrt(count - 1) + 1, -(-count // _WIDEST))
        width = -(-count // height)
        padded = np.zeros((2, width * height))
        padded[0, :count], padded[1, :count] = values, keeps
        padded[1, count:] = 1.0
        # Across a row stand the values that have the same place in their blocks.
        value, keep = np.ascontiguousarray(padded.reshape(2, width, height).transpose(0, 2, 1))
        sums, weights, kept = np.empty_like(value), np.empty_like(value), np.empty_like(value)
        total, seen, share = np.zeros(width), np.zeros(width), np.ones(width)
        for place in range(height):
            total = total * keep[place] + value[place]
            seen = seen * keep[place] + 1.0
            share = share * keep[place]
            sums[place], weights[place], kept[place] = total, seen, share
        before = np.empty((2, width))
        for block in range(width):
            before[:, block] = self._sum, self._seen
            self._sum = self._sum * float(share[block]) + float(total[block])
            self._seen = self._seen * float(share[block]) + float(seen[block])
        sums += kept * before[0]
        weights += kept * before[1]
        padding = width * height - count
        if padding:  # the padding was averaged in with zeros that keep all: take it out of the state
            last = (count - 1) % height
            self._sum, self._seen = float(sums[last, -1]), float(weights[last, -1])
        flat: Floats = (sums / weights).T.reshape(-1)[:count]
        return flat
