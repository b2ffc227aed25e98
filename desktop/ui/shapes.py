"""A shape and a colour for every state, beside its word; drawn, so that no font has to know them."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from desktop.core.run import RunState
from desktop.ui.theme import Colours

Shape = Literal["ring", "play", "bars", "tick", "square", "bang", "gap", "dash", "cross", "dot", "dots"]

STATE_SHAPES: dict[RunState, Shape] = {
    RunState.WAITING: "dots",
    RunState.STARTING: "ring",
    RunState.RUNNING: "play",
    RunState.PAUSED: "bars",
    RunState.FINISHED: "tick",
    RunState.CANCELLED: "square",
    RunState.FAILED: "bang",
    RunState.INTERRUPTED: "gap",
}
CHECK_SHAPES: dict[str, Shape] = {"ok": "tick", "warn": "bang", "fail": "cross", "absent": "dash"}
CHECK_WORDS: dict[str, str] = {"ok": "fine", "warn": "look at this", "fail": "broken", "absent": "not there"}


def state_colour(state: RunState, colours: Colours) -> str:
    """Return the colour of a run's state."""
    return {
        RunState.WAITING: colours.muted,
        RunState.STARTING: colours.accent,
        RunState.RUNNING: colours.accent,
        RunState.PAUSED: colours.warn,
        RunState.FINISHED: colours.good,
        RunState.CANCELLED: colours.muted,
        RunState.FAILED: colours.bad,
        RunState.INTERRUPTED: colours.warn,
    }[state]


def check_colour(state: str, colours: Colours) -> str:
    """Return the colour of a doctor's line."""
    known = {"ok": colours.good, "warn": colours.warn, "fail": colours.bad}
    return known.get(state, colours.muted)


def draw_shape(painter: QPainter, shape: Shape, colour: str, box: QRectF) -> None:
    """Draw ``shape`` into a square box."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(box.topLeft())
    painter.scale(box.width() / 16, box.height() / 16)
    ink = QColor(colour)
    painter.setBrush(ink)
    painter.setPen(Qt.PenStyle.NoPen)
    _SHAPES[shape](painter, ink)
    painter.restore()


def _stroke(painter: QPainter, ink: QColor, width: float = 2.2) -> None:
    cap, join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
    painter.setPen(QPen(ink, width, Qt.PenStyle.SolidLine, cap, join))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _lines(painter: QPainter, ink: QColor, *points: tuple[float, float]) -> None:
    _stroke(painter, ink)
    painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in points]))


def _ring(painter: QPainter, ink: QColor) -> None:
    _stroke(painter, ink, 2)
    painter.drawArc(QRectF(3, 3, 10, 10), 30 * 16, 300 * 16)


def _play(painter: QPainter, ink: QColor) -> None:
    painter.drawPolygon(QPolygonF([QPointF(4, 2.5), QPointF(13.5, 8), QPointF(4, 13.5)]))


def _bars(painter: QPainter, ink: QColor) -> None:
    painter.drawRoundedRect(QRectF(3.5, 3, 3.2, 10), 1, 1)
    painter.drawRoundedRect(QRectF(9.3, 3, 3.2, 10), 1, 1)


def _tick(painter: QPainter, ink: QColor) -> None:
    _lines(painter, ink, (3, 8.5), (6.5, 12), (13, 4.5))


def _square(painter: QPainter, ink: QColor) -> None:
    painter.drawRoundedRect(QRectF(3.5, 3.5, 9, 9), 1.5, 1.5)


def _bang(painter: QPainter, ink: QColor) -> None:
    _stroke(painter, ink, 1.8)
    painter.drawPolygon(QPolygonF([QPointF(8, 2.2), QPointF(14.4, 13.4), QPointF(1.6, 13.4)]))
    painter.drawLine(QPointF(8, 6.5), QPointF(8, 9.2))
    painter.drawPoint(QPointF(8, 11.3))


def _gap(painter: QPainter, ink: QColor) -> None:
    _stroke(painter, ink, 2)
    painter.drawLine(QPointF(2.5, 8), QPointF(5.5, 8))
    painter.drawLine(QPointF(10.5, 8), QPointF(13.5, 8))
    painter.drawLine(QPointF(7, 11.5), QPointF(9, 4.5))


def _dash(painter: QPainter, ink: QColor) -> None:
    _lines(painter, ink, (4, 8), (12, 8))


def _cross(painter: QPainter, ink: QColor) -> None:
    _lines(painter, ink, (4, 4), (12, 12))
    _lines(painter, ink, (12, 4), (4, 12))


def _dot(painter: QPainter, ink: QColor) -> None:
    painter.drawEllipse(QRectF(4, 4, 8, 8))


def _dots(painter: QPainter, ink: QColor) -> None:
    for left in (1.5, 6.5, 11.5):
        painter.drawEllipse(QRectF(left, 6.5, 3, 3))


_SHAPES = {
    "ring": _ring,
    "play": _play,
    "bars": _bars,
    "tick": _tick,
    "square": _square,
    "bang": _bang,
    "gap": _gap,
    "dash": _dash,
    "cross": _cross,
    "dot": _dot,
    "dots": _dots,
}


def shape_pixmap(shape: Shape, colour: str, size: int = 16, ratio: float = 2.0) -> QPixmap:
    """Return the shape as a picture, sharp at twice the usual density."""
    pixmap = QPixmap(int(size * ratio), int(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_shape(painter, shape, colour, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def shape_icon(shape: Shape, colour: str) -> QIcon:
    return QIcon(shape_pixmap(shape, colour))
