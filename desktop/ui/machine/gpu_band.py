"""How busy and how full the cards of a run were: two low charts under the loss, on its axis."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.core.gpu_history import CardLine
from desktop.core.gpu_places import GpuView, breaks
from desktop.core.series import Floats
from desktop.core.smoothing import Smoothed
from desktop.ui import words
from desktop.ui.charts.chart import Chart, Curve
from desktop.ui.charts.curve_items import DASHES
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.machine.gpu_charts import QUANTITIES, Quantity
from desktop.ui.pieces import column
from desktop.ui.theme import Theme
from trainer_image.cards.readings import MIB

LOWEST, HIGHEST = 42, 88
"""Pixels of a plot: on a small screen the loss is to keep its room, on a large one these are no more than a band."""
ROOM = 0.3
"""Above and below the curves, as a share of their height: else there would be none for the numbers at the axis."""
SMOOTHING = 0.75
"""Enough to calm what jumps from second to second; that a card had nothing to do for some seconds is still seen."""
LOAD, MEMORY = QUANTITIES[0], QUANTITIES[1]


class GpuBand(QWidget):
    """Draws all cards in one chart for each quantity; the details are in the dock of the cards."""

    hovered = Signal(object)
    """The x under the pointer, or None."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._cards: dict[int, CardLine] = {}
        self._smoothed: dict[int, Smoothed] = {}
        self._asked: object = None
        self._count = 0
        self._axis = XAxis()
        self.charts: dict[str, Chart] = {}
        self._column = column(space=4)
        self.setLayout(self._column)

    def show_view(self, view: GpuView, x: Floats, axis: XAxis, asked: object, *, is_minutes: bool) -> None:
        """Draw the samples that have a place; while ``asked`` stays, what was drawn before stands where it stood."""
        if view.cards != self._cards or axis is not self._axis:
            self._cards, self._axis = dict(view.cards), axis
            self._make_charts()
            self._asked = None
        if asked != self._asked:
            self._asked, self._count, self._smoothed = asked, 0, {}
        here = np.flatnonzero(np.isfinite(x))
        part = slice(int(here[0]), int(here[-1]) + 1) if len(here) else slice(0, 0)
        x, gaps = x[part], breaks(view.times[part])
        for number in self._cards:
            load = view.column(number, LOAD.column)[part]
            smoothed = self._smoothed.setdefault(number, Smoothed(SMOOTHING)).of(load, x, self._count)
            memory = view.column(number, MEMORY.column)[part] * (MIB / words.GIB)
            self._show("load", f"GPU {number}", x, smoothed, gaps)
            self._show("load", f"GPU {number} raw", x, load, gaps)
            self._show("memory", f"GPU {number}", x, memory, gaps)
        self._count = len(x)
        for chart in self.charts.values():
            chart.set_minutes(is_minutes)
            chart.measure()

    def _show(self, name: str, curve: str, x: Floats, values: Floats, gaps: np.ndarray) -> None:
        if len(gaps):
            values = values.copy()
            values[gaps] = np.nan
        self.charts[name].show_curve(curve, x, values, self._count)

    def show_crosshair(self, x: float | None) -> None:
        """Stand at a place, in both charts."""
        for chart in self.charts.values():
            chart.show_crosshair(x)

    def _make_charts(self) -> None:
        for chart in self.charts.values():
            chart.join(XAxis())  # it may be drawn once more before it goes
            self._column.removeWidget(chart)
            chart.hide()
            chart.deleteLater()
        sizes = {card.total_bytes for card in self._cards.values()}
        of_all = f"of {words.memory(max(sizes))} GB" if len(sizes) == 1 and max(sizes) else "GB"
        lines = [Curve(f"GPU {number}", colour=number, dash=number % len(DASHES)) for number in sorted(self._cards)]
        raw = [Curve(f"{line.name} raw", "faint", line.colour, is_told=False) for line in lines]
        self.charts = {
            "load": self._chart("GPU load, %", (*raw, *lines), LOAD, 100),
            "memory": self._chart(f"GPU memory, {of_all}", tuple(lines), MEMORY, max(sizes, default=0) / words.GIB),
        }

    def _chart(self, title: str, curves: tuple[Curve, ...], quantity: Quantity, top: float) -> Chart:
        chart = Chart(title, curves, self._theme, quantity.say)
        item = chart.plot.getPlotItem()
        item.hideAxis("bottom")
        chart.plot.setMinimumHeight(LOWEST)
        chart.plot.setMaximumHeight(HIGHEST)
        chart.plot.setYRange(0, top or 1, padding=ROOM)
        marks = [(value, quantity.say(value).removesuffix(".0")) for value in (0.0, top)]
        item.getAxis("left").setTicks([marks])
        chart.join(self._axis)
        chart.hovered.connect(self.hovered)
        self._column.addWidget(chart)
        return chart
