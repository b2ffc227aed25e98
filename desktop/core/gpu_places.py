"""Where the samples of a run's cards stand on the axis of its curves, and what there is to draw of each card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from desktop.core.feeds import AxisKind, places
from desktop.core.gpu_history import CardLine, GpuHistory
from desktop.core.series import Floats, Series
from trainer_image.contract import Clock

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
    if len(series) < 2 or not len(times):
        return np.full(len(times), np.nan)
    known, at = _on_one_clock(series.column("time"), series.column("step_s"), times)
    placed: Floats = np.interp(at, known, places(series, axis, shift), left=np.nan, right=np.nan)
    return placed


def _on_one_clock(steps: Floats, step_s: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Return the times of steps and of samples, neither of which goes back where the clock was set back.

    The samples tell how long that took, as they come once a second; what nobody can place is put beyond the last step.
    """
    falls, cuts = _set_back(steps), _set_back(times)
    added = np.zeros(len(steps))
    added[falls] = steps[falls - 1] - steps[falls] + step_s[falls]
    at = times.copy()
    met: list[tuple[int, int]] = []
    for cut, end in zip(cuts, np.append(cuts[1:], len(times)), strict=False):
        last, first = times[cut - 1], times[cut]
        left = falls[falls > met[-1][1]] if met else falls
        ends = np.append(left[1:], len(steps))[: len(left)]
        # Samples that were taken between the same two jumps as some steps have times like theirs.
        fits = left[(steps[left] <= times[end - 1] + GAP_S) & (steps[ends - 1] >= first - GAP_S)]
        if len(fits):
            added[fits[0]] = max(added[fits[0]], last - first + 1)
            met.append((cut, fits[0]))
        elif not len(left) and last >= steps[-1] - GAP_S:
            at[cut:] = np.inf  # no step has been made since
            break
    later: Floats = np.cumsum(added)
    for number, (cut, fall) in enumerate(met):
        end = met[number + 1][0] if number + 1 < len(met) else len(times)
        at[cut:end] += later[fall]
    return np.maximum.accumulate(steps + later), np.maximum.accumulate(at)


def _set_back(times: Floats) -> NDArray[np.intp]:
    """Return the indices before which a clock was set back; the odd second is none."""
    return np.flatnonzero(np.diff(times, prepend=times[:1]) < -GAP_S)


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

    def __init__(self, kept: int = 3600, clock: Clock | None = None) -> None:
        self._kept = kept
        self._clock = clock or Clock()
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
        self._times[:at] += self._clock.set_by()  # what was before stands by the clock as it is now
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
