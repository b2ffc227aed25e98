"""The curves of one run: loss with its smoothed line, evaluations and checkpoints, and three small ones below."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider, QWidget

from desktop.core.series import Floats, Series, smooth
from desktop.ui import words
from desktop.ui.charts import Chart, Curve
from desktop.ui.pieces import column, label, row
from desktop.ui.theme import Theme

FRAME_MS = 66
"""15 frames a second."""
LOSS_CURVES = (
    Curve("raw", "faint"),
    Curve("smoothed"),
    Curve("evaluation", "points", 1),
    Curve("checkpoint", "marks", 2),
)
AXES = (("step", "by step"), ("time", "by minutes"), ("tokens", "by tokens"))


class RunCurves(QWidget):
    """Redraws what has changed, at most 15 times a second, and only while it can be seen."""

    def __init__(self, theme: Theme, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self._series: Series | None = None
        self._is_dirty = False
        self._drawn_at = self._cost = 0.0
        self._hovered: float | None = None
        self.loss = Chart(
            "Loss",
            LOSS_CURVES,
            theme,
            words.loss,
        )
        self.small = {
            "learning_rate": Chart("Learning rate", (Curve("learning_rate"),), theme, words.short_number),
            "grad_norm": Chart("Gradient norm", (Curve("grad_norm"),), theme, words.short_number),
            "tokens_per_s": Chart("Tokens per second", (Curve("tokens_per_s"),), theme, words.short_number),
        }
        self._make_controls()
        self._compose()
        self._drawing = QTimer(self, interval=FRAME_MS)
        self._drawing.timeout.connect(self._draw_if_needed)
        self._drawing.start()

    def _make_controls(self) -> None:
        self.axis = QComboBox()
        self.axis.setAccessibleName("Horizontal axis")
        for name, text in AXES:
            self.axis.addItem(text, name)
        self.axis.setCurrentIndex(max(0, self.axis.findData(self._settings.value("curves/axis", "step"))))
        self.log = QCheckBox("Log axis")
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 99)
        self.smoothing.setValue(int(str(self._settings.value("curves/smoothing", 85))))
        self.smoothing.setFixedWidth(96)
        self.smoothing.setAccessibleName("Smoothing of the loss, in percent")
        self.smoothing.setToolTip("How much of the past the smoothed line keeps")
        self.axis.currentIndexChanged.connect(self._axis_changed)
        self.log.toggled.connect(self._log_toggled)
        self.smoothing.valueChanged.connect(self._smoothing_changed)

    def _compose(self) -> None:
        smoothing = label("Smoothing", "muted")
        smoothing.setBuddy(self.smoothing)
        for part in (smoothing, self.smoothing, self.log, self.axis):
            self.loss.head.addWidget(part)
        below = row(*self.small.values(), space=16)
        layout = column(self.loss, below, space=8)
        layout.setStretch(0, 5)
        layout.setStretch(1, 2)
        self.setLayout(layout)
        self.loss.plot.setMinimumHeight(80)
        for chart in self.small.values():
            chart.follow_axis_of(self.loss)
            chart.plot.setMinimumHeight(48)
        for chart in (self.loss, *self.small.values()):
            chart.hovered.connect(self._show_crosshair)

    def show_series(self, series: Series | None) -> None:
        """Draw another run, whole."""
        self._series = series
        self.loss.show_all()
        self.redraw()

    def mark_dirty(self) -> None:
        """There is more to draw."""
        self._is_dirty = True

    def redraw(self) -> None:
        """Draw now."""
        self._is_dirty = False
        began = time.monotonic()
        if self._series is not None:
            self._draw(self._series)
        self._drawn_at = time.monotonic()
        self._cost = self._drawn_at - began

    def _draw_if_needed(self) -> None:
        # A run of a hundred thousand steps takes longer to smooth than a frame lasts: then draw less often.
        rested = time.monotonic() - self._drawn_at > 8 * self._cost
        if self._is_dirty and rested and self.isVisible():
            self.redraw()

    def _draw(self, series: Series) -> None:
        steps = series.column("step")
        x = self._x_of(series, steps)
        loss = series.column("loss")
        smoothed = smooth(loss, self.smoothing.value() / 100)
        self.loss.show_curve("raw", x, loss.copy())
        self.loss.show_curve("smoothed", x, smoothed)
        tested_at = self._x_of(series, series.evaluation("step"))
        self.loss.show_curve("evaluation", tested_at, series.evaluation("loss").copy())
        marks = series.checkpoint_steps()
        heights = np.interp(marks, steps, smoothed) if len(steps) else np.full(len(marks), np.nan)
        self.loss.show_curve("checkpoint", self._x_of(series, marks), heights)
        for name, chart in self.small.items():
            chart.show_curve(name, x, series.column(name).copy())  # type: ignore[arg-type]
        self._show_crosshair(self._hovered)

    def _x_of(self, series: Series, steps: Floats) -> Floats:
        """Return where steps stand on the chosen axis; what happened between two steps stands between them."""
        known = series.column("step")
        axis = self.axis.currentData()
        if axis == "step" or not len(known):
            return steps.copy()
        if axis == "tokens":
            return np.interp(steps, known, series.column("tokens"))
        minutes: Floats = (series.column("time") - series.column("time")[0]) / 60
        return np.interp(steps, known, minutes)

    def _show_crosshair(self, x: float | None) -> None:
        self._hovered = x
        for chart in (self.loss, *self.small.values()):
            chart.show_crosshair(x)

    def _axis_changed(self) -> None:
        self._settings.setValue("curves/axis", self.axis.currentData())
        self.loss.show_all()
        self.redraw()

    def _log_toggled(self, is_on: bool) -> None:
        self.loss.set_log(is_on)
        self.redraw()

    def _smoothing_changed(self, percent: int) -> None:
        self._settings.setValue("curves/smoothing", percent)
        self.mark_dirty()
