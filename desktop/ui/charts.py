"""Charts of numbers over steps, time or tokens: thin pens, peaks kept, one crosshair through all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QResizeEvent, QTextDocument
from PySide6.QtWidgets import QApplication, QGraphicsView, QHBoxLayout, QLabel, QSizePolicy, QWidget

from desktop.core.series import Floats
from desktop.ui.chart_view import ChartView
from desktop.ui.curve_items import MARKS, SIGNS, Curve, CurveItem, Look
from desktop.ui.marks import MarkLayer, MarkRow, PinnedPoint
from desktop.ui.pieces import ElidedLabel, column, label, row
from desktop.ui.theme import GRID, Theme, mixed, table_font
from desktop.ui.x_axis import NumberAxis, XAxis

__all__ = ["Chart", "Curve", "Look"]

_KEY_ZOOM = 1.5
_KEY_PUSH = 0.2
FOLLOW_MS = 30
"""So much later the other charts follow the one that is zoomed: all at once would take longer than a frame."""
SOFT_BELOW = 800
"""A chart with so few points has soft lines; with more they would take fifty times as long to draw as hard ones."""
_FOOT = 16
"""Pixels that marks need below the curves."""


class Chart(QWidget):
    """A title with the values under the crosshair, and the plot below it."""

    hovered = Signal(object)
    """The x under the pointer, or None when it has left."""
    point_pressed = Signal(float)
    """The x where the plot was clicked."""
    mark_pressed = Signal(str, float)
    """A mark or an evaluation, by the name of its curve and its x."""
    pin_pressed = Signal(int)
    """The number of a pinned point."""
    title_double_clicked = Signal()

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
        self._number = number
        self._is_log = False
        self._log_x = log_x
        self._is_small = is_small
        self._fits_smoothed = False
        self._fixed_y: tuple[float, float] | None = None
        self._leads = False
        self._shown_x: float | None = None
        self.pointer: QPoint | None = None
        """Where the pointer is on the screen, while it is over the plot."""
        self.axis = XAxis()
        self.curves: tuple[Curve, ...] = ()
        self._items: dict[str, CurveItem] = {}
        self._marks: dict[str, MarkRow] = {}
        self._colours: dict[str, str] = {}
        """Curves that have the colour of their run instead of one of the theme's."""
        self.title: QLabel = ElidedLabel(title, "title") if is_small else label(title, "title")
        self.title.installEventFilter(self)
        self.values = label("", "muted")
        self.values.setTextFormat(Qt.TextFormat.RichText)
        self.values.setFont(table_font(self.values.font()))
        self._make_plot(title)
        self.head = row(self.title, self.values) if is_small else row(self.title, self.values, 1)
        self._column = column(self.head, self.plot, space=2)
        self._column.setStretch(1, 1)
        self.setLayout(self._column)
        self._drawing = QTimer(self, singleShot=True, interval=0)
        self._drawing.timeout.connect(self.draw)
        self._pressed_x = 0.0
        # The first half of a double click is no click.
        self._pressing = QTimer(self, singleShot=True)
        self._pressing.timeout.connect(lambda: self.point_pressed.emit(self._pressed_x))
        self.axis.moved.connect(self._axis_moved)
        theme.theme_changed.connect(self._dress)
        self.set_curves(curves)

    def _make_plot(self, title: str) -> None:
        self.view = ChartView()
        self._bottom, self._left = NumberAxis("bottom", is_log=self._log_x), NumberAxis("left")
        self.plot: Any = pg.PlotWidget(viewBox=self.view, axisItems={"bottom": self._bottom, "left": self._left})
        # It takes what room there is: its own wish of 480 pixels would make the dock scroll.
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plot.setAccessibleName(f"Chart: {title}")
        self.plot.setCacheMode(QGraphicsView.CacheModeFlag.CacheNone)  # else a drawing would have a picture behind it
        item: Any = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.showGrid(x=False, y=True, alpha=0.12)
        item.getAxis("left").setWidth(48)
        if self._is_small:
            item.hideAxis("bottom")
        self._layer = MarkLayer(self.view)
        self._line: Any = pg.InfiniteLine(angle=90, movable=False)
        self._line.hide()
        self.view.addItem(self._line, ignoreBounds=True)
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.installEventFilter(self)
        self._viewport: QWidget = self.plot.viewport()
        self._viewport.installEventFilter(self)
        self.view.x_wanted.connect(self.look_at)
        self.view.y_wanted.connect(self._fix_y)
        self.view.pressed.connect(self._pressed)
        self.view.sigResized.connect(lambda *_: self._drawing.start(0))

    # What it shows

    def set_curves(self, curves: tuple[Curve, ...], colours: dict[str, str] | None = None) -> None:
        """Have other curves; those that stay keep their points. ``colours`` are those of runs, by curve."""
        if curves == self.curves and colours in (None, self._colours):
            return
        kept = {known.name: known for known in self.curves if known in curves}
        for name in [name for name in self._items if name not in kept]:
            self._items.pop(name).remove()
        self.curves, self._colours = curves, colours or {}
        self._marks = {
            curve.name: self._marks.get(curve.name, MarkRow(curve.name, curve.look))
            for curve in curves
            if curve.look in MARKS
        }
        for curve in curves:
            if curve.look not in MARKS and curve.name not in self._items:
                self._items[curve.name] = CurveItem(curve, self.view)
        self._dress()

    def _dress(self) -> None:
        colours = self._theme.colours
        self.plot.setBackground(colours.surface)
        for axis in (self._left, self._bottom):
            axis.setPen(pg.mkPen(colours.border))
            axis.setTextPen(pg.mkPen(colours.muted))
        self._line.setPen(pg.mkPen(colours.muted, width=1))
        self.view.rbScaleBox.setPen(pg.mkPen(colours.accent, width=1))
        box = QColor(colours.accent)
        box.setAlphaF(0.12)
        self.view.rbScaleBox.setBrush(pg.mkBrush(box))
        for curve in self.curves:
            if curve.look in MARKS:
                self._marks[curve.name].colour = self.colour_of(curve)
            else:
                self._items[curve.name].dress(self.colour_of(curve), colours.surface)
        self._layer.rows = list(self._marks.values())
        self._layer.ground, self._layer.ink = colours.surface, colours.text
        self._layer.changed()

    def colour_of(self, curve: Curve) -> str:
        """Return the colour that a curve is drawn in."""
        colours = self._theme.colours
        if curve.look in ("warning", "pause"):
            return colours.warn
        if curve.look == "resume":
            return colours.good
        if curve.is_neutral:
            return colours.muted if curve.look == "faint" else colours.text
        own = self._colours.get(curve.name) or colours.curves[curve.colour % len(colours.curves)]
        return mixed(own, colours.surface, 0.62) if curve.look == "faint" else own

    def set_title(self, title: str, tip: str = "") -> None:
        """Call the chart something else: it shows another number now."""
        if isinstance(self.title, ElidedLabel):
            self.title.set_whole_text(title)
        else:
            self.title.setText(title)
        self.setToolTip(tip)
        self.plot.setAccessibleName(f"Chart: {title}")

    def show_curve(self, name: str, x: Floats, y: Floats, same: int = 0) -> None:
        """Take the points of a curve, of which the first ``same`` are those of the last time; what a log axis cannot
        show is left out. It is drawn with the others, at the latest when the loop comes round."""
        if name in self._marks:
            self._marks[name].x = x
        else:
            if self._log_x:
                x, y, same = x[x > 0], y[x > 0], 0
            self._items[name].set_points(x, y, same, log_x=self._log_x, log_y=self._is_log)
        self._drawing.start(0)

    def data_of(self, name: str) -> tuple[Floats, Floats]:
        """Return all points of a curve; of marks only where they stand."""
        if name in self._marks:
            at = self._marks[name].x
            return at, np.full(len(at), np.nan)
        if name not in self._items:
            return np.empty(0), np.empty(0)
        return self._items[name].x, self._items[name].y

    def show_pins(self, pins: list[PinnedPoint]) -> None:
        self._layer.pins = [
            pin if not self._is_log else PinnedPoint(pin.x, math.log10(pin.y), pin.words, pin.colour)
            for pin in pins
            if not self._is_log or pin.y > 0
        ]
        self._layer.changed()

    def select_place(self, x: float | None) -> None:
        """Shade a place: the evaluation whose samples are read."""
        self._layer.selected = x
        self._layer.changed()

    def measure(self) -> None:
        """Tell the axis from where to where there are points."""
        edges = [edge for item in self._items.values() if (edge := item.edges()) is not None]
        if edges:
            self.axis.set_whole(self, min(left for left, _ in edges), max(right for _, right in edges))
        else:
            self.axis.forget(self)

    def draw(self) -> None:
        """Draw what there is, for the part of the axis that is shown."""
        self._drawing.stop()
        self.measure()
        left, right = self.axis.shown
        if not self.axis.is_zoomed:
            margin = 0.012 * (right - left)
            left, right = left - margin, right + margin
        ranges: dict[str, Any] = {"xRange": (left, right)}
        if self._fixed_y is not None:
            ranges["yRange"] = self._fixed_y
        elif self.view.autoRangeEnabled()[1]:  # else somebody has set a range that is to stay
            ranges["yRange"] = self._height(left, right)
        self.view.setRange(padding=0, disableAutoRange=False, **ranges)
        pixels = int(self.view.width())
        parts = {name: item.part(left, right, pixels) for name, item in self._items.items()}
        is_soft = sum(len(x) for x, _ in parts.values()) < SOFT_BELOW
        for name, item in self._items.items():
            item.draw(parts[name], is_soft=is_soft)
        self._layer.changed()

    def _height(self, left: float, right: float) -> tuple[float, float]:
        bounds = [
            item.bounds(left, right)
            for item in self._items.values()
            if not (self._fits_smoothed and item.curve.look == "faint")
        ]
        lows, highs = (
            [low for low, _ in bounds if math.isfinite(low)],
            [high for _, high in bounds if math.isfinite(high)],
        )
        if not lows:
            return (-0.5, 0.5) if not self._is_log else (-1.0, 1.0)
        low, high = min(lows), max(highs)
        span = high - low or (0.2 if self._is_log else abs(high) * 0.2 or 1.0)
        if high == low:
            low, high = low - span / 2, high + span / 2
        foot = _FOOT / max(60.0, self.view.height()) if any(len(marks.x) for marks in self._marks.values()) else 0.0
        return low - span * (0.05 + foot), high + span * 0.06

    # How it is looked at

    def set_log(self, is_log: bool) -> None:
        """Make the vertical axis one of powers of ten, or not."""
        if is_log != self._is_log:
            self._is_log = self._left.is_log = is_log
            self._fixed_y = None
            self._left.picture = None
            for item in self._items.values():
                item.set_points(item.x, item.y, 0, log_x=self._log_x, log_y=is_log)
            self._drawing.start(0)

    def set_minutes(self, is_minutes: bool) -> None:
        """Say whether x is a time."""
        self._bottom.kind = "minutes" if is_minutes else "number"
        self._bottom.picture = None
        self._bottom.update()

    def fit_to_smoothed(self, fits: bool) -> None:
        """Let single peaks leave the picture instead of making the rest flat."""
        self._fits_smoothed = fits
        self._drawing.start(0)

    def take_head(self) -> QHBoxLayout:
        """Give the line with title and values away, to stand elsewhere."""
        self._column.removeItem(self.head)
        self.head.setParent(None)
        return self.head

    def sharpen(self, sharpness: int) -> None:
        """Draw lines with so many pixels where there was one: for a picture that is sharper than the screen."""
        for item in self._items.values():
            item.sharpen(sharpness)

    def set_large(self, is_large: bool) -> None:
        """Show a small chart as large ones are shown, or small again."""
        self.plot.getPlotItem().showAxis("bottom", is_large or not self._is_small)

    def join(self, axis: XAxis) -> None:
        """Share the horizontal axis of other charts."""
        self.axis.moved.disconnect(self._axis_moved)
        self.axis.forget(self)
        self.axis = axis
        axis.moved.connect(self._axis_moved)
        self._drawing.start(0)

    def follow_axis_of(self, other: Chart) -> None:
        """Show the same part of the x axis as another chart."""
        self.join(other.axis)

    def show_all(self) -> None:
        """Show everything there is."""
        self._fixed_y = None
        self._leads = True
        self.axis.show_all()
        self._leads = False

    def look_at(self, left: float, right: float) -> None:
        """Show a part of the axis; this chart at once, those that share the axis a moment later."""
        self._leads = True
        self.axis.show(left, right)
        self._leads = False

    def _axis_moved(self) -> None:
        if self._leads:
            self.draw()
        elif not self._drawing.isActive():
            self._drawing.start(FOLLOW_MS)

    def _fix_y(self, low: float, high: float) -> None:
        if math.isfinite(low) and math.isfinite(high) and high > low:
            self._fixed_y = (low, high)
            self._drawing.start(0)

    # What it says

    def show_crosshair(self, x: float | None) -> None:
        """Stand at ``x`` and say every value there; without one, say the latest."""
        self._line.setVisible(x is not None)
        if x is not None:
            self._line.setPos(math.log10(x) if self._log_x else x)
        self._shown_x = x
        self._show_values()

    def _show_values(self) -> None:
        """Say the values with the names of their curves, or where there is no room with their signs alone."""
        told = [curve for curve in self.curves if curve.is_told]
        short = self._joined(told, is_named=False)
        if self._is_small:
            self.values.setText(short)
            return
        named = self._joined(told, is_named=True)
        is_short = not self._has_room_for(named)
        self.values.setText(short if is_short else named)
        self.values.setToolTip(named if is_short else "")

    def _joined(self, told: list[Curve], *, is_named: bool) -> str:
        return "&nbsp;&nbsp; ".join(filter(None, (self._words_at(curve, self._shown_x, is_named) for curve in told)))

    def _has_room_for(self, text: str) -> bool:
        document = QTextDocument()
        document.setDefaultFont(self.values.font())
        document.setHtml(text)
        taken = self.head.sizeHint().width() - self.values.sizeHint().width() + GRID
        return document.idealWidth() <= self.width() - taken

    def _words_at(self, curve: Curve, x: float | None, is_named: bool) -> str:
        if curve.look in MARKS or curve.look == "star":
            if not len(self.data_of(curve.name)[0]):
                return ""
            return f"{self._sign(curve)} {curve.words}" if is_named else self._sign(curve)
        item = self._items[curve.name]
        if not len(item.x):
            return ""
        text = self._number(item.value_at(x))
        if len(self.curves) == 1:
            return text
        if not is_named:
            return text if self._is_small and curve.look == "line" else f"{self._sign(curve)} {text}"
        return f"{self._sign(curve)} {curve.words} <b>{text}</b>"

    def _sign(self, curve: Curve) -> str:
        """Return the curve's colour and shape, so that the line of values is the legend too."""
        return f'<span style="color: {self.colour_of(curve)}">{SIGNS[curve.look]}</span>'

    def words_at(self, x: float) -> list[tuple[Curve, str]]:
        """Return every curve that has a value at ``x``, and the value in words."""
        found = []
        for curve in self.curves:
            if curve.look in MARKS or curve.look == "star":
                continue
            value = self._items[curve.name].value_at(x)
            if value is not None:
                found.append((curve, self._number(value)))
        return found

    # What the user does

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_values()

    def _moved(self, place: Any) -> None:
        if self.view.sceneBoundingRect().contains(place):
            self.pointer = self.plot.viewport().mapToGlobal(self.plot.mapFromScene(place))
            x = float(self.view.mapSceneToView(place).x())
            self.hovered.emit(10**x if self._log_x else x)
        else:
            self.hovered.emit(None)

    def _pressed(self, place: QPointF) -> None:
        pin = self._layer.pin_at(place)
        if pin >= 0:
            self.pin_pressed.emit(pin)
            return
        if (found := self._layer.row_at(place)) is not None:
            self.mark_pressed.emit(found[0].name, found[1])
            return
        for item in self._items.values():
            if item.points is not None and len(near := item.points.pointsAt(item.points.mapFromScene(place))):
                self.mark_pressed.emit(item.curve.name, float(near[0].pos().x()))
                return
        x = float(self.view.mapSceneToView(place).x())
        self._pressed_x = 10**x if self._log_x else x
        self._pressing.start(QApplication.doubleClickInterval())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave and watched is self.plot:
            self.hovered.emit(None)
        elif event.type() == QEvent.Type.MouseButtonDblClick and watched is self.title:
            self.title_double_clicked.emit()
        elif event.type() == QEvent.Type.MouseButtonDblClick and watched is self._viewport:
            self._pressing.stop()
            self.show_all()
            return True
        elif event.type() == QEvent.Type.KeyPress and watched is self.plot and isinstance(event, QKeyEvent):
            return self._key_pressed(event)
        return super().eventFilter(watched, event)

    def _key_pressed(self, event: QKeyEvent) -> bool:
        left, right = self.axis.shown
        middle, half = (left + right) / 2, (right - left) / 2
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.look_at(middle - half / _KEY_ZOOM, middle + half / _KEY_ZOOM)
            case Qt.Key.Key_Minus:
                self.look_at(middle - half * _KEY_ZOOM, middle + half * _KEY_ZOOM)
            case Qt.Key.Key_Left if self.axis.is_zoomed:
                self.look_at(left - 2 * half * _KEY_PUSH, right - 2 * half * _KEY_PUSH)
            case Qt.Key.Key_Right if self.axis.is_zoomed:
                self.look_at(left + 2 * half * _KEY_PUSH, right + 2 * half * _KEY_PUSH)
            case Qt.Key.Key_Home | Qt.Key.Key_0:
                self.show_all()
            case _:
                return False
        return True
