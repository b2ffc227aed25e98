"""The table of runs: narrow it is a list of two lines each, wide it has a column for everything."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop.ui.runs.delegate import LINE_HEIGHT, ROW_HEIGHT, RunDelegate, TagsDelegate
from desktop.ui.runs.filter import ShownRuns
from desktop.ui.runs.filter_row import NEWEST
from desktop.ui.runs.model import Column
from desktop.ui.theme import Theme, table_font

ROOM_FOR = {
    Column.PROGRESS: 440,
    Column.STATE: 520,
    Column.LOSS: 600,
    Column.TIME: 700,
    Column.METHOD: 780,
    Column.DATA: 900,
    Column.MODEL: 1020,
    Column.SIZE: 1100,
    Column.TAGS: 1180,
}
"""From which width of the table on a column is shown; the first one says the most and is always there."""
WIDTHS = {
    Column.STATE: 100,
    Column.PROGRESS: 124,
    Column.MODEL: 152,
    Column.DATA: 136,
    Column.METHOD: 80,
    Column.LOSS: 100,
    Column.TIME: 112,
    Column.SIZE: 84,
    Column.TAGS: 148,
}
GROWING = (Column.MODEL, Column.DATA, Column.TAGS)
"""Columns whose words may be long: they share what room is left over with the names."""
ONE_LINE_FROM = ROOM_FOR[Column.TIME]
"""From this width on the columns say what else would be the second line."""
ENOUGH = 1240
"""So wide, every column has what it needs."""


class RunsTable(QTableView):
    """Shows the runs; several rows can be chosen, and the name is edited in its place."""

    def __init__(self, shown: ShownRuns, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._delegate = RunDelegate(theme, self)
        self.setModel(shown)
        self.setItemDelegateForColumn(Column.RUN, self._delegate)
        self.setItemDelegateForColumn(Column.TAGS, TagsDelegate(theme, self))
        self.setFont(table_font(self.font()))
        self.setAccessibleName("Runs")
        self.setAccessibleDescription("Hold Ctrl or Shift to choose several.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().hide()
        columns = self.horizontalHeader()
        columns.setSortIndicatorClearable(True)
        columns.setSortIndicator(NEWEST, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        columns.setSectionResizeMode(Column.RUN, QHeaderView.ResizeMode.Stretch)
        columns.setHighlightSections(False)
        for name, width in WIDTHS.items():
            self.setColumnWidth(name, width)
        self._fit(self.width())

    def sort_by(self, section: int) -> None:
        """Sort by a column, names from A and numbers from the smallest; NEWEST is the order that they were begun in."""
        self.sortByColumn(section, Qt.SortOrder.AscendingOrder)

    def resizeEvent(self, event: QResizeEvent) -> None:
        current = self.visualRect(self.currentIndex())
        was_seen = self.currentIndex().isValid() and 0 <= current.top() < event.oldSize().height()
        super().resizeEvent(event)
        self._fit(self.width())
        if was_seen:  # the queue below may just have taken its room
            self.scrollTo(self.currentIndex())

    def _fit(self, width: int) -> None:
        for name, least in ROOM_FOR.items():
            self.setColumnHidden(name, width < least)
        over = max(0, width - ENOUGH)
        for name in GROWING:
            self.setColumnWidth(name, WIDTHS[name] + over // 5)
        self.horizontalHeader().setVisible(width >= min(ROOM_FOR.values()))
        is_one_line = width >= ONE_LINE_FROM
        if is_one_line != self._delegate.is_one_line:
            self._delegate.is_one_line = is_one_line
            self.verticalHeader().setDefaultSectionSize(LINE_HEIGHT if is_one_line else ROW_HEIGHT)
