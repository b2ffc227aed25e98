"""What happened to a run, at the foot of its chart: checkpoints, pauses, full memory, rounds; and pinned points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from desktop.core.series import Floats
from desktop.ui.charts.curve_items import Look
from desktop.ui.charts.pixel_layer import Frame, PixelLayer

SIZE = 8.0
_ROOM = 11.0
"""Marks of one kind that stand nearer to each other are drawn once."""
_CROSSING: tuple[Look, ...] = ("warning", "alarm", "pause", "resume", "round")
"""These cut the run into parts: a thin line goes through the whole chart."""


@dataclass
class MarkRow:
    """The marks of one kind."""

    name: str
    look: Look
    colour: str = "#808080"
    x: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class PinnedPoint:
    """A point that the user has pinned, where it stands on the axes, and what is written beside it."""

    x: float
    y: float
    words: str
    colour: str


class MarkLayer(PixelLayer):
    """Stands over the curves."""

    def __init__(self, view: Any) -> None:
        super().__init__(view, z=20)
        self.rows: list[MarkRow] = []
        self.pins: list[PinnedPoint] = []
        self.selected: float | None = None
        """Where the evaluation is whose samples are read."""
        self.ground = "#ffffff"
        self.ink = "#000000"

    def paint_pixels(self, painter: QPainter, frame: Frame) -> None:
        foot = frame.height - SIZE / 2 - 2
        if self.selected is not None:
            self._paint_selected(painter, frame, self.selected)
        for row in self.rows:
            last = -_ROOM
            for across in _inside(frame, row.x):
                if across - last < _ROOM:
                    continue
                last = across
                if row.look in _CROSSING:
                    painter.setPen(QPen(QColor(row.colour), 1, Qt.PenStyle.DashLine))
                    painter.setOpacity(0.5)
                    painter.drawLine(QPointF(across, 0), QPointF(across, foot - SIZE / 2))
                    painter.setOpacity(1)
                beside = {"pause": -SIZE * 0.6, "resume": SIZE * 0.6}.get(row.look, 0.0)  # they often come together
                paint_mark(painter, row.look, QPointF(across + beside, foot), row.colour, self.ground)
        for pin in self.pins:
            self._paint_pin(painter, frame, pin)

    def _paint_selected(self, painter: QPainter, frame: Frame, x: float) -> None:
        for across in _inside(frame, np.array([x])):
            colour = QColor(self.ink)
            colour.setAlphaF(0.12)
            painter.fillRect(QRectF(across - 4, 0, 8, frame.height), colour)

    def _paint_pin(self, painter: QPainter, frame: Frame, pin: PinnedPoint) -> None:
        place = frame.place(pin.x, pin.y)
        if not frame.rect.contains(place):
            return
        painter.setPen(QPen(QColor(self.ink), 1.5))
        painter.setBrush(QColor(pin.colour))
        painter.drawEllipse(place, 4.5, 4.5)
        box = QRectF(painter.fontMetrics().boundingRect(pin.words)).adjusted(-5, -2, 5, 2)
        box.moveCenter(QPointF(place.x(), place.y() - 18))
        box.moveLeft(min(max(2.0, box.left()), frame.width - box.width() - 2))
        if box.top() < 2:
            box.moveTop(place.y() + 9)
        painter.setPen(QPen(QColor(self.ink), 0.6))
        painter.setBrush(QColor(self.ground))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(self.ink))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, pin.words)

    def row_at(self, place: QPointF) -> tuple[MarkRow, float] | None:
        """Return the mark at a place of the scene, and its x."""
        local = self._view.mapFromScene(place)
        if abs(self._view.height() - SIZE / 2 - 2 - local.y()) > SIZE:
            return None
        x = self._view.mapSceneToView(place).x()
        (left, right), _ = self._view.viewRange()
        reach = SIZE * (right - left) / max(1.0, self._view.width())
        for row in reversed(self.rows):
            near = row.x[np.abs(row.x - x) <= reach]
            if len(near):
                return row, float(near[np.argmin(np.abs(near - x))])
        return None

    def pin_at(self, place: QPointF) -> int:
        """Return the number of the pin at a place of the scene, or -1."""
        local, frame = self._view.mapFromScene(place), self.frame
        for index, pin in enumerate(self.pins):
            if (frame.place(pin.x, pin.y) - local).manhattanLength() <= 10:
                return index
        return -1


def _inside(frame: Frame, x: Floats) -> list[float]:
    """Return the pixels across of the places that are shown."""
    pixels = frame.across(x)
    shown: list[float] = pixels[(pixels >= 0) & (pixels <= frame.width)].tolist()
    return shown


def paint_mark(painter: QPainter, look: Look, place: QPointF, colour: str, ground: str) -> None:
    """Paint the shape of a mark around a place."""
    ink, half = QColor(colour), SIZE / 2
    painter.setPen(QPen(ink, 1.4))
    painter.setBrush(ink)
    x, y = place.x(), place.y()
    match look:
        case "marks":
            painter.setBrush(QColor(ground))
            painter.drawRect(QRectF(x - half + 1, y - half + 1, SIZE - 2, SIZE - 2))
        case "warning":
            painter.drawPolygon(
                QPolygonF([QPointF(x - half, y - half), QPointF(x + half, y - half), QPointF(x, y + half)])
            )
        case "alarm":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRect(QRectF(x - 2, y - half - 1, 4, SIZE * 0.65))
            painter.drawRect(QRectF(x - 2, y + half - 2.2, 4, 3))
        case "pause":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRect(QRectF(x - half + 0.5, y - half, 2.4, SIZE))
            painter.drawRect(QRectF(x + half - 2.9, y - half, 2.4, SIZE))
        case "resume":
            painter.drawPolygon(
                QPolygonF([QPointF(x - half + 1, y - half), QPointF(x + half, y), QPointF(x - half + 1, y + half)])
            )
        case _:
            painter.drawEllipse(place, half - 0.5, half - 0.5)
