"""A long curve for few pixels: the least and the greatest value of every column, so that no spike is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from desktop.core import long_curves

Floats = NDArray[np.float64]
_FIRST = 16
_STEP = 4
_RAW = 2
"""With no more than so many values a pixel they are drawn as they are."""
_FEW = 4
"""So many blocks make a pixel at least, so that it ends where it should."""


class Pyramid:
    """The least and greatest values of ever longer blocks; grows with its curve."""

    def __init__(self) -> None:
        self._rows = 0
        self._levels: list[tuple[Floats, Floats, NDArray[np.bool_]]] = []

    def update(self, y: Floats, same: int = 0) -> None:
        """Take in the whole curve; its first ``same`` values are those of the call before."""
        known, self._rows = min(same, self._rows), len(y)
        size, low, high = _FIRST, y, y
        gaps = np.empty(0, dtype=np.bool_)
        for level in range(64):
            count = -(-len(y) // size)
            if count <= 1 and level:
                del self._levels[level:]
                break
            factor = _FIRST if level == 0 else _STEP
            if level == len(self._levels):
                self._levels.append((np.empty(0), np.empty(0), np.empty(0, dtype=np.bool_)))
            first = min(known // size, len(self._levels[level][0]))
            part = slice(first * factor, None)
            new = _folded(low[part], high[part], gaps[part], factor) if level else _first_folded(y[part])
            old = self._levels[level]
            low = np.concatenate([old[0][:first], new[0]])
            high = np.concatenate([old[1][:first], new[1]])
            gaps = np.concatenate([old[2][:first], new[2]])
            self._levels[level] = (low, high, gaps)
            size *= _STEP

    def bounds(self, y: Floats, first: int, last: int) -> tuple[float, float]:
        """Return the least and greatest of ``y[first:last]``, NaN where there is none."""
        if last <= first:
            return np.nan, np.nan
        blocks_from, blocks_to = -(-first // _FIRST), last // _FIRST
        if blocks_to <= blocks_from or not self._levels:
            return float(np.fmin.reduce(y[first:last])), float(np.fmax.reduce(y[first:last]))
        low, high, _ = self._levels[0]
        edges = np.concatenate([y[first : blocks_from * _FIRST], y[blocks_to * _FIRST : last], [np.nan]])
        inner_low, inner_high = np.fmin.reduce(low[blocks_from:blocks_to]), np.fmax.reduce(high[blocks_from:blocks_to])
        return float(np.fmin(inner_low, np.fmin.reduce(edges))), float(np.fmax(inner_high, np.fmax.reduce(edges)))

    def thin(self, x: Floats, y: Floats, left: float, right: float, pixels: int) -> tuple[Floats, Floats]:
        """Return what to draw of the curve between ``left`` and ``right``: the values, or two of every pixel.

        A gap anywhere in a pixel interrupts the line there; one value beyond each side is kept, so that the line
        runs out of the picture.
        """
        first = max(0, int(np.searchsorted(x, left)) - 1)
        last = min(len(x), int(np.searchsorted(x, right, side="right")) + 1)
        if last - first <= _RAW * pixels:
            return x[first:last], y[first:last]
        pixel = (min(right, x[last - 1]) - max(left, x[first])) / pixels
        at, low, high, gaps = self._blocks(x, y, first, last, (last - first) / pixels, pixel)
        edges = at[0] + pixel * np.arange(pixels)
        cuts = np.clip(np.searchsorted(at, edges), 0, len(at) - 1)
        cuts = cuts[np.diff(cuts, prepend=-1) > 0]
        least, most = np.fmin.reduceat(low, cuts), np.fmax.reduceat(high, cuts)
        return _zigzag(at[cuts], least, most, np.logical_or.reduceat(gaps, cuts))

    def _blocks(
        self, x: Floats, y: Floats, first: int, last: int, in_pixel: float, pixel: float
    ) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Return place, least, greatest and gaps of the longest blocks of which several fit a pixel.

        Where steps took much longer than elsewhere a block is wider than a pixel; its values then come one by one.
        """
        level = -1
        while level + 1 < len(self._levels) and in_pixel >= _FEW * _FIRST * _STEP ** (level + 1):
            level += 1
        if level < 0:
            part = y[first:last]
            return x[first:last], part, part, np.isnan(part)
        size = _FIRST * _STEP**level
        begin, end = first // size, -(-last // size)
        lows, highs, broken = self._levels[level]
        low, high, gaps = lows[begin:end], highs[begin:end], broken[begin:end]
        at = x[begin * size : last : size]
        is_wide = np.diff(at, append=x[last - 1]) > pixel
        if not is_wide.any():
            return at, low, high, gaps
        counts = np.where(is_wide, size, 1)
        block = np.repeat(np.arange(len(at)), counts)
        within = np.arange(len(block)) - np.repeat(np.cumsum(counts) - counts, counts)
        index = (begin + block) * size + within
        real = index < last
        block, index = block[real], index[real]
        is_single = is_wide[block]
        single = y[index]
        return (
            x[index],
            np.where(is_single, single, low[block]),
            np.where(is_single, single, high[block]),
            np.where(is_single, np.isnan(single), gaps[block]),
        )


def _first_folded(y: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the least, the greatest and the gaps of the shortest blocks."""
    return long_curves.fold(y, _FIRST) or _folded(y, y, np.isnan(y), _FIRST)


def _folded(
    low: Floats, high: Floats, gaps: NDArray[np.bool_], factor: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return the least, the greatest and the gaps of every ``factor`` values; the last block may be short."""
    whole = len(low) // factor * factor
    cuts = np.arange(0, len(low), factor)
    if whole != len(low) or not whole:
        return np.fmin.reduceat(low, cuts), np.fmax.reduceat(high, cuts), np.logical_or.reduceat(gaps, cuts)
    shape = (-1, factor)
    broken: NDArray[np.bool_] = np.any(gaps.reshape(shape), axis=1)
    return np.fmin.reduce(low.reshape(shape), axis=1), np.fmax.reduce(high.reshape(shape), axis=1), broken


def _zigzag(x: Floats, least: Floats, most: Floats, broken: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return least and greatest of each block, as the curve goes up or down, with a gap behind one that has a gap."""
    middle = least + most
    up = np.diff(middle, append=middle[-1]) >= 0
    columns = np.empty((len(x), 3))
    columns[:, 0], columns[:, 1] = np.where(up, least, most), np.where(up, most, least)
    columns[:, 2] = np.nan
    keep = np.ones(columns.shape, dtype=np.bool_)
    keep[:, 2] = broken
    return np.repeat(x, 3).reshape(-1, 3)[keep], columns[keep]
