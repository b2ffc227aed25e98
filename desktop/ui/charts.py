"""Charts of numbers over steps, time or tokens: thin pens, peaks kept, one crosshair through all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.core.series import Floats
from desktop.ui.pieces import column, label, row
from desktop.ui.theme import Theme, table_font

Look = Literal["line", "faint", "points", "marks"]


@dataclass(frozen=True)
class Curve:
    """One curve of a chart: its name, its look, and which of the theme's colours it has."""

    name: str
    look: Look = "line"
    colour: int = 0


class Chart(QWidget):
    """A title with the values under the crosshair, and the plot below it."""

    hovered = Signal(object)
    """The x under the pointer, or None when it has left."""

    def __init__(
        self, title: str, curves: tuple[Curve, ...], theme: Theme, number: Callable[[float | None], str]
    ) -> None:
        super().__init__()
        self._theme = theme
        self._curves = curves
        self._number = number
        self._is_log = False
        self._data: dict[str, tuple[Floats, Floats]] = {}
        self.title = label(title, "title")
        self.values = label("", "muted")
        self.values.setTextFormat(Qt.TextFormat.RichText)
        self.values.setFont(table_font(self.values.font()))
        self.plot: Any = pg.PlotWidget()
        # It takes what room there is: its own wish of 480 pixels would make the dock scroll.
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plot.setAccessibleName(f"Chart: {title}")
        item: Any = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(x=False, y=True, alpha=0.12)
        item.getAxis("left").setWidth(48)
        self._items: dict[str, Any] = {curve.name: self.plot.plot() for curve in curves}
        self._line: Any = pg.InfiniteLine(angle=90, movable=False)
        self._line.hide()
        self.plot.addItem(self._line, ignoreBounds=True)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.installEventFilter(self)
        self.head = row(self.title, self.values, 1)
        layout = column(self.head, self.plot, space=2)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        theme.theme_changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        colours = self._theme.colours
        self.plot.setBackground(colours.surface)
        for side in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(colours.border))
            axis.setTextPen(pg.mkPen(colours.muted))
        self._line.setPen(pg.mkPen(colours.muted, width=1))
        for curve in self._curves:
            colour, item = QColor(colours.curves[curve.colour]), self._items[curve.name]
            if curve.look == "faint":
                item.setPen(pg.mkPen(colours.faint_curve, width=1))
            elif curve.look == "line":
                item.setPen(pg.mkPen(colour, width=1))
            else:
                item.setPen(pg.mkPen(colour, width=1) if curve.look == "points" else None)
                item.setSymbol("d" if curve.look == "points" else "s")
                item.setSymbolSize(9 if curve.look == "points" else 6)
                item.setSymbolPen(pg.mkPen(colours.surface if curve.look == "points" else colour, width=1))
                item.setSymbolBrush(pg.mkBrush(colour if curve.look == "points" else QColor(colours.surface)))

    def show_curve(self, name: str, x: Floats, y: Floats) -> None:
        """Draw a curve anew; what a log axis cannot show is left out."""
        if self._is_log:
            y = np.where(y > 0, y, np.nan)
        self._data[name] = (x, y)
        self._items[name].setData(x, y, connect="finite")

    def data_of(self, name: str) -> tuple[Floats, Floats]:
        """Return what is drawn of a curve."""
        empty = np.empty(0)
        return self._data.get(name, (empty, empty))

    def set_log(self, is_log: bool) -> None:
        self._is_log = is_log
        self.plot.getPlotItem().setLogMode(y=is_log)

    def follow_axis_of(self, other: Chart) -> None:
        """Show the same part of the x axis as another chart; pyqtgraph's own link goes by pixels, not by values."""
        follow = self.plot.getPlotItem().vb
        other.plot.getPlotItem().vb.sigXRangeChanged.connect(
            lambda _, shown: follow.setXRange(shown[0], shown[1], padding=0)
        )

    def show_all(self) -> None:
        self.plot.getPlotItem().enableAutoRange()

    def show_crosshair(self, x: float | None) -> None:
        """Stand at ``x`` and say every value there; without one, say the latest."""
        self._line.setVisible(x is not None)
        if x is not None:
            self._line.setPos(x)
        self.values.setText("&nbsp;&nbsp; ".join(filter(None, (self._words_at(curve, x) for curve in self._curves))))

    def _words_at(self, curve: Curve, x: float | None) -> str:
        xs, ys = self.data_of(curve.name)
        if not len(xs):
            return ""
        if curve.look == "marks":
            return f"{self._sign(curve)} {curve.name}"
        if x is None:
            index = len(xs) - 1
        else:
            right = int(np.clip(np.searchsorted(xs, x), 1, max(1, len(xs) - 1)))
            near = right if right < len(xs) and abs(xs[right] - x) < abs(xs[right - 1] - x) else right - 1
            index = int(np.clip(near, 0, len(xs) - 1))
        value = float(ys[index])
        text = self._number(value if np.isfinite(value) else None)
        return text if len(self._curves) == 1 else f"{self._sign(curve)} {curve.name} <b>{text}</b>"

    def _sign(self, curve: Curve) -> str:
        """Return the curve's colour and shape, so that the line of values is the legend too."""
        colours = self._theme.colours
        colour = colours.faint_curve if curve.look == "faint" else colours.curves[curve.colour]
        sign = {"line": "━", "faint": "━", "points": "◆", "marks": "□"}[curve.look]
        return f'<span style="color: {colour}">{sign}</span>'

    def _moved(self, place: Any) -> None:
        view = self.plot.getPlotItem().vb
        if view.sceneBoundingRect().contains(place):
            self.hovered.emit(float(view.mapSceneToView(place).x()))
        else:
            self.hovered.emit(None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.hovered.emit(None)
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self.show_all()
        return super().eventFilter(watched, event)
