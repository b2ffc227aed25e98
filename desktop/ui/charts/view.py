"""How a chart is moved with the mouse: the wheel zooms, a drawn box zooms, Shift or the middle button pushes it."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal

_WHEEL = 1.0015
"""So much wider or narrower for each of the 120 parts that a notch of the wheel has."""
_LEAST_BOX = 6.0
"""A box smaller than so many pixels is a slip of the hand; lower than four times that, it means the x axis alone."""


class ChartView(pg.ViewBox):  # type: ignore[misc]
    """Says what part of the axes the user wants; its chart shows it."""

    x_wanted = Signal(float, float)
    y_wanted = Signal(float, float)
    pressed = Signal(QPointF)
    """Where it was clicked, in the scene."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setDefaultPadding(0)

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        factor = _WHEEL ** -float(event.delta())
        place = self.mapSceneToView(event.scenePos())
        is_y = axis == 1 or bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        low, high = self.viewRange()[1 if is_y else 0]
        at = place.y() if is_y else place.x()
        wanted = self.y_wanted if is_y else self.x_wanted
        wanted.emit(at - (at - low) * factor, at + (high - at) * factor)
        event.accept()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        event.accept()
        is_push = event.button() == Qt.MouseButton.MiddleButton or bool(
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        )
        if event.button() == Qt.MouseButton.RightButton:
            return
        if is_push or axis is not None:
            self._push(event)
        elif event.isFinish():
            self.rbScaleBox.hide()
            self._zoom_to(QRectF(event.buttonDownPos(), event.pos()).normalized())
        else:
            self.updateScaleBox(event.buttonDownPos(), event.pos())

    def _push(self, event: Any) -> None:
        before, now = self.mapToView(event.lastPos()), self.mapToView(event.pos())
        (left, right), (low, high) = self.viewRange()
        self.x_wanted.emit(left + before.x() - now.x(), right + before.x() - now.x())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.y_wanted.emit(low + before.y() - now.y(), high + before.y() - now.y())

    def _zoom_to(self, box: QRectF) -> None:
        if box.width() < _LEAST_BOX:
            return
        shown = QRectF(self.mapToView(box.topLeft()), self.mapToView(box.bottomRight())).normalized()
        self.x_wanted.emit(shown.left(), shown.right())
        if box.height() > 4 * _LEAST_BOX and box.height() < 0.9 * self.height():
            self.y_wanted.emit(shown.top(), shown.bottom())

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit(event.scenePos())
        event.accept()
