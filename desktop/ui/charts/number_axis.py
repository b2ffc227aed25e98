"""An axis of a chart: a thin line, numbers that people can read, and a faint line at each through the plot."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from desktop.ui.charts.ticks import NumberKind, ticks_between

_ROOM_ACROSS, _ROOM_DOWN = 72.0, 32.0
"""Pixels between two numbers."""
_BETWEEN = 5.0
"""Pixels between the axis and its numbers."""
_AIR = 8.0
"""Least pixels between the words of two numbers side by side."""
_GRID = 0.55
"""How much of the axis's colour the lines through the plot have."""


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """Draws itself: pyqtgraph's own way of doing so takes longer than all the curves."""

    def __init__(self, side: str, *, is_log: bool = False) -> None:
        super().__init__(side)
        self.kind: NumberKind = "decades" if is_log else "number"
        self.enableAutoSIPrefix(False)

    def paint(self, painter: QPainter, *_: object) -> None:
        view = self.linkedView()
        if view is None:
            return
        plot: QRectF = view.mapRectToItem(self, view.boundingRect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        if self.orientation == "left":
            self._paint_left(painter, plot)
        else:
            self._paint_bottom(painter, plot)

    def _paint_left(self, painter: QPainter, plot: QRectF) -> None:
        least, most = self.range
        colour = self.pen().color()
        grid = QColor(colour)
        grid.setAlphaF(_GRID)
        painter.setPen(self.textPen())
        shows = self.style["showValues"]
        ticks = ticks_between(least, most, self.kind, plot.height() / _ROOM_DOWN)
        _narrow(painter, [tick.words for tick in ticks], plot.left() - _BETWEEN)
        height = QFontMetricsF(painter.font()).height()
        for tick in ticks:
            down = round(plot.bottom() - (tick.place - least) / (most - least) * plot.height())
            if self.grid:
                painter.fillRect(QRectF(plot.left(), down, plot.width(), 1), grid)
            # A number that stood half outside would run into what is above or below.
            top = min(max(plot.top(), down - height / 2), plot.bottom() - height)
            if shows and plot.height() >= height:
                box = QRectF(0, top, plot.left() - _BETWEEN, height)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, tick.words)
        painter.fillRect(QRectF(plot.left() - 1, plot.top(), 1, plot.height()), colour)

    def _paint_bottom(self, painter: QPainter, plot: QRectF) -> None:
        least, most = self.range
        metrics = QFontMetricsF(painter.font())
        painter.setPen(self.textPen())
        colour = self.pen().color()  # made anew by pyqtgraph whenever it is asked for
        painter.fillRect(QRectF(plot.left(), plot.bottom(), plot.width(), 1), colour)
        taken, shows, height = plot.left() - _AIR, self.style["showValues"], metrics.height()
        for tick in ticks_between(least, most, self.kind, plot.width() / _ROOM_ACROSS):
            across = plot.left() + (tick.place - least) / (most - least) * plot.width()
            painter.fillRect(QRectF(round(across), plot.bottom(), 1, 4), colour)
            wide = metrics.horizontalAdvance(tick.words)
            left = max(plot.left(), min(across - wide / 2, plot.right() - wide))
            if shows and left >= taken + _AIR:
                box = QRectF(left, plot.bottom() + _BETWEEN, wide + 1, height)
                painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, tick.words)
                taken = left + wide


def _narrow(painter: QPainter, words: list[str], room: float) -> None:
    """Write smaller where the words have no room: a number without its first digits would be another number."""
    font, metrics = painter.font(), QFontMetricsF(painter.font())
    widest = max((metrics.horizontalAdvance(word) for word in words), default=0.0)
    if widest > room > 0:
        font.setPointSizeF(font.pointSizeF() * max(0.6, room / widest))
        painter.setFont(font)
