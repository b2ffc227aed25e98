"""What points at a place in the curves of a run: the crosshair, the evaluation whose samples are read, and the pins."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget

from desktop.core.feeds import places_of, step_near
from desktop.ui import words
from desktop.ui.charts import curve_words
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.crosshair import CrosshairBox
from desktop.ui.charts.curve_controls import CurveControls
from desktop.ui.charts.pin_board import PinBoard
from desktop.ui.charts.small_charts import SmallCharts
from desktop.ui.charts.tracks import Track
from desktop.ui.theme import Theme


class Curves(Protocol):
    """What is pointed at: the runs, and the charts that show them."""

    tracks: list[Track]
    main: Chart
    main_name: str
    small: SmallCharts
    controls: CurveControls

    def named_charts(self) -> list[tuple[str, Chart]]: ...

    def name_of(self, chart: Chart) -> str: ...


class CurvePointing(QObject):
    """Lets every chart show the same place, and hears what is pressed there."""

    evaluation_pressed = Signal(int)
    """The step of an evaluation whose samples somebody wants to see."""
    hovered = Signal(object)
    """The place of the crosshair on the axis, or None when it has left."""

    def __init__(self, curves: Curves, widget: QWidget, theme: Theme) -> None:
        super().__init__(widget)
        self._curves = curves
        self._widget = widget
        self._selected_step: int | None = None
        self.place: float | None = None
        """Where the crosshair stands."""
        self.pins = PinBoard(theme)
        self.box = CrosshairBox(widget)
        self.pins.changed.connect(self.show_pins)

    def take_in(self, chart: Chart) -> None:
        """Hear what is pointed at in a chart."""
        chart.hovered.connect(lambda x: self.show_place(x, chart))
        chart.point_pressed.connect(lambda x: self._pin(chart, x))
        chart.pin_pressed.connect(lambda number: self._edit_pin(chart, number))
        chart.mark_pressed.connect(self._mark_pressed)

    def open(self, folder: Path | None) -> None:
        """Point at what was pinned in another run, and at no evaluation."""
        self._selected_step = None
        self.pins.open(folder)

    def show(self) -> None:
        """Show in all charts what is pointed at."""
        self.show_pins()
        self._show_selected()
        self.show_place(self.place)

    def show_in(self, chart: Chart, name: str) -> None:
        """Show in one chart, which was drawn just now, where the crosshair stands, and the pins if it has any."""
        chart.show_crosshair(self.place)
        if self.pins.of(name):
            self.show_pins()

    # The crosshair

    def show_place(self, x: float | None, source: Chart | None = None) -> None:
        """Let the crosshair stand somewhere; its values are told beside the pointer where that is over ``source``."""
        self.place = x
        self.hovered.emit(x)
        curves = self._curves
        for _, chart in curves.named_charts():
            chart.show_crosshair(x)
        if x is None or source is None or not curves.tracks:
            self.box.hide()
            return
        is_alone = len(curves.tracks) == 1
        charts = [(curves.main_name, curves.main), *curves.small.shown()] if is_alone else []
        lines = [*curve_words.lines_of(source, x, is_alone), *curve_words.lines_beside(charts, source, x)]
        place = curve_words.place(curves.tracks[0], x, curves.controls.look.axis)
        self.box.show_lines(place, lines, self._widget.mapFromGlobal(source.pointer or QCursor.pos()))

    # The evaluation whose samples are read

    def select_evaluation(self, step: int) -> None:
        """Shade the place of an evaluation."""
        self._selected_step = step
        self._show_selected()

    def _show_selected(self) -> None:
        x = None
        if self._selected_step is not None and self._curves.tracks:
            track = self._curves.tracks[0]
            steps = np.array([float(self._selected_step)])
            x = float(places_of(track.series, steps, self._curves.controls.look.axis, track.shift)[0])
        for _, chart in self._curves.named_charts():
            chart.select_place(x)

    def _mark_pressed(self, name: str, x: float) -> None:
        if not self._curves.tracks or not name.startswith(("evaluation", "best", "checkpoint")):
            return
        track = self._curves.tracks[0]
        steps = track.series.evaluation("step")
        at = places_of(track.series, steps, self._curves.controls.look.axis, track.shift)
        if len(steps) and math.isfinite(x):
            self.evaluation_pressed.emit(int(steps[np.argmin(np.abs(at - x))]))

    # The pins

    def show_pins(self) -> None:
        """Draw the pins of all charts."""
        for name, chart in self._curves.named_charts():
            self.pins.show_in(chart, name, self._curves.tracks[0], self._curves.controls.look.axis, words.short_number)

    def _pin(self, chart: Chart, x: float) -> None:
        if self._curves.tracks:
            track = self._curves.tracks[0]
            step = step_near(track.series, x, self._curves.controls.look.axis, track.shift)
            self.pins.add(self._curves.name_of(chart), step)

    def _edit_pin(self, chart: Chart, number: int) -> None:
        place = chart.pointer or chart.mapToGlobal(QPoint(chart.width() // 2, chart.height() // 2))
        pin = self.pins.of(self._curves.name_of(chart))[number]
        self.editor = self.pins.edit(pin, self._widget, place)
