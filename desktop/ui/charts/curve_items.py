"""The curves of a plot: all points are kept, and as many are painted as there are pixels for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QBrush, QColor, QPaintEngine, QPainter, QPainterPath, QPen

from desktop.core.feeds import nearest
from desktop.core.series import Floats
from desktop.core.thinning import Pyramid
from desktop.ui.charts.curve_shapes import OUTLINES, PIECE, Shapes, at_each, ground_below, line_through, lonely
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
        self._shapes: Shapes | None = None
        """Kept until there is something else to paint, or another part of the axes is shown."""

    def dress(self, colour: str, ground: str) -> None:
        """Give it its pen."""
        curve, self._shapes = self.curve, None
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
        if not all(np.array_equal(old, new, equal_nan=True) for old, new in zip(self.drawn, part, strict=True)):
            self._shapes = None
        # Copies: what they are cut from is written over where a run goes back to a checkpoint.
        self.drawn, self._is_soft = (part[0].copy(), part[1].copy()), is_soft

    def paint(self, painter: QPainter, frame: Frame) -> None:
        """Paint it in pixels."""
        if not len(self.drawn[0]):
            return
        shapes = self._shapes
        if shapes is None or shapes.frame != frame:
            shapes = self._shapes = self._shapes_in(frame)
        is_on_screen = self._sharpness == 1 and painter.paintEngine().type() != QPaintEngine.Type.SVG
        if self.ground is not None:
            self._paint_ground(painter, shapes, self.ground, is_on_screen=is_on_screen)
        if not shapes.line.isEmpty():
            self._paint_line(painter, shapes, is_on_screen=is_on_screen)
        painter.setPen(self._edge)
        painter.setBrush(self._brush)
        for some in shapes.points:
            painter.drawPath(some)

    def _paint_ground(self, painter: QPainter, shapes: Shapes, ground: QColor, *, is_on_screen: bool) -> None:
        pieces = shapes.ground
        if not is_on_screen:  # who looks closer must not see seams
            pieces = ground_below(*self._in_pixels(shapes.frame), len(self.drawn[0]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not is_on_screen)
        for piece in pieces:
            painter.fillPath(piece, ground)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _in_pixels(self, frame: Frame) -> tuple[Floats, Floats, float]:
        """Return where the points are across and down, and how far down nought is."""
        x, y = self.drawn
        return frame.across(x), frame.down(y), frame.place(0, 0).y()

    def _paint_line(self, painter: QPainter, shapes: Shapes, *, is_on_screen: bool) -> None:
        is_thick = self._is_soft and self.curve.look == "line"
        self._pen.setWidthF(THICK * self._sharpness if is_thick and not is_on_screen else self._sharpness)
        painter.setPen(self._pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not (shapes.is_mass and is_on_screen))
        for across, down in _BESIDE if is_thick and is_on_screen else ((0.0, 0.0),):
            painter.translate(across, down)
            painter.drawPath(shapes.line)
            painter.translate(-across, -down)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _shapes_in(self, frame: Frame) -> Shapes:
        (across, down, bottom), y = self._in_pixels(frame), self.drawn[1]
        line, is_mass = line_through(across, down, frame) if self.curve.look != "star" else (QPainterPath(), False)
        told = np.isfinite(y) if self._symbol else lonely(y)
        if np.count_nonzero(told) > frame.width / (self._size or DOT):
            told[:] = False  # one over the other they would hide their own line
        corners = OUTLINES[self._symbol or "o"] * (self._size or DOT)
        ground = [] if self.ground is None else ground_below(across, down, bottom, PIECE)
        return Shapes(frame, line, at_each(corners, across[told], down[told]), ground, is_mass)

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
