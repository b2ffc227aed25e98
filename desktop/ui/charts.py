"""Charts of numbers over steps, time or tokens: thin pens, peaks kept, one crosshair through all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent, QTextDocument
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from desktop.core.series import Floats
from desktop.ui.pieces import ElidedLabel, column, label, row
from desktop.ui.theme import GRID, Theme, table_font

Look = Literal["line", "faint", "points", "marks", "star", "warning"]
SIGNS: dict[Look, str] = {"line": "━", "faint": "━", "points": "◆", "marks": "□", "star": "★", "warning": "▼"}
SYMBOLS: dict[Look, tuple[str, int]] = {
    "points": ("d", 9),
    "marks": ("s", 6),
    "star": ("star", 16),
    "warning": ("t", 12),
}
"""What stands for a point, and how large: a shape for each, so that nothing is told by colour alone."""


HEIGHTS: dict[Look, int] = {"faint": 0, "line": 1, "points": 2, "marks": 3, "warning": 4, "star": 5}
"""What is drawn over what."""


@dataclass(frozen=True)
class Curve:
    """One curve of a chart: its name, its look, and which of the theme's colours it has."""

    name: str
    look: Look = "line"
    colour: int = 0
    is_told: bool = True
    """Its value stands beside the title."""


class DecadeAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis of powers of ten, with numbers that have room."""

    def tickValues(self, least: float, most: float, size: float) -> list[tuple[float, list[float]]]:
        """Return the powers of ten, and unless they are many twice and five times each."""
        powers = range(math.floor(least), math.ceil(most) + 1)
        places = [power + math.log10(part) for power in powers for part in ((1, 2, 5) if len(powers) < 7 else (1,))]
        return [(1.0, [place for place in places if least <= place <= most])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [f"{10**value:.0e}".replace("e-0", "e-") for value in values]


class Chart(QWidget):
    """A title with the values under the crosshair, and the plot below it."""

    hovered = Signal(object)
    """The x under the pointer, or None when it has left."""

    def __init__(
        self,
        title: str,
        curves: tuple[Curve, ...],
        theme: Theme,
        number: Callable[[float | None], str],
        *,
        log_x: bool = False,
        is_small: bool = False,
    ) -> None:
        super().__init__()
        self._theme = theme
        self._curves = curves
        self._number = number
        self._is_log = False
        self._log_x = log_x
        self._is_small = is_small
        self._shown_x: float | None = None
        self._data: dict[str, tuple[Floats, Floats]] = {}
        self.title: QLabel = ElidedLabel(title, "title") if is_small else label(title, "title")
        self.values = label("", "muted")
        self.values.setTextFormat(Qt.TextFormat.RichText)
        self.values.setFont(table_font(self.values.font()))
        self.plot: Any = pg.PlotWidget(axisItems={"bottom": DecadeAxis("bottom")} if log_x else None)
        # It takes what room there is: its own wish of 480 pixels would make the dock scroll.
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plot.setAccessibleName(f"Chart: {title}")
        item: Any = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.setLogMode(x=log_x)
        if is_small:
            item.hideAxis("bottom")
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
        self.head = row(self.title, self.values) if is_small else row(self.title, self.values, 1)
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
            colour, item = QColor(self._colour(curve)), self._items[curve.name]
            item.setZValue(HEIGHTS[curve.look])
            if curve.look in ("faint", "line"):
                item.setPen(pg.mkPen(colour, width=1))
                continue
            symbol, size = SYMBOLS[curve.look]
            is_hollow = curve.look == "marks"
            item.setPen(pg.mkPen(colour, width=1) if curve.look == "points" else None)
            item.setSymbol(symbol)
            item.setSymbolSize(size)
            item.setSymbolPen(pg.mkPen(colour if is_hollow else colours.surface, width=1))
            item.setSymbolBrush(pg.mkBrush(QColor(colours.surface) if is_hollow else colour))

    def _colour(self, curve: Curve) -> str:
        colours = self._theme.colours
        if curve.look == "warning":
            return colours.warn
        return colours.faint_curve if curve.look == "faint" else colours.curves[curve.colour]

    def set_title(self, title: str, tip: str = "") -> None:
        """Call the chart something else: it shows another number now."""
        if isinstance(self.title, ElidedLabel):
            self.title.set_whole_text(title)
        else:
            self.title.setText(title)
        self.setToolTip(tip)
        self.plot.setAccessibleName(f"Chart: {title}")

    def show_curve(self, name: str, x: Floats, y: Floats) -> None:
        """Draw a curve anew; what a log axis cannot show is left out."""
        if self._is_log:
            y = np.where(y > 0, y, np.nan)
        if self._log_x:
            x, y = x[x > 0], y[x > 0]
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
            self._line.setPos(math.log10(x) if self._log_x else x)
        self._shown_x = x
        self._show_values()

    def _show_values(self) -> None:
        """Say the values with the names of their curves, or where there is no room with their signs alone."""
        told = [curve for curve in self._curves if curve.is_told]
        named, short = (
            "&nbsp;&nbsp; ".join(filter(None, (self._words_at(curve, self._shown_x, is_named) for curve in told)))
            for is_named in (True, False)
        )
        is_short = self._is_small or not self._has_room_for(named)
        self.values.setText(short if is_short else named)
        self.values.setToolTip(named if is_short else "")

    def _has_room_for(self, text: str) -> bool:
        document = QTextDocument()
        document.setDefaultFont(self.values.font())
        document.setHtml(text)
        taken = self.head.sizeHint().width() - self.values.sizeHint().width() + GRID
        return document.idealWidth() <= self.width() - taken

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_values()

    def _words_at(self, curve: Curve, x: float | None, is_named: bool) -> str:
        xs, ys = self.data_of(curve.name)
        if not len(xs):
            return ""
        if curve.look in ("marks", "star", "warning"):
            return f"{self._sign(curve)} {curve.name}" if is_named else self._sign(curve)
        if x is None:
            index = len(xs) - 1
        else:
            right = int(np.clip(np.searchsorted(xs, x), 1, max(1, len(xs) - 1)))
            near = right if right < len(xs) and abs(xs[right] - x) < abs(xs[right - 1] - x) else right - 1
            index = int(np.clip(near, 0, len(xs) - 1))
        value = float(ys[index])
        text = self._number(value if np.isfinite(value) else None)
        if len(self._curves) == 1:
            return text
        if not is_named:
            return text if self._is_small and curve.look == "line" else f"{self._sign(curve)} {text}"
        return f"{self._sign(curve)} {curve.name} <b>{text}</b>"

    def _sign(self, curve: Curve) -> str:
        """Return the curve's colour and shape, so that the line of values is the legend too."""
        return f'<span style="color: {self._colour(curve)}">{SIGNS[curve.look]}</span>'

    def _moved(self, place: Any) -> None:
        view = self.plot.getPlotItem().vb
        if view.sceneBoundingRect().contains(place):
            x = float(view.mapSceneToView(place).x())
            self.hovered.emit(10**x if self._log_x else x)
        else:
            self.hovered.emit(None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self.hovered.emit(None)
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self.show_all()
        return super().eventFilter(watched, event)
