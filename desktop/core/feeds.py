"""One number of one run as a chart draws it: over steps, time or tokens, smoothed, and only what is new worked out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from desktop.core.series import Floats, Series, StepColumn
from desktop.core.smoothing import Smoothed, weight_for
from desktop.core.thinning import Pyramid

AxisKind = Literal["step", "time", "clock", "tokens"]
"""time: minutes of training, without pauses; clock: minutes since the run began, pauses included."""
COLUMNS: tuple[StepColumn, ...] = get_args(StepColumn)

_FEW = 1000
LONG = 100_000
"""With more steps than that a run is worked out off the thread of the window first."""


@dataclass(frozen=True)
class Look:
    """How the numbers of every run are to be shown."""

    axis: AxisKind = "step"
    smoothing: float | None = None
    """How much of the past the smoothed line keeps, 0..1; None: as much as suits the length of each curve."""
    by_distance: bool = False


@dataclass(frozen=True)
class Drawn:
    """Points to draw; of the first ``same`` nothing has changed since they were asked for last."""

    x: Floats
    raw: Floats
    smoothed: Floats
    same: int = 0
    raw_pyramid: Pyramid | None = None
    """The values ready to be thinned, of a long run: it is worked out off the thread of the window."""
    smoothed_pyramid: Pyramid | None = None


def places(series: Series, axis: AxisKind, shift: float = 0.0) -> Floats:
    """Return where the steps of a run stand on an axis."""
    match axis:
        case "step":
            x = series.column("step")
        case "tokens":
            x = series.column("tokens")
        case "time":
            x = series.column("elapsed") / 60
        case "clock":
            time = series.column("time")
            # Another thread may have added a step since.
            time = straightened(time, series.column("step_s")[: len(time)])
            x = (time - time[:1]) / 60
    return x + shift if shift else x


def straightened(times: Floats, usual: Floats | float) -> Floats:
    """Return times of a clock that never goes back: where it was set back, the ``usual`` seconds have gone by."""
    gained = np.diff(times, prepend=times[:1])
    if not len(times) or gained.min() >= 0:
        return times
    straight: Floats = times[0] + np.cumsum(np.where(gained < 0, usual, gained))
    return straight


def places_of(series: Series, steps: Floats, axis: AxisKind, shift: float = 0.0) -> Floats:
    """Return where other steps stand, such as those of evaluations; between two known ones in proportion."""
    known = series.column("step")
    if axis == "step" or not len(known):
        return steps + shift
    return np.interp(steps, known, places(series, axis, shift))


def step_near(series: Series, x: float, axis: AxisKind, shift: float = 0.0) -> int:
    """Return the step whose place is nearest, or 0 where there is none."""
    index = nearest(places(series, axis, shift), x)
    return int(series.column("step")[index]) if index >= 0 else 0


def nearest(x: Floats, at: float) -> int:
    """Return the index of the value nearest to ``at`` in rising numbers, or -1 where there is none."""
    if not len(x):
        return -1
    right = int(np.clip(np.searchsorted(x, at), 1, max(1, len(x) - 1)))
    is_right = right < len(x) and abs(x[right] - at) < abs(x[right - 1] - at)
    return right if is_right else right - 1


def _is_level(y: Floats) -> bool:
    """Say whether all values are the same, gaps left out."""
    finite = y[np.isfinite(y)]
    return not len(finite) or bool(finite.min() == finite.max())


class Feed:
    """Follows one number of a run; keeps what it worked out."""

    def __init__(self, series: Series, name: str, *, keeps_gaps: bool) -> None:
        self._series = series
        self._name = name
        self._keeps_gaps = keeps_gaps
        self._asked: tuple[object, ...] = ()
        self._rows = self._points = 0
        self._x: Floats = np.empty(0)
        self._y: Floats = np.empty(0)
        self._smoothed = Smoothed(0)
        self.weight = 0.0
        """How strongly it was smoothed when it was drawn last."""
        self._counted = 0, 0
        """How many points were looked through, and how many of them say something."""
        self._is_calm = True
        self._pyramids = Pyramid(), Pyramid()

    def draw(self, look: Look, shift: float = 0.0) -> Drawn:
        """Return everything there is to draw of this number now."""
        values = self._values()
        asked = (look, shift, self._series.undone)
        if asked != self._asked or len(values) < self._rows:
            self._asked, self._rows, self._points = asked, 0, 0
            self._smoothed = Smoothed(self.weight, by_distance=look.by_distance)
        same = self._points
        x = places(self._series, look.axis, shift)
        # A run that is made ready by another thread may have got a step since.
        rows = min(len(x), len(values))
        x, y = self._points_of(x[:rows], values[:rows])
        weight = weight_for(self._said(y, same)) if look.smoothing is None else look.smoothing
        if weight != self.weight:
            self.weight, same = weight, 0
            self._smoothed = Smoothed(weight, by_distance=look.by_distance)
        weight_free = self._has_become_lively(y, same)
        smoothed = y if self._is_calm else self._smoothed.of(y, x, 0 if weight_free else same)
        if len(y) <= LONG:
            return Drawn(x, y, smoothed, same)
        for pyramid, values in zip(self._pyramids, (y, smoothed), strict=True):
            pyramid.update(values, same)
        return Drawn(x, y, smoothed, same, *self._pyramids)

    def _values(self) -> Floats:
        return self._series.column(self._name) if self._name in COLUMNS else self._series.metric(self._name)

    def _points_of(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the points, without those that say nothing unless a gap is to be seen."""
        first, self._rows = self._rows, len(y)
        if self._keeps_gaps:
            self._points = len(y)
            return x, y
        is_said = np.isfinite(y[first:])
        if self._points == first and is_said.all():
            self._points = len(y)
            return x, y
        said = np.flatnonzero(is_said)
        if self._points == first or not len(self._x):  # until now it was reported at every step
            self._x, self._y = x[:first].copy(), y[:first].copy()
        count = self._points + len(said)
        if count > len(self._x):
            self._x = np.concatenate([self._x[: self._points], np.empty(max(64, 2 * count - self._points))])
            self._y = np.concatenate([self._y[: self._points], np.empty(len(self._x) - self._points)])
        self._x[self._points : count], self._y[self._points : count] = x[first:][said], y[first:][said]
        self._points = count
        return self._x[:count], self._y[:count]

    def _said(self, y: Floats, same: int) -> int:
        """Return how many of the points say something; gaps are no steps that an average could lag behind."""
        counted, before = self._counted
        if same < counted or len(y) < counted:
            counted, before = 0, 0
        self._counted = len(y), before + int(np.count_nonzero(np.isfinite(y[counted:])))
        return self._counted[1]

    def _has_become_lively(self, y: Floats, same: int) -> bool:
        """What does not jump about would only be drawn too late, or in the noise of rounding: it is not smoothed."""
        if self._name == "learning_rate":
            return False
        was_calm = self._is_calm or not same
        # As a rule the first few tell already that a curve is lively.
        self._is_calm = was_calm and _is_level(y[:_FEW]) and _is_level(y)
        return was_calm and not self._is_calm


