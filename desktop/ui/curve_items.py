"""One curve on a plot: all its points are kept, and as many are drawn as there are pixels for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QPen

from desktop.core.feeds import nearest
from desktop.core.series import Floats
from desktop.core.thinning import Pyramid

Look = Literal["line", "faint", "points", "marks", "star", "warning", "alarm", "pause", "resume", "round"]
SIGNS: dict[Look, str] = {
    "line": "━",
    "faint": "━",
    "points": "◆",
    "marks": "□",
    "star": "★",
    "warning": "▼",
    "alarm": "!",
    "pause": "‖",
    "resume": "▶",
    "round": "●",
}
MARKS: tuple[Look, ...] = ("marks", "warning", "alarm", "pause", "resume", "round")
"""What happened at a step and has no height: it stands at the foot of the chart."""
SYMBOLS: dict[Look, tuple[str, int]] = {"points": ("d", 9), "star": ("star", 16)}
"""What stands for a point, and how large: a shape for each, so that nothing is told by colour alone."""
HEIGHTS: dict[Look, int] = {"faint": 0, "line": 1, "points": 2, "star": 5}
"""What is drawn over what."""
DOT = 6
"""How large a point of a line is that stands alone."""
DASHES: tuple[list[float] | None, ...] = (None, [6, 4], [2, 3], [8, 3, 2, 3])
MARKERS = ("d", "o", "s", "t1", "p", "h", "+", "x")


@dataclass(frozen=True)
class Curve:
    """One curve of a chart: its name, its look, and which of the theme's colours it has."""

    name: str
    look: Look = "line"
    colour: int = 0
    is_told: bool = True
    """Its value stands beside the title."""
    dash: int = 0
    marker: int = 0
    label: str = ""
    """What people call it, where the name is not enough."""
    run_id: str = ""
    is_neutral: bool = False
    """It has the colour of text: its shape tells it apart."""

    @property
    def words(self) -> str:
        return self.label or self.name


