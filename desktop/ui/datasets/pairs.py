"""Pairs of rows in a small table: a copy and what it is a copy of."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from desktop.core.dataset.report import PlacedPair
from desktop.ui import words
from desktop.ui.pieces import column, label
from desktop.ui.theme import table_font

ROW_HEIGHT = 26
MOST_ROWS_SEEN = 6


class PairsTable(QWidget):
    """At most some hundred pairs; a double click or Enter goes to the row."""

    row_picked = Signal(int)

    def __init__(self, name: str, titles: tuple[str, str, str]) -> None:
        """With two titles the second row of each pair stands in another file, and is no row to go to."""
        super().__init__()
        self._goes_to = (0, 1 if titles[2] else 0, 0)
        self.table = QTableWidget(0, 3 if titles[2] else 2)
        self.table.setAccessibleName(name)
        self.table.setHorizontalHeaderLabels([title for title in titles if title])
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self.table.horizontalHeader().setDefaultAlignment(left)
        self.table.setFont(table_font(self.table.font()))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        # In an archive the end of a place tells one from the other.
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.table.setTabKeyNavigation(False)
        self.table.setToolTip("Double-click a place to see its row.")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        if titles[2]:
            self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.table.itemActivated.connect(self._pick)
        self.rest = label("", "muted")
        self.setLayout(column(self.table, self.rest, space=4))
        self.show_pairs([])

    def show_pairs(self, pairs: Sequence[PlacedPair], total: int = 0) -> None:
        """Show pairs, the first of so many."""
        self.table.setRowCount(len(pairs))
        for number, pair in enumerate(pairs):
            cells = (pair.one, pair.other, "near" if pair.is_near else "exact")
            for place, text in enumerate(cells[: self.table.columnCount()]):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                item.setData(Qt.ItemDataRole.UserRole, pair.rows[self._goes_to[place]])
                self.table.setItem(number, place, item)
        header = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(header + ROW_HEIGHT * min(MOST_ROWS_SEEN, len(pairs)) + 4)
        self.rest.setText(f"and {words.count(total - len(pairs))} more")
        self.rest.setVisible(total > len(pairs) > 0)
        self.setVisible(bool(pairs))

    def _pick(self, item: QTableWidgetItem) -> None:
        self.row_picked.emit(item.data(Qt.ItemDataRole.UserRole))
