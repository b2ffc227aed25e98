"""The curves of one run: what its method wants to move, large, with evaluations and marks; the rest small below."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider, QWidget

from desktop.core.progress import Progress
from desktop.core.series import Floats, Series, smooth
from desktop.ui import words
from desktop.ui.charts import Chart, Curve
from desktop.ui.metric_words import main_chart, sentence_of, small_charts, title_of
from desktop.ui.pieces import button, column, label, row
from desktop.ui.run_numbers import evaluation_values, step_values, training_names
from desktop.ui.small_charts import SmallCharts
from desktop.ui.theme import Theme
from trainer_image.contract import Method

FRAME_MS = 66
"""15 frames a second."""
MAIN_CURVES = (
    Curve("raw", "faint"),
    Curve("smoothed"),
    Curve("evaluation", "points", 1),
    Curve("best", "star", 1),
    Curve("checkpoint", "marks", 2),
    Curve("memory full", "warning"),
)
AXES = (("step", "by step"), ("time", "by minutes"), ("tokens", "by tokens"))


class RunCurves(QWidget):
    """Redraws what has changed, at most 15 times a second, and only while it can be seen."""

    def __init__(self, theme: Theme, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self._series: Series | None = None
        self._method: Method = "sft"
        self._best: Floats = np.empty(0)
        self._is_dirty = False
        self._drawn_at = self._cost = 0.0
        self._hovered: float | None = None
        self.main = Chart("Loss", MAIN_CURVES, theme, words.loss)
        self.small = SmallCharts(theme, self.main)
        self.more = button("", self._more_clicked, "link")
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
        self.smoothing.setAccessibleName("Smoothing of the curves, in percent")
        self.smoothing.setToolTip("How much of the past the smoothed line keeps")
        self.axis.currentIndexChanged.connect(self._axis_changed)
        self.log.toggled.connect(self._log_toggled)
        self.smoothing.valueChanged.connect(self._smoothing_changed)

    def _compose(self) -> None:
        smoothing = label("Smoothing", "muted")
        smoothing.setBuddy(self.smoothing)
        for part in (smoothing, self.smoothing, self.log, self.axis):
            self.main.head.addWidget(part)
        layout = column(self.main, self.small, row(self.more, 1), space=8)
        layout.setStretch(0, 5)
        layout.setStretch(1, 4)
        self.setLayout(layout)
        self.main.plot.setMinimumHeight(112)
        self.main.hovered.connect(self._show_crosshair)
        self.small.hovered.connect(self._show_crosshair)

    def show_series(self, series: Series | None, method: Method = "sft") -> None:
        """Draw another run, whole."""
        self._series, self._method = series, method
        self.small.show_more = False
        self.main.show_all()
        self.redraw()

    def show_progress(self, progress: Progress) -> None:
        """Mark the best evaluation."""
        best = progress.best
        marked = np.array([float(best.step)]) if best is not None else np.empty(0)
        if not np.array_equal(marked, self._best):
            self._best = marked
            self.mark_dirty()

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
        known = training_names(series)
        shown = main_chart(self._method, known)
        self.main.set_title(title_of(shown), sentence_of(shown))
        self._draw_main(series, shown)
        first, others = small_charts(self._method, known)
        self.small.show_names([*first, *others] if self.small.show_more else first)
        self.more.setVisible(bool(others))
        self.more.setText("Fewer charts" if self.small.show_more else f"{words.plural(len(others), 'more chart')}")
        steps, tested = series.column("step"), series.evaluation("step")
        x, tested_at = self._x_of(series, steps), self._x_of(series, tested)
        for name, chart in self.small.shown():
            values, tests = step_values(series, name), evaluation_values(series, name)
            said, asked = np.isfinite(values), np.isfinite(tests)
            chart.show_curve("raw", x[said], values[said])
            # What does not jump about, as a learning rate, would only be drawn too late, or in the noise of rounding.
            is_calm = name == "learning_rate" or not said.any() or np.ptp(values[said]) == 0
            weight = 0.0 if is_calm else self.smoothing.value() / 100
            chart.show_curve("smoothed", x[said], smooth(values[said], weight))
            chart.show_curve("evaluation", tested_at[asked], tests[asked])
        self._show_crosshair(self._hovered)

    def _draw_main(self, series: Series, name: str) -> None:
        steps, values = series.column("step"), step_values(series, name)
        x = self._x_of(series, steps)
        smoothed = smooth(values, self.smoothing.value() / 100)
        tested, tests = series.evaluation("step"), evaluation_values(series, name)
        is_best = np.isin(tested, self._best)
        self.main.show_curve("raw", x, values.copy())
        self.main.show_curve("smoothed", x, smoothed)
        self.main.show_curve("evaluation", self._x_of(series, tested), tests.copy())
        self.main.show_curve("best", self._x_of(series, tested[is_best]), tests[is_best])
        for mark, at in (("checkpoint", series.checkpoint_steps()), ("memory full", series.out_of_memory_steps())):
            heights = np.interp(at, steps, smoothed) if len(steps) else np.full(len(at), np.nan)
            self.main.show_curve(mark, self._x_of(series, at), heights)

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
        for chart in (self.main, *(chart for _, chart in self.small.shown())):
            chart.show_crosshair(x)

    def _axis_changed(self) -> None:
        self._settings.setValue("curves/axis", self.axis.currentData())
        self.main.show_all()
        self.redraw()

    def _log_toggled(self, is_on: bool) -> None:
        self.main.set_log(is_on)
        self.redraw()

    def _smoothing_changed(self, percent: int) -> None:
        self._settings.setValue("curves/smoothing", percent)
        self.mark_dirty()

    def _more_clicked(self) -> None:
        self.small.show_more = not self.small.show_more
        self.redraw()