class CurveItem:
    """Draws a curve into a view."""

    def __init__(self, curve: Curve, view: Any) -> None:
        self.curve = curve
        self.x: Floats = np.empty(0)
        self.y: Floats = np.empty(0)
        self._shown: Floats = self.y
        """The heights as the axis has them: logarithms on a log axis."""
        self._at: Floats = self.x
        self._own: Pyramid | None = None
        self._pyramid = Pyramid()
        """Its own, or that of whoever works the numbers out."""
        self._view = view
        self._pen = QPen()
        self._sharpness = 1
        self._has_points = curve.look in SYMBOLS
        self._colour = self._ground = "#808080"
        self.line: Any = None
        self.points: Any = None
        """Both are made when there is a first point: most of fifty runs have no evaluations in most charts."""
        self.dots: Any = None
        """Points of a line that have no neighbour to draw a line to: the first of all, or one between two gaps."""
        if not self._has_points:
            self._make_line()

    def _make_line(self) -> None:
        self.line = pg.PlotCurveItem(connect="finite", pen=self._pen)
        self.line.setZValue(HEIGHTS.get(self.curve.look, 1))
        self._view.addItem(self.line, ignoreBounds=True)

    def remove(self) -> None:
        for item in (self.line, self.points, self.dots):
            if item is not None:
                self._view.removeItem(item)

    def dress(self, colour: str, ground: str) -> None:
        """Give it its pen."""
        curve = self.curve
        ink = QColor(colour)
        self._pen = pg.mkPen(ink, width=1)
        if dash := DASHES[curve.dash]:
            self._pen.setDashPattern(dash)
        if self.line is not None:
            self.line.setPen(self._pen)
        if self.dots is not None:
            self.dots.setBrush(pg.mkBrush(ink))
        self._colour, self._ground = colour, ground
        if self.points is not None:
            symbol, size = SYMBOLS[curve.look]
            self.points.setSymbol(MARKERS[curve.marker] if curve.look == "points" else symbol)
            self.points.setSize(size if not curve.run_id else size - 2)
            self.points.setBrush(pg.mkBrush(ink))
            self.points.setPen(pg.mkPen(ground, width=1))

    def set_points(
        self, x: Floats, y: Floats, same: int, pyramid: Pyramid | None = None, *, log_x: bool, log_y: bool
    ) -> None:
        """Take all points; of the first ``same`` nothing has changed. Who has a pyramid of them already can give it."""
        self.x, self.y = x, y
        self._at = np.log10(x) if log_x else x
        if log_y:
            shown = np.full(len(y), np.nan)
            np.log10(y, out=shown, where=y > 0)
            y = shown
        self._shown = y
        if pyramid is not None and not log_y:
            self._pyramid, self._own = pyramid, None
            return
        self._own = self._own or Pyramid()
        self._own.update(y, same)
        self._pyramid = self._own

    def sharpen(self, sharpness: int) -> None:
        """Draw with so many pixels where there was one; for pictures that are sharper than the screen."""
        self._set_width(self._pen.widthF() / self._sharpness * sharpness)
        self._sharpness = sharpness

    def _set_width(self, width: float) -> None:
        if self._pen.widthF() != width:
            self._pen = QPen(self._pen)
            self._pen.setWidthF(width)
            if self.line is not None:
                self.line.setPen(self._pen)

    def bounds(self, left: float, right: float) -> tuple[float, float]:
        """Return the least and greatest height between two places, NaN where there is none."""
        first = int(np.searchsorted(self._at, left))
        last = int(np.searchsorted(self._at, right, side="right"))
        return self._pyramid.bounds(self._shown, first, last)

    def edges(self) -> tuple[float, float] | None:
        return (float(self._at[0]), float(self._at[-1])) if len(self._at) else None

    def part(self, left: float, right: float, pixels: int) -> tuple[Floats, Floats]:
        """Return what there is to draw of it between two places."""
        return self._pyramid.thin(self._at, self._shown, left, right, max(16, pixels))

    def draw(self, part: tuple[Floats, Floats], *, is_soft: bool) -> None:
        """Draw a part; soft and a little thicker where there is little to draw, else with the pen that is quick."""
        x, y = part
        if self.line is None:
            if not len(x):
                return
            self._make_line()
        if self.curve.look != "star":
            self._set_width((1.6 if is_soft and self.curve.look == "line" else 1.0) * self._sharpness)
            self.line.setData(x, y, antialias=is_soft)
        if not self._has_points:
            self._draw_dots(x, y, _is_lonely(y) if is_soft else np.zeros(len(y), dtype=bool))
        if self._has_points and (len(x) or self.points is not None):
            if self.points is None:
                self.points = pg.ScatterPlotItem(pxMode=True, useCache=False)
                self.points.setZValue(HEIGHTS[self.curve.look])
                self._view.addItem(self.points, ignoreBounds=True)
                self.dress(self._colour, self._ground)
            told = np.isfinite(y)
            self.points.setData(x[told], y[told])

    def _draw_dots(self, x: Floats, y: Floats, lonely: NDArray[np.bool_]) -> None:
        if self.dots is None:
            if not lonely.any():
                return
            self.dots = pg.ScatterPlotItem(pxMode=True, useCache=False, size=DOT, pen=None, antialias=True)
            self.dots.setBrush(pg.mkBrush(QColor(self._colour)))
            self.dots.setZValue(HEIGHTS.get(self.curve.look, 1))
            self._view.addItem(self.dots, ignoreBounds=True)
        if lonely.any() or len(self.dots.data):
            self.dots.setData(x[lonely], y[lonely])

    def value_at(self, x: float | None) -> float | None:
        """Return the value nearest to ``x``, or the last one; None where it is no number or far away."""
        index = len(self.x) - 1 if x is None else nearest(self.x, x)
        if index < 0:
            return None
        value = float(self.y[index])
        return value if np.isfinite(value) else None


def _is_lonely(y: Floats) -> NDArray[np.bool_]:
    """Say of each value whether it has one, and neither of its neighbours has."""
    known = np.isfinite(y)
    lonely = known.copy()
    lonely[1:] &= ~known[:-1]
    lonely[:-1] &= ~known[1:]
    return lonely
