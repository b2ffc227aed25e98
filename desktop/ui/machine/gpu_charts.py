"""The curves of all cards: load, memory, temperature, power, fan and clock, on one axis."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from desktop.core.gpu_history import CardLine
from desktop.core.gpu_places import GpuView, breaks
from desktop.core.series import Floats
from desktop.core.smoothing import Smoothed
from desktop.ui import words
from desktop.ui.charts.chart import Chart, Curve
from desktop.ui.charts.curve_items import DASHES
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.machine.gpu_strip import SlowedStrip
from desktop.ui.pieces import ElidedLabel, column, label, row
from desktop.ui.theme import Theme, mixed
from trainer_image.cards.readings import MIB

LEFT = 40
"""Pixels for the numbers at the left of every chart."""
HEIGHT = 92
WIDE = 320
"""A column of charts is at least so wide."""


@dataclass(frozen=True)
class Quantity:
    """One number of every card, in a chart of its own."""

    name: str
    title: str
    column: str
    limit: str = ""
    """The column with what it may be at most."""
    top: float | None = None
    scale: float = 1.0
    digits: int = 0
    is_lively: bool = False
    """It jumps about from second to second: a smoothed line is drawn over it."""

    def say(self, value: float | None) -> str:
        """Return a value in words."""
        return "–" if value is None or value != value else f"{value:.{self.digits}f}"


QUANTITIES = (
    Quantity("load", "Load, %", "load_percent", top=100, is_lively=True),
    Quantity("memory", "Memory", "used_mib", digits=1),
    Quantity("temperature", "Temperature, °C", "temperature_c"),
    Quantity("power", "Power, W", "power_w", limit="power_limit_w", is_lively=True),
    Quantity("fan", "Fan, %", "fan_percent", top=100),
    Quantity("clock", "Clock, GHz", "clock_mhz", scale=0.001, digits=2, is_lively=True),
)
MEMORY = QUANTITIES[1]
SMOOTHING = 0.93


class MemoryChart(Chart):
    """What this run holds and what others hold, one on the other, up to all that the card has."""

    def _dress(self) -> None:
        super()._dress()
        colours = self._theme.colours
        for curve in self.curves:
            share = 0.35 if curve.name == "this run" else 0.78
            self._items[curve.name].ground = QColor(mixed(self.colour_of(curve), colours.surface, share))


class GpuCharts(QWidget):
    """Takes what is known of the cards and draws all of it; what no card tells has no chart."""

    hovered = Signal(object)
    """The x under the pointer, or None."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.axis = XAxis()
        self.charts: dict[str, Chart] = {}
        self._cards: dict[int, CardLine] = {}
        self._smoothed: dict[str, Smoothed] = {}
        self._columns = 0
        self._drawn = 0
        self.strip = SlowedStrip(theme, LEFT)
        self.slowed = ElidedLabel("", "muted")
        head = row(label("Slowed down", "title"), self.slowed)
        head.setStretch(1, 1)
        self._strip_box = QWidget()
        self._strip_box.setLayout(column(head, self.strip, space=2))
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self.setLayout(self._grid)
        self.strip.join(self.axis)

    def join(self, axis: XAxis) -> None:
        """Show the same part of an axis as other charts do."""
        if axis is self.axis:
            return
        for chart in self.charts.values():
            chart.join(axis)
        self.axis = axis
        self.strip.join(axis)

    def show_view(self, view: GpuView, x: Floats, *, is_minutes: bool, same: int = 0) -> int:
        """Draw the samples that have a place and return how many; of the first ``same`` nothing has changed."""
        here = np.isfinite(x)
        first = int(np.argmax(here)) if here.any() else len(x)
        last = len(x) - int(np.argmax(here[::-1])) if here.any() else first
        part = slice(first, last)
        x = x[part]
        if self._cards != view.cards:
            self._cards = dict(view.cards)
            self._forget_charts()
        known = [quantity for quantity in QUANTITIES if self._is_known(view, quantity)]
        names = [name for quantity in known for name in self._names(quantity)]
        if names != list(self.charts):
            same = 0
            self._make_charts(known)
        if not same:
            self._smoothed.clear()
        for chart in self.charts.values():
            chart.set_minutes(is_minutes)
        gaps = breaks(view.times[part])
        for quantity in known:
            for number, card in self._cards.items():
                if quantity.name == "memory":
                    self._fill_memory(view, part, x, card, gaps, same)
                    continue
                values = view.column(number, quantity.column)[part] * quantity.scale
                self._show(self.charts[quantity.name], f"GPU {number}", x, values, gaps, same)
                if quantity.is_lively:
                    key = f"{quantity.name} {number}"
                    smoothed = self._smoothed.setdefault(key, Smoothed(SMOOTHING)).of(values, x, same)
                    self._show(self.charts[quantity.name], f"GPU {number} smoothed", x, smoothed, gaps, same)
            if quantity.limit:
                limits = np.vstack([view.column(number, quantity.limit)[part] for number in self._cards])
                highest = np.fmax.reduce(limits, axis=0)
                self._show(self.charts[quantity.name], "limit", x, highest, gaps, same)
        self.strip.show_bits(x, {number: view.column(number, "throttle")[part] for number in self._cards})
        told = [f"GPU {number} {self.strip.words_of(number)}" for number in self._cards]
        slowed = [text for text in told if not text.endswith(" never")]
        self.slowed.set_whole_text("; ".join(slowed) or "never")
        for chart in self.charts.values():
            chart.measure()
        return len(x)

    def _fill_memory(self, view: GpuView, part: slice, x: Floats, card: CardLine, gaps: np.ndarray, same: int) -> None:
        chart = self.charts[f"memory {card.number}"]
        for name, source in (("in use", "used_mib"), ("this run", "own_mib")):
            values = view.column(card.number, source)[part] * (MIB / words.GIB)
            self._show(chart, name, x, values, gaps, same)

    def _show(self, chart: Chart, name: str, x: Floats, values: Floats, gaps: np.ndarray, same: int) -> None:
        if len(gaps):
            values = values.copy()
            values[gaps] = np.nan
        chart.show_curve(name, x, values, same)

    def show_crosshair(self, x: float | None) -> None:
        """Stand at a place, in every chart."""
        for chart in self.charts.values():
            chart.show_crosshair(x)
        if x is not None:
            self.slowed.set_whole_text(self.strip.words_at(x) or "not here")

    # What there is a chart for

    def _is_known(self, view: GpuView, quantity: Quantity) -> bool:
        """A card without a fan has no curve of it; where none has one there is no chart."""
        return any(bool(np.isfinite(view.column(number, quantity.column)).any()) for number in self._cards)

    def _names(self, quantity: Quantity) -> list[str]:
        if quantity.name == "memory":
            return [f"memory {number}" for number in self._cards]
        return [quantity.name]

    def _forget_charts(self) -> None:
        for chart in self.charts.values():
            chart.axis.forget(chart)
            chart.join(XAxis())  # it may be drawn once more before it goes
            self._grid.removeWidget(chart)
            chart.hide()
            chart.deleteLater()
        self.charts = {}

    def _make_charts(self, known: list[Quantity]) -> None:
        self._forget_charts()
        for quantity in known:
            for name in self._names(quantity):
                chart = self._memory_chart(name) if quantity.name == "memory" else self._chart(quantity)
                chart.join(self.axis)
                chart.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
                chart.head.setStretch(1, 1)
                chart.head.setStretch(2, 0)
                chart.plot.setFixedHeight(HEIGHT)
                chart.plot.getPlotItem().getAxis("left").setWidth(LEFT)
                chart.hovered.connect(self.hovered)
                self.charts[name] = chart
        self._columns = 0
        self._arrange()

    def _chart(self, quantity: Quantity) -> Chart:
        curves = []
        for number in sorted(self._cards):
            line = Curve(f"GPU {number}", colour=number, dash=number % len(DASHES))
            if quantity.is_lively:
                curves.append(replace(line, name=f"GPU {number} smoothed", is_told=False))
                line = replace(line, look="faint", dash=0)
            curves.append(line)
        if quantity.limit:
            curves.append(Curve("limit", "faint", is_neutral=True, is_told=True))
        chart = Chart(quantity.title, tuple(curves), self._theme, quantity.say)
        if quantity.top is not None:
            chart.plot.setYRange(0, quantity.top, padding=0.04)
        return chart

    def _memory_chart(self, name: str) -> Chart:
        card = self._cards[int(name.partition(" ")[2])]
        curves = (Curve("in use", colour=card.number), Curve("this run", colour=card.number))
        total = card.total_bytes / words.GIB
        title = f"GPU {card.number} memory, of {words.memory(card.total_bytes)} GB"
        chart = MemoryChart(title, curves, self._theme, MEMORY.say)
        chart.plot.setYRange(0, total or 1, padding=0.02)
        return chart

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._arrange()

    def _arrange(self) -> None:
        columns = max(1, min(3, self.width() // WIDE))
        if columns == self._columns:
            return
        self._columns = columns
        for place, chart in enumerate(self.charts.values()):
            self._grid.addWidget(chart, place // columns, place % columns, Qt.AlignmentFlag.AlignTop)
            is_last = place + columns >= len(self.charts)
            chart.plot.getPlotItem().showAxis("bottom", is_last)
            chart.plot.setFixedHeight(HEIGHT + 24 if is_last else HEIGHT)
        below = -(-len(self.charts) // columns)
        self._grid.addWidget(self._strip_box, below, 0)
        for index in range(3):
            self._grid.setColumnStretch(index, 1 if index < columns else 0)
