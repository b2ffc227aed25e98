"""A plain table of models: headers, rows of words, and what each row stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop.ui.theme import table_font

Index = QModelIndex | QPersistentModelIndex
ROW_HEIGHT = 28
HEIGHT = 232


@dataclass(frozen=True)
class TableRow:
    """One line: what stands in it, what it stands for, and the whole story as a tooltip."""

    words: tuple[str, ...]
    value: object
    tip: str = ""
    is_dim: bool = False
    """It cannot be used now."""


class TableRows(QAbstractTableModel):
    """Rows that are set all at once; numbers stand to the right."""

    def __init__(self, headers: Sequence[str], right: Sequence[int] = ()) -> None:
        super().__init__()
        self._headers = tuple(headers)
        self._right = frozenset(right)
        self.rows: list[TableRow] = []

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._headers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.words[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.tip or row.words[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and row.is_dim:
            return QGuiApplication.palette().placeholderText()
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in self._right:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section in self._right else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


class ModelTable(QTableView):
    """Shows the rows; the first column takes what room there is."""

    def __init__(
        self, name: str, headers: Sequence[str], right: Sequence[int] = (), gives_way: Mapping[int, int] | None = None
    ) -> None:
        """``gives_way`` has columns that are hidden in a table narrower than so many pixels."""
        super().__init__()
        self._gives_way = dict(gives_way or {})
        self.rows = TableRows(headers, right)
        self.setModel(self.rows)
        self.setAccessibleName(name)
        self.setFont(table_font(self.font()))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setMaximumSectionSize(220)
        self.setFixedHeight(HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, the last columns give way, so that names can be read."""
        super().resizeEvent(event)
        for column, least in self._gives_way.items():
            self.setColumnHidden(column, event.size().width() < least)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.height())

    def sizeHint(self) -> QSize:
        return QSize(320, self.height())

    def show_rows(self, rows: Sequence[TableRow]) -> None:
        """Show other rows and keep the selection on what it was on, if that is still there."""
        chosen = self.chosen
        self.rows.set_rows(rows)
        for number, row in enumerate(rows):
            if row.value == chosen and chosen is not None:
                self.selectRow(number)

    @property
    def chosen(self) -> object:
        """What the selected row stands for, or None."""
        found = self.selectionModel().selectedRows()
        return self.rows.rows[found[0].row()].value if found else None

    def on_choice(self, chosen: Callable[[object], object]) -> None:
        """Call back with what is selected, also when the rows are others now."""
        self.selectionModel().selectionChanged.connect(lambda *_: chosen(self.chosen))
        self.rows.modelReset.connect(lambda: chosen(self.chosen))
