"""The search for a learning rate: loss over learning rate, what it suggests, and the button that takes it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.core.series import Series, smooth
from desktop.ui import words
from desktop.ui.charts.chart import Chart, Curve
from desktop.ui.pieces import button, column, label, row
from desktop.ui.theme import Theme
from trainer_image.contract import Suggestion

SMOOTHING = 0.7
CURVES = (Curve("loss", "faint"), Curve("smoothed"), Curve("suggested", "star", 1))


class RateCurve(QWidget):
    """Shown for a run that searches."""

    value_wanted = Signal(str, object)
    """A knob, and the value that the user takes for it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._suggestion: Suggestion | None = None
        self.chart = Chart("Loss over learning rate", CURVES, theme, words.loss, log_x=True)
        self.chart.set_title("Loss over learning rate", "Where the loss falls fastest, learning is best.")
        self.sentence = label("", wrap=True)
        self.use = button("", self._use, "primary")
        foot = row(self.sentence, self.use, space=16)
        foot.setStretch(0, 1)
        layout = column(self.chart, foot, space=8)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.chart.plot.setMinimumHeight(112)
        self.chart.hovered.connect(self.chart.show_crosshair)

    def show_search(self, series: Series, suggestion: Suggestion | None, is_live: bool) -> None:
        """Draw what was tried so far, and mark what came of it."""
        self._suggestion = suggestion
        rates, losses = series.column("learning_rate").copy(), series.column("loss").copy()
        smoothed = smooth(losses, SMOOTHING)
        self.chart.show_curve("loss", rates, losses)
        self.chart.show_curve("smoothed", rates, smoothed)
        at = np.array([suggestion.value]) if suggestion is not None and len(rates) else np.empty(0)
        self.chart.show_curve("suggested", at, np.interp(at, rates, smoothed) if len(at) else at)
        self.chart.show_crosshair(None)
        waiting = "The learning rate rises step by step; the suggestion comes at the end."
        nothing = "The search has found no learning rate to suggest."
        self.sentence.setText(suggestion.sentence if suggestion else waiting if is_live else nothing)
        self.use.setVisible(suggestion is not None)
        if suggestion is not None:
            self.use.setText(f"Use {words.short_number(suggestion.value)}")
            self.use.setAccessibleName(f"Use {suggestion.value!r} as learning rate")

    def _use(self) -> None:
        if self._suggestion is not None:
            self.value_wanted.emit(self._suggestion.knob, float(f"{self._suggestion.value:.1e}"))
