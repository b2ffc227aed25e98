"""The curves of a plot: all points are kept, and as many are painted as there are pixels for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.graphicsItems.ScatterPlotItem import Symbols
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QPaintEngine, QPainter, QPainterPath, QPen

from desktop.core.feeds import nearest
from desktop.core.series import Floats
from desktop.core.thinning import Pyramid
from desktop.ui.charts.pixel_layer import Frame, PixelLayer

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
THICK = 1.6
"""How wide the line is that matters most, where there is room for it."""
_BESIDE = ((-0.3, -0.3), (0.3, -0.3), (-0.3, 0.3), (0.3, 0.3))
"""A line of one pixel drawn four times so far apart looks as wide, and takes a hundredth of the time: Qt draws no other
line quickly."""
DOT = 6
"""How large a point of a line is that stands alone."""
_ROUND = np.linspace(0, 2 * np.pi, 25)
OUTLINES = {
    name: np.array([[corner.x(), corner.y()] for corner in path.toSubpathPolygons()[0]])
    for name, path in Symbols.items()
    if isinstance(name, str)
} | {"o": np.column_stack([np.cos(_ROUND), np.sin(_ROUND)]) / 2}
"""The corners of every shape, one unit wide; the last is the first again."""
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
    """Keeps a curve's points, and paints what there is to see of them."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        self.x: Floats = np.empty(0)
        self.y: Floats = np.empty(0)
        self.drawn: tuple[Floats, Floats] = (self.x, self.y)
        """What is painted, in the units of the axes: all points, or the peaks of every pixel."""
        self._shown: Floats = self.y
        """The heights as the axis has them: logarithms on a log axis."""
        self._at: Floats = self.x
        self._own: Pyramid | None = None
        self._pyramid = Pyramid()
        """Its own, or that of whoever works the numbers out."""
        self._pen = QPen()
        self._edge = QPen(Qt.PenStyle.NoPen)
        self._brush = QBrush()
        self._symbol = ""
        self._size = 0
        self.ground: QColor | None = None
        """What fills the plot between the curve and nought, if anything."""
        self._sharpness = 1
        self._is_soft = False
        self._painted: tuple[Frame, QPainterPath, QPainterPath] | None = None
        """Line and points in pixels, and for which part of the axes."""

    def dress(self, colour: str, ground: str) -> None:
        """Give it its pen."""
        curve = self.curve
        ink = QColor(colour)
        self._pen = pg.mkPen(ink, width=1)
        if dash := DASHES[curve.dash]:
            self._pen.setDashPattern(dash)
        self._brush = pg.mkBrush(ink)
        if curve.look in SYMBOLS:
            symbol, size = SYMBOLS[curve.look]
            self._symbol = MARKERS[curve.marker] if curve.look == "points" else symbol
            self._size = size if not curve.run_id else size - 2
            self._edge = pg.mkPen(ground, width=1)

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
        self._sharpness = sharpness

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
        """Take what is to be painted; thicker where there is little of it, else with the pen that is quick."""
        self.drawn, self._is_soft, self._painted = part, is_soft, None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint it in pixels."""
        x, y = self.drawn
        if not len(x):
            return
        if self._painted is None or self._painted[0] != frame:
            self._painted = frame, *self._shapes(x, y, frame)
        _, line, points = self._painted
        if self.ground is not None:
            painter.fillPath(_area(frame.across(x), frame.down(y), frame.place(0, 0).y()), self.ground)
        if not line.isEmpty():
            self._paint_line(painter, line)
        if not points.isEmpty():
            painter.setPen(self._edge)
            painter.setBrush(self._brush)
            painter.drawPath(points)

    def _paint_line(self, painter: QPainter, line: QPainterPath) -> None:
        is_thick = self._is_soft and self.curve.look == "line"
        is_on_screen = self._sharpness == 1 and painter.paintEngine().type() != QPaintEngine.Type.SVG
        self._pen.setWidthF(THICK * self._sharpness if is_thick and not is_on_screen else self._sharpness)
        painter.setPen(self._pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for across, down in _BESIDE if is_thick and is_on_screen else ((0.0, 0.0),):
            painter.translate(across, down)
            painter.drawPath(line)
            painter.translate(-across, -down)

    def _shapes(self, x: Floats, y: Floats, frame: Frame) -> tuple[QPainterPath, QPainterPath]:
        """Return the line and the points, in pixels."""
        across, down = frame.across(x), frame.down(y)
        line = pg.arrayToQPath(across, down, connect="finite") if self.curve.look != "star" else QPainterPath()
        told = np.isfinite(y) if self._symbol else _is_lonely(y)
        if np.count_nonzero(told) > frame.width / (self._size or DOT):
            told[:] = False  # one over the other they would hide their own line
        corners = OUTLINES[self._symbol or "o"] * (self._size or DOT)
        return line, _at_each(corners, across[told], down[told])

    def x_near(self, place: QPointF, frame: Frame) -> float | None:
        """Return where the point is whose symbol is at a place of the view; None where there is none."""
        x, y = self.drawn
        if not self._symbol or not len(x):
            return None
        far = np.maximum(np.abs(frame.across(x) - place.x()), np.abs(frame.down(y) - place.y()))
        far[~np.isfinite(far)] = np.inf
        nearest_one = int(np.argmin(far))
        return float(x[nearest_one]) if far[nearest_one] <= self._size / 2 else None

    def value_at(self, x: float | None) -> float | None:
        """Return the value nearest to ``x``, of points the latest at ``x``, or the last one of all; None where there is
        none."""
        if x is None:
            index = len(self.x) - 1
        elif self._symbol:
            index = int(np.searchsorted(self.x, x, side="right")) - 1
        else:
            index = nearest(self.x, x)
        if index < 0:
            return None
        value = float(self.y[index])
        return value if np.isfinite(value) else None


class CurveLayer(PixelLayer):
    """All curves of a plot, in one item: with an item each, fifty runs would take seconds of nothing but items."""

    def __init__(self, view: Any) -> None:
        super().__init__(view, z=1)
        self._items: list[CurveItem] = []

    def set_items(self, items: Iterable[CurveItem]) -> None:
        """Paint these, the ones that stand over others last."""
        self._items = sorted(items, key=lambda item: HEIGHTS.get(item.curve.look, 1))
        self.changed()

    def paint_pixels(self, painter: QPainter, frame: Frame) -> None:
        for item in self._items:
            item.paint(painter, frame)

    def point_at(self, place: QPointF) -> tuple[Curve, float] | None:
        """Return the curve that has a symbol at a place of the scene, and the x of that point."""
        local, frame = self._view.mapFromScene(place), self.frame
        for item in reversed(self._items):
            if (x := item.x_near(local, frame)) is not None:
                return item.curve, x
        return None


def _is_lonely(y: Floats) -> NDArray[np.bool_]:
    """Say of each value whether it has one, and neither of its neighbours has."""
    known = np.isfinite(y)
    lonely = known.copy()
    lonely[1:] &= ~known[:-1]
    lonely[:-1] &= ~known[1:]
    return lonely


def _at_each(corners: Floats, across: Floats, down: Floats) -> QPainterPath:
    """Return a shape around each point, as one path: one by one they would take longer than all the rest."""
    if not len(across):
        return QPainterPath()
    is_joined = np.ones((len(across), len(corners)), dtype=np.int32)
    is_joined[:, -1] = 0
    x, y = across[:, None] + corners[:, 0], down[:, None] + corners[:, 1]
    shape: QPainterPath = pg.arrayToQPath(x.ravel(), y.ravel(), connect=is_joined.ravel())
    shape.setFillRule(Qt.FillRule.WindingFill)
    return shape


def _area(across: Floats, down: Floats, bottom: float) -> QPainterPath:
    """Return what lies between a line and its bottom, in pixels."""
    area = QPainterPath()
    told = np.flatnonzero(np.isfinite(down))
    for part in np.split(told, np.flatnonzero(np.diff(told) > 1) + 1):
        if len(part):
            corners = np.concatenate([across[part[:1]], across[part], across[part[-1:]]])
            area.addPolygon(pg.functions.arrayToQPolygonF(corners, np.pad(down[part], 1, constant_values=bottom)))
    return area
