"""The empty plot of a chart: its axes, its crosshair, the layer of marks, and words where there is nothing to draw."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QGraphicsView, QSizePolicy

from desktop.ui.charts.curve_items import CurveLayer
from desktop.ui.charts.marks import MarkLayer
from desktop.ui.charts.number_axis import NumberAxis
from desktop.ui.charts.view import ChartView
from desktop.ui.theme import Colours

_LEFT_WIDTH = 48
_BOTTOM_HEIGHT = 22
_CENTRED = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)


class ChartPlot(pg.PlotWidget):  # type: ignore[misc]
    """Has everything but curves."""

    def __init__(self, title: str, *, log_x: bool, is_small: bool) -> None:
        self.view = ChartView()
        self.bottom, self.left = NumberAxis("bottom", is_log=log_x), NumberAxis("left")
        super().__init__(viewBox=self.view, axisItems={"bottom": self.bottom, "left": self.left})
        self._empty_words = ""
        self._ink = QColor()
        # It takes what room there is: its own wish of 480 pixels would make the dock scroll.
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.setAccessibleName(f"Chart: {title}")
        self.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)  # else a drawing would have a picture behind it
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.showGrid(x=False, y=True, alpha=0.12)
        for side in ("top", "right"):  # they are never seen, but would look for a unit whenever the chart is moved
            item.getAxis(side).enableAutoSIPrefix(False)
        self.left.setZValue(-1)  # its lines go below the curves
        self.left.setWidth(_LEFT_WIDTH)
        self.bottom.setHeight(_BOTTOM_HEIGHT)
        if is_small:
            item.hideAxis("bottom")
        self.curves = CurveLayer(self.view)
        self.layer = MarkLayer(self.view)
        self.line = pg.InfiniteLine(angle=90, movable=False)
        self.line.hide()
        self.view.addItem(self.line, ignoreBounds=True)

    def dress(self, colours: Colours) -> None:
        """Take the colours of the theme."""
        self.setBackground(colours.surface)
        for axis in (self.left, self.bottom):
            axis.setPen(pg.mkPen(colours.border))
            axis.setTextPen(pg.mkPen(colours.muted))
        self.line.setPen(pg.mkPen(colours.muted, width=1))
        self.view.rbScaleBox.setPen(pg.mkPen(colours.accent, width=1))
        box = QColor(colours.accent)
        box.setAlphaF(0.12)
        self.view.rbScaleBox.setBrush(pg.mkBrush(box))
        self.layer.ground, self.layer.ink = colours.surface, colours.text
        self._ink = QColor(colours.muted)

    def say_empty(self, words: str) -> None:
        """Say in the middle of the plot why there is nothing in it; nothing to say nothing."""
        if words != self._empty_words:
            self._empty_words = words
            for axis in (self.left, self.bottom):
                axis.setStyle(showValues=not words)  # numbers beside nothing would be made up
            self.viewport().update()

    def drawForeground(self, painter: QPainter, rect: object) -> None:
        super().drawForeground(painter, rect)
        if not self._empty_words:
            return
        painter.save()
        painter.setPen(self._ink)
        painter.setFont(QFont(self.font()))
        painter.drawText(self.view.sceneBoundingRect(), _CENTRED, self._empty_words)
        painter.restore()
