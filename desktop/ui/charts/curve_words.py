"""What is said of a place under the crosshair: where it stands, and every value there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from desktop.core.feeds import AxisKind, step_near
from desktop.ui import words
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.crosshair import Line
from desktop.ui.charts.curve_items import SIGNS, Curve
from desktop.ui.charts.metric_words import title_of
from desktop.ui.charts.tracks import Track


def lines_of(chart: Chart, x: float, is_alone: bool) -> list[Line]:
    """Return the values of a chart; beside other runs only those of the smoothed lines, as these are what is seen."""
    return [
        Line(SIGNS[curve.look], chart.colour_of(curve), _words_of(curve), value)
        for curve, value in chart.words_at(x)
        if is_alone or curve.look != "faint"
    ]


def lines_beside(charts: Sequence[tuple[str, Chart]], source: Chart, x: float) -> list[Line]:
    """Return what the other charts measured there, by the names of their numbers."""
    return [
        Line("", "", title_of(name), value)
        for name, chart in charts
        if chart is not source and not chart.isHidden()
        for curve, value in chart.words_at(x)
        if curve.look == "faint"
    ]


def place(track: Track, x: float, axis: AxisKind) -> str:
    """Return where the crosshair stands, in every way that a place can be said."""
    series = track.series
    step = step_near(series, x, axis, track.shift)
    if not step:
        return ""
    index = int(np.searchsorted(series.column("step"), step))
    elapsed, tokens = float(series.column("elapsed")[index]), float(series.column("tokens")[index])
    return f"step {words.count(step)} · {words.duration(elapsed)} · {words.count(tokens)} tokens"


def _words_of(curve: Curve) -> str:
    """Return what a curve is called beside others, where that of a run has the run's name."""
    return f"{curve.words}, evaluation" if curve.run_id and curve.look == "points" else curve.words