class Feeds:
    """What follows the numbers of one run, by name and by whether gaps are kept."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self._feeds: dict[tuple[str, bool], Feed] = {}
        self._ready: Look | None = None

    def of(self, name: str, *, keeps_gaps: bool) -> Feed:
        """Return what follows a number."""
        key = (name, keeps_gaps)
        if key not in self._feeds:
            self._feeds[key] = Feed(self.series, name, keeps_gaps=keeps_gaps)
        return self._feeds[key]

    def make_ready(self, wanted: Iterable[tuple[str, bool]], look: Look) -> None:
        """Work numbers out ahead, names and whether their gaps are kept; a million values take a tenth of a second."""
        for name, keeps_gaps in wanted:
            self.of(name, keeps_gaps=keeps_gaps).draw(look)
        self._ready = look

    def is_ready(self, look: Look) -> bool:
        """Say whether drawing the run so takes no long working out."""
        return len(self.series) <= LONG or self._ready == look


def evaluation_points(series: Series, name: str) -> tuple[Floats, Floats]:
    """Return steps and values of a number at the evaluations that reported it."""
    steps = series.evaluation("step")
    if name == "loss":
        values = series.evaluation("loss")
    elif name in COLUMNS:
        return steps[:0], steps[:0]
    else:
        values = series.evaluation_metric(name)
    said = np.isfinite(values)
    return steps[said], values[said]
