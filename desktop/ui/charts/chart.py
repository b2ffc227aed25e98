"""Charts of numbers over steps, time or tokens: thin pens, peaks kept, one crosshair through all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.core.feeds import nearest
from desktop.core.series import Floats
from desktop.core.thinning import Pyramid
from desktop.ui.charts.curve_items import MARKS, Curve, CurveItem, Look
from desktop.ui.charts.hands import ChartHands
from desktop.ui.charts.head import ChartHead, sign, value_words
from desktop.ui.charts.marks import MarkRow, PinnedPoint
from desktop.ui.charts.plot import ChartPlot
from desktop.ui.charts.ranges import height_for, wanted_by_key
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.pieces import column
from desktop.ui.theme import Theme, mixed

__all__ = ["Chart", "Curve", "Look"]

SOFT_BELOW = 800
"""Lines with so few points are thicker; with more they would hide each other."""
_FOOT = 16
"""Pixels that marks need below the curves."""
_ALL = (-math.inf, math.inf)


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
        self.is_small = is_small
        self._fits_smoothed = False
        self._fixed_y: tuple[float, float] | None = None
        self._leads = False
        self._shown_x: float | None = None
        self.axis = XAxis()
        self.curves: tuple[Curve, ...] = ()
        self._items: dict[str, CurveItem] = {}
        self._marks: dict[str, MarkRow] = {}
        self._colours: dict[str, str] = {}
        """Curves that have the colour of their run instead of one of the theme's."""
        self._head = ChartHead(title, is_small=is_small)
        self.title, self.values, self.head = self._head.title, self._head.values, self._head.line
        self._expected: dict[str, str] = {}
        self._empty_words = ""
        self.plot = ChartPlot(title, log_x=log_x, is_small=is_small)
        self.view, self._layer = self.plot.view, self.plot.layer
        self._left, self._bottom, self._line = self.plot.left, self.plot.bottom, self.plot.line
        self._column = column(self.head, self.plot, space=2)
        self._column.setStretch(1, 1)
        self.setLayout(self._column)
        self._drawing = QTimer(self, singleShot=True, interval=0)
        self._drawing.timeout.connect(self.draw)
        self._hands = ChartHands(self.plot, self.title, log_x=log_x)
        self._join(self.axis)
        theme.theme_changed.connect(self._dress)
        self._connect()
        self.set_curves(curves)

    def _connect(self) -> None:
        hands = self._hands
        hands.hovered.connect(self.hovered)
        hands.point_pressed.connect(self.point_pressed)
        hands.mark_pressed.connect(self.mark_pressed)
        hands.pin_pressed.connect(self.pin_pressed)
        hands.title_double_clicked.connect(self.title_double_clicked)
        hands.all_wanted.connect(self.show_all)
        hands.key_pressed.connect(self._key_pressed)
        self.view.x_wanted.connect(self.look_at)
        self.view.y_wanted.connect(self._fix_y)
        self.view.sigResized.connect(lambda *_: self._drawing.start(0))

    def _key_pressed(self, key: int) -> None:
        if (wanted := wanted_by_key(key, self.axis)) is not None:
            self.look_at(*wanted)

    @property
    def pointer(self) -> QPoint | None:
        """Where the pointer is on the screen, while it is over the plot."""
        return self._hands.pointer

    # What it shows

    def set_curves(self, curves: tuple[Curve, ...], colours: dict[str, str] | None = None) -> None:
        """Have other curves; those that stay keep their points. ``colours`` are those of runs, by curve."""
        if curves == self.curves and colours in (None, self._colours):
            return
        kept = {known.name: known for known in self.curves if known in curves}
        for name in [name for name in self._items if name not in kept]:
            del self._items[name]
        self.curves, self._colours = curves, colours or {}
        self._marks = {
            curve.name: self._marks.get(curve.name, MarkRow(curve.name, curve.look))
            for curve in curves
            if curve.look in MARKS
        }
        for curve in curves:
            if curve.look not in MARKS and curve.name not in self._items:
                self._items[curve.name] = CurveItem(curve)
        self._dress()

    def _dress(self) -> None:
        colours = self._theme.colours
        self.plot.dress(colours)
        for curve in self.curves:
            if curve.look in MARKS:
                self._marks[curve.name].colour = self.colour_of(curve)
            else:
                self._items[curve.name].dress(self.colour_of(curve), colours.surface)
        self.plot.curves.set_items(self._items.values())
        self._layer.rows = list(self._marks.values())
        self._layer.changed()

    def colour_of(self, curve: Curve) -> str:
        """Return the colour that a curve is drawn in."""
        colours = self._theme.colours
        if curve.look in ("warning", "alarm", "pause"):
            return colours.warn
        if curve.look == "resume":
            return colours.good
        if curve.is_neutral:
            return colours.muted if curve.look == "faint" else colours.text
        own = self._colours.get(curve.name) or colours.curves[curve.colour % len(colours.curves)]
        return mixed(own, colours.surface, 0.45) if curve.look == "faint" else own

    def set_title(self, title: str, tip: str = "") -> None:
        """Call the chart something else: it shows another number now."""
        self._head.set_title(title, tip)
        self.plot.setAccessibleName(f"Chart: {title}")

    def show_curve(self, name: str, x: Floats, y: Floats, same: int = 0, pyramid: Pyramid | None = None) -> None:
        """Take the points of a curve, of which the first ``same`` are those of the last time; what a log axis cannot
        show is left out. It is drawn with the others, at the latest when the loop comes round."""
        if name in self._marks:
            self._marks[name].x = x
        else:
            if self._log_x:
                x, y, same, pyramid = x[x > 0], y[x > 0], 0, None
            self._items[name].set_points(x, y, same, pyramid, log_x=self._log_x, log_y=self._is_log)
        self._drawing.start(0)

    def data_of(self, name: str) -> tuple[Floats, Floats]:
        """Return all points of a curve; of marks only where they stand."""
        if name in self._marks:
            at = self._marks[name].x
            return at, np.full(len(at), np.nan)
        if name not in self._items:
            return np.empty(0), np.empty(0)
        return self._items[name].x, self._items[name].y

    def expect(self, words: str, curves: dict[str, str]) -> None:
        """Say what is to come: in the empty plot, and beside the values for curves that have no point yet."""
        if (words, curves) != (self._empty_words, self._expected):
            self._empty_words, self._expected = words, curves
            self._drawing.start(0)

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
        self.axis.has_drawn(self)
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
        self.view.updateMatrix()  # else the painting does it, and asks to paint once more
        pixels = math.ceil(self.view.width())
        parts = {name: item.part(left, right, pixels) for name, item in self._items.items()}
        lines = [len(parts[name][0]) for name, item in self._items.items() if item.curve.look == "line"]
        is_soft = sum(lines) < SOFT_BELOW
        for name, item in self._items.items():
            item.draw(parts[name], is_soft=is_soft)
        has_points = any(math.isfinite(low) for low, _ in (item.bounds(*_ALL) for item in self._items.values()))
        self.plot.say_empty("" if has_points else self._empty_words)
        self.plot.curves.changed()
        self._layer.changed()

    def _height(self, left: float, right: float) -> tuple[float, float]:
        fitted = [item for item in self._items.values() if not (self._fits_smoothed and item.curve.look == "faint")]
        has_marks = any(len(marks.x) for marks in self._marks.values())
        foot = _FOOT / max(60.0, self.view.height()) if has_marks else 0.0
        return height_for([item.bounds(left, right) for item in fitted], is_log=self._is_log, foot=foot)

    # How it is looked at

    def set_log(self, is_log: bool) -> None:
        """Make the vertical axis one of powers of ten, or not."""
        if is_log != self._is_log:
            self._is_log = is_log
            self._left.kind = "decades" if is_log else "number"
            self._fixed_y = None
            self._left.update()
            for item in self._items.values():
                item.set_points(item.x, item.y, 0, log_x=self._log_x, log_y=is_log)
            self._drawing.start(0)

    def set_minutes(self, is_minutes: bool) -> None:
        """Say whether x is a time."""
        self._bottom.kind = "decades" if self._log_x else "minutes" if is_minutes else "whole"
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
        self.plot.getPlotItem().showAxis("bottom", is_large or not self.is_small)

    def join(self, axis: XAxis) -> None:
        """Share the horizontal axis of other charts."""
        self.axis.moved.disconnect(self._axis_moved)
        self.axis.turn_came.disconnect(self._turn_came)
        self.axis.forget(self)
        self.axis.has_drawn(self)
        self.axis = axis
        self._join(axis)
        self._drawing.start(0)

    def _join(self, axis: XAxis) -> None:
        axis.moved.connect(self._axis_moved)
        axis.turn_came.connect(self._turn_came)

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
            self.axis.follow(self)

    def _turn_came(self, chart: object) -> None:
        if chart is self and not self.isHidden():  # one that the run shown now does without tells nothing any more
            self.draw()

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
        told = [curve for curve in self.curves if curve.is_told]
        short = [self._words_at(curve, is_named=False) for curve in told]
        if self.is_small:
            self._head.say([short], self.width())
            return
        named = [self._words_at(curve, is_named=True) for curve in told]
        without_marks = [
            signs if curve.look in MARKS or curve.look == "star" else names
            for curve, names, signs in zip(told, named, short, strict=True)
        ]
        with_expected = [words or self._expected_words(curve) for curve, words in zip(told, named, strict=True)]
        self._head.say([with_expected, named, without_marks, short], self.width())

    def _expected_words(self, curve: Curve) -> str:
        words = self._expected.get(curve.name, "")
        return f"{sign(curve, self.colour_of(curve))} {words}" if words else ""

    def _words_at(self, curve: Curve, *, is_named: bool) -> str:
        if not len(self.data_of(curve.name)[0]):
            return ""
        colour = self.colour_of(curve)
        if curve.look in MARKS or curve.look == "star":
            return f"{sign(curve, colour)} {curve.words}" if is_named else sign(curve, colour)
        x = self._shown_x
        value = self._number(self._items[curve.name].value_at(x if x is None else self._step_at(x)))
        is_only = len(self.curves) == 1
        return value_words(curve, colour, value, is_named=is_named, is_only=is_only, is_small=self.is_small)

    def words_at(self, x: float) -> list[tuple[Curve, str]]:
        """Return every curve that has a value at ``x``, and the value in words."""
        found = []
        step = self._step_at(x)
        for curve in self.curves:
            if curve.look in MARKS or curve.look == "star":
                continue
            value = self._items[curve.name].value_at(step)
            if value is not None:
                found.append((curve, self._number(value)))
        return found

    def _step_at(self, x: float) -> float:
        """Return where the step is that is meant: an evaluation counts from its own step on, not from before it."""
        lines = (item for item in self._items.values() if item.curve.look in ("line", "faint"))
        longest = max((item.x for item in lines), key=len, default=np.empty(0))
        return float(longest[nearest(longest, x)]) if len(longest) else x

    @property
    def legend(self) -> str:
        """What its curves are called, each behind its sign, as HTML; for a picture, where nothing can be asked."""
        shown = [curve for curve in self.curves if len(self.data_of(curve.name)[0])]
        return "&nbsp;&nbsp; ".join(f"{sign(curve, self.colour_of(curve))} {curve.words}" for curve in shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_values()
