"""A layer over the whole of a plot that paints in pixels, whatever part of the axes is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter

from desktop.core.series import Floats


@dataclass(frozen=True)
class Frame:
    """What part of the axes is shown on how many pixels."""

    left: float
    right: float
    low: float
    high: float
    width: float
    height: float

    def across(self, x: Floats) -> Floats:
        """Return how many pixels from the left places of the axis are."""
        return (x - self.left) * (self.width / max(self.right - self.left, 1e-300))

    def down(self, y: Floats) -> Floats:
        """Return how many pixels from the top heights are."""
        return (self.high - y) * (self.height / max(self.high - self.low, 1e-300))

    def place(self, x: float, y: float) -> QPointF:
        """Return where a point is."""
        across = (x - self.left) / max(self.right - self.left, 1e-300) * self.width
        return QPointF(across, (self.high - y) / max(self.high - self.low, 1e-300) * self.height)

    @property
    def rect(self) -> QRectF:
        return QRectF(0, 0, self.width, self.height)


class PixelLayer(pg.GraphicsObject):  # type: ignore[misc]
    """Paints again whenever the view has moved."""

    def __init__(self, view: Any, z: int) -> None:
        super().__init__()
        self._view = view
        self.setZValue(z)
        view.addItem(self, ignoreBounds=True)
        view.sigResized.connect(self._moved)
        view.sigRangeChanged.connect(self._moved)

    def _moved(self, *_: object) -> None:
        self.prepareGeometryChange()
        self.update()

    def changed(self) -> None:
        """There is something else to paint."""
        self.update()

    def dataBounds(self, *_: object, **__: object) -> tuple[None, None]:
        return None, None

    def boundingRect(self) -> QRectF:
        (left, right), (low, high) = self._view.viewRange()
        return QRectF(left, low, right - left, high - low)

    @property
    def frame(self) -> Frame:
        """What is shown now."""
        (left, right), (low, high) = self._view.viewRange()
        return Frame(left, right, low, high, self._view.width(), self._view.height())

    def paint(self, painter: QPainter, *_: object) -> None:
        frame = self.frame
        painter.save()
        # From the scene to the device: the screen, a picture or a file.
        inverted, _ = self.sceneTransform().inverted()
        painter.setTransform(self._view.sceneTransform() * (inverted * painter.transform()))
        painter.setClipRect(frame.rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_pixels(painter, frame)
        painter.restore()

    def paint_pixels(self, painter: QPainter, frame: Frame) -> None:
        """Paint, with the view's upper left corner at 0, 0."""
        raise NotImplementedError
