"""The small charts below the large one, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop.ui import words
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.metric_words import tip_of, title_of
from desktop.ui.charts.tracks import SMALL_CURVES
from desktop.ui.theme import Theme

NARROWEST = 216
MOST_COLUMNS = 4


class SmallCharts(QWidget):
    """A chart for each name that it is asked for; made once, kept, and shown when wanted."""

    def __init__(self, theme: Theme, leader: Chart, dress: Callable[[Chart], None] = lambda _: None) -> None:
        super().__init__()
        self._theme = theme
        self._leader = leader
        self._dress = dress
        self._charts: dict[str, Chart] = {}
        self._names: list[str] = []
        self._columns = 0
        self.show_more = False
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)

    def show_names(self, names: Sequence[str]) -> None:
        """Show these charts, in this order."""
        if list(names) != self._names:
            self._names = list(names)
            self._arrange()

    def shown(self) -> list[tuple[str, Chart]]:
        """Return the charts that are shown, by name."""
        # While one is made, the pointer may leave another and ask.
        return [(name, self._charts[name]) for name in self._names if name in self._charts]

    def __getitem__(self, name: str) -> Chart:
        return self._charts[name]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._columns_for(self.width()) != self._columns:
            self._arrange()

    def _columns_for(self, width: int) -> int:
        fit = max(1, min(MOST_COLUMNS, width // NARROWEST))
        # Five charts are better three and two than four and one.
        rows = max(1, -(-len(self._names) // fit))
        return max(1, min(fit, -(-len(self._names) // rows)))

    def _arrange(self) -> None:
        columns = self._columns = self._columns_for(self.width())
        for name, chart in self._charts.items():
            self._grid.removeWidget(chart)
            if name not in self._names:
                chart.hide()
                chart.axis.forget(chart)
        for index, name in enumerate(self._names):
            if name not in self._charts:
                self._charts[name] = self._make(name)
            self._grid.addWidget(self._charts[name], index // columns, index % columns)
            self._charts[name].set_large(len(self._names) == 1)
            self._charts[name].show()
        rows = -(-len(self._names) // columns) if self._names else 0
        for index in range(max(rows, self._grid.rowCount())):
            self._grid.setRowStretch(index, 1 if index < rows else 0)
        for index in range(MOST_COLUMNS):
            self._grid.setColumnStretch(index, 1 if index < columns else 0)

    def _make(self, name: str) -> Chart:
        chart = Chart(title_of(name), SMALL_CURVES, self._theme, words.short_number, is_small=True)
        chart.setParent(self)
        chart.set_title(title_of(name), tip_of(name))
        chart.plot.setMinimumHeight(48)
        chart.follow_axis_of(self._leader)
        self._dress(chart)
        return chart
