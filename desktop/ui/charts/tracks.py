"""The runs whose curves are seen together, and how each of their numbers gets into a chart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from desktop.core.feeds import AxisKind, Feeds, Look, evaluation_points, places_of
from desktop.core.series import Floats, Series
from desktop.core.smoothing import weight_for
from desktop.ui.charts.chart import Chart, Curve
from desktop.ui.charts.run_colours import Ink
from desktop.ui.theme import Colours

MAIN_CURVES = (
    Curve("raw", "faint"),
    Curve("smoothed"),
    Curve("evaluation", "points", 1),
    Curve("best", "star", 1),
    Curve("checkpoint", "marks", 2),
    Curve("memory full", "warning"),
    Curve("warning", "alarm"),
    Curve("paused", "pause"),
    Curve("resumed", "resume"),
    Curve("round", "round", 3),
)
MARK_NAMES = tuple(curve.name for curve in MAIN_CURVES[4:])
SMALL_CURVES = (Curve("raw", "faint"), Curve("smoothed", is_told=False), Curve("evaluation", "points", 1))
"""What was measured is told, as everywhere else: a smoothed value would be another number of the same name."""
_RAW_UP_TO = 4
"""With more runs than that the unsmoothed lines would only hide the others."""
_ORANGES = (1, 4)


@dataclass
class Track:
    """One run among those that are drawn."""

    run_id: str
    name: str
    feeds: Feeds
    ink: Ink
    shift: float = 0.0
    """How far it is moved along the axis, in the axis's unit."""
    is_shown: bool = True

    @property
    def series(self) -> Series:
        return self.feeds.series


def suffix(index: int, track: Track) -> str:
    """Return what the names of a run's curves end in; the run that is looked at has plain ones."""
    return "" if index == 0 else f" {track.run_id}"


def curves_for(tracks: list[Track], *, is_main: bool) -> tuple[Curve, ...]:
    """Return the curves that a chart of these runs has."""
    if len(tracks) == 1:
        return _in_colour_of(tracks[0].ink, MAIN_CURVES if is_main else SMALL_CURVES)
    found: list[Curve] = []
    for index, track in enumerate(tracks):
        end, run = suffix(index, track), {"run_id": track.run_id, "label": track.name}
        if is_main and len(tracks) <= _RAW_UP_TO:
            found.append(Curve(f"raw{end}", "faint", track.ink.colour, is_told=False, **run))  # type: ignore[arg-type]
        line = Curve(f"smoothed{end}", "line", track.ink.colour, is_told=False, dash=track.ink.dash, **run)  # type: ignore[arg-type]
        points = Curve(f"evaluation{end}", "points", track.ink.colour, False, marker=track.ink.marker, **run)  # type: ignore[arg-type]
        found += [line, points]
    if is_main:
        found += [replace(curve, is_told=False) for curve in MAIN_CURVES if curve.name in MARK_NAMES]
    return tuple(found)


def _in_colour_of(ink: Ink, curves: tuple[Curve, ...]) -> tuple[Curve, ...]:
    """Give a run its colour, and its evaluations one that stands out from it."""
    other = 0 if ink.colour in _ORANGES else 1
    own = ("raw", "smoothed")
    return tuple(
        replace(curve, colour=ink.colour if curve.name in own else other)
        if curve.name in (*own, "evaluation", "best")
        else curve
        for curve in curves
    )


def colours_for(curves: tuple[Curve, ...], colours: Colours) -> dict[str, str]:
    """Return the colour of every curve of a run."""
    return {curve.name: colours.curves[curve.colour % len(colours.curves)] for curve in curves if curve.run_id}


def smoothed_alike(look: Look, tracks: list[Track]) -> Look:
    """Smooth several runs as strongly as suits the longest of those shown: equal losses are to look equal."""
    shown = [len(track.series) for track in tracks if track.is_shown]
    if look.smoothing is not None or len(tracks) < 2 or not shown:
        return look
    return replace(look, smoothing=weight_for(max(shown)))


def fill(chart: Chart, name: str, tracks: list[Track], look: Look, *, is_main: bool) -> None:
    """Give a chart the points of a number of all runs."""
    curves = curves_for(tracks, is_main=is_main)
    chart.set_curves(curves)
    has = {curve.name for curve in curves}
    for index, track in enumerate(tracks):
        end = suffix(index, track)
        if not track.is_shown:
            for kind in ("raw", "smoothed", "evaluation"):
                if kind + end in has:
                    chart.show_curve(kind + end, np.empty(0), np.empty(0))
            continue
        drawn = track.feeds.of(name, keeps_gaps=is_main).draw(look, track.shift)
        if f"raw{end}" in has:
            chart.show_curve(f"raw{end}", drawn.x, drawn.raw, drawn.same, drawn.raw_pyramid)
        chart.show_curve(f"smoothed{end}", drawn.x, drawn.smoothed, drawn.same, drawn.smoothed_pyramid)
        steps, values = evaluation_points(track.series, name)
        chart.show_curve(f"evaluation{end}", places_of(track.series, steps, look.axis, track.shift), values)


def empty(chart: Chart) -> None:
    """Take all points away."""
    for curve in chart.curves:
        chart.show_curve(curve.name, np.empty(0), np.empty(0))


def fill_marks(chart: Chart, track: Track, axis: AxisKind) -> None:
    """Give the large chart what happened to the run that is looked at."""
    series = track.series
    marks: dict[str, Floats] = {
        "checkpoint": series.checkpoint_steps(),
        "memory full": series.out_of_memory_steps(),
        "warning": series.warning_steps(),
        "paused": series.pause_steps(),
        "resumed": series.resume_steps(),
        "round": series.round_steps(),
    }
    for name, steps in marks.items():
        x = places_of(series, steps, axis, track.shift)
        chart.show_curve(name, x, np.full(len(x), np.nan))
