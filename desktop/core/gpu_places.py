"""Where the samples of a run's cards stand on the axis of its curves, and what there is to draw of each card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desktop.core.feeds import AxisKind, places
from desktop.core.gpu_history import CardLine, GpuHistory
from desktop.core.series import Floats, Series

GAP_S = 5.0
"""Samples come once a second; where so many seconds are without one, a line is broken."""


@dataclass(frozen=True)
class GpuView:
    """The history as it was at one moment: it may be drawn while more is read."""

    times: Floats
    cards: dict[int, CardLine]
    columns: dict[tuple[int, str], Floats]

    def column(self, card: int, name: str) -> Floats:
        """Return one reading of one card, NaN where it is not known."""
        known = self.columns.get((card, name))
        return np.full(len(self.times), np.nan) if known is None else known


def view_of(history: GpuHistory, names: tuple[str, ...]) -> GpuView:
    """Return what has been read so far, without copying it."""
    columns = {(card, name): history.column(card, name) for card in history.cards for name in names}
    return GpuView(history.times, dict(history.cards), columns)


def places_of_times(series: Series, times: Floats, axis: AxisKind, shift: float = 0.0) -> Floats:
    """Return where moments stand on the axis of the curves; NaN before the first step and behind the last one."""
    known = np.maximum.accumulate(series.column("time"))
    if len(known) < 2 or not len(times):
        return np.full(len(times), np.nan)
    at = np.maximum.accumulate(times)
    placed: Floats = np.interp(at, known, places(series, axis, shift), left=np.nan, right=np.nan)
    return placed


def breaks(times: Floats) -> NDArray[np.intp]:
    """Return the indices of samples before which nothing was heard for a while: a line must not cross that."""
    return np.flatnonzero(np.diff(times, prepend=times[:1]) > GAP_S)


def stretches(x: Floats, is_so: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return from where to where something was so without a break, for things that are so at single samples."""
    edges: NDArray[np.int8] = np.diff(np.concatenate([[0], is_so.astype(np.int8), [0]]))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    last = np.minimum(ends, len(x) - 1)
    return list(zip(x[firsts].tolist(), x[last].tolist(), strict=True))


class LiveColumns:
    """The samples of the last hour in columns, one added at a time."""

    def __init__(self, kept: int = 3600) -> None:
        self._kept = kept
        self._count = 0
        self._times: Floats = np.empty(2 * kept)
        self._values: dict[tuple[int, str], Floats] = {}
        self._cards: dict[int, CardLine] = {}

    def append(self, moment: float, samples: Mapping[CardLine, Mapping[str, float | None]]) -> None:
        """Add the readings of every card that answered."""
        if self._count == len(self._times):
            self._count = self._kept
            for values in (self._times, *self._values.values()):
                values[: self._kept] = values[self._kept :].copy()
        at = self._count
        self._times[at] = moment
        for known in self._values.values():
            known[at] = np.nan
        for card, readings in samples.items():
            self._cards[card.number] = card
            for name, value in readings.items():
                column = self._values.get((card.number, name))
                if column is None:
                    column = self._values[card.number, name] = np.full(len(self._times), np.nan)
                column[at] = np.nan if value is None else value
        self._count += 1

    def view(self) -> GpuView:
        """Return the last hour, as it is now."""
        part = slice(max(0, self._count - self._kept), self._count)
        columns = {key: values[part].copy() for key, values in self._values.items()}
        return GpuView(self._times[part].copy(), dict(self._cards), columns)
