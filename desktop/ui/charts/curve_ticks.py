"""When the charts of a run are drawn: one a tick, the longest waiting first, and none more often than it can bear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.charts.chart import Chart

TICK_MS = 16
"""One chart is drawn in a tick, so that the window has its turn before the next."""
MAIN_EVERY_S = 0.066
"""The large chart, which is the first, is drawn 15 times a second at most."""
SMALL_EVERY_S = 0.2
REST = 8
"""A chart that takes long to draw is drawn less often: it rests so many times as long as it takes."""


class CurveTicks(QObject):
    """Asks for one chart after the other while the widget with the charts can be seen."""

    drawing_wanted = Signal(object)
    """A chart that is to be filled and drawn now."""

    def __init__(self, widget: QWidget, shown: Callable[[], list[Chart]]) -> None:
        super().__init__(widget)
        self._widget = widget
        self._shown = shown
        self.is_dirty = False
        """There is more to draw, in every chart that is shown."""
        self._waiting: set[Chart] = set()
        self._drawn_at: dict[Chart, float] = {}
        self._cost: dict[Chart, float] = {}
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be drawn."""
        return not self.is_dirty and not self._waiting

    def clear(self) -> None:
        """Everything is drawn by somebody else now."""
        self.is_dirty = False
        self._waiting.clear()

    def put_off(self, charts: Iterable[Chart]) -> None:
        """Draw these in the next moments."""
        self._waiting.update(charts)

    def has_drawn(self, chart: Chart) -> None:
        """Somebody else has drawn a chart."""
        self._drawn_at[chart] = time.monotonic()

    def drawn_at(self, chart: Chart) -> float:
        """Return when a chart was drawn last, by the monotonic clock."""
        return self._drawn_at.get(chart, 0.0)

    def _tick(self) -> None:
        if self.is_idle or not self._widget.isVisible():
            return
        if self.is_dirty:
            self.is_dirty = False
            self._waiting.update(self._shown())
            return
        began = time.monotonic()
        due = [chart for chart in self._waiting if self._is_due(chart, began)]
        if not due:
            return
        chart = min(due, key=self.drawn_at)
        self._waiting.discard(chart)
        self.drawing_wanted.emit(chart)
        now = time.monotonic()
        self._drawn_at[chart], self._cost[chart] = now, now - began

    def _is_due(self, chart: Chart, now: float) -> bool:
        least = SMALL_EVERY_S if chart.is_small else MAIN_EVERY_S
        return now - self.drawn_at(chart) >= max(least, REST * self._cost.get(chart, 0.0))
