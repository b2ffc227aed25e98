"""The rows that cannot be used, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.ui import words
from desktop.ui.datasets.report import fault_of, kind_words
from trainer_image.formats import RowProblem

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """What is said of each."""

    LINE = 0
    ROW = 1
    COLUMN = 2
    KIND = 3
    FAULT = 4
    FIX = 5


TITLES = {
    Column.LINE: ("Line", "The line of the file, counted from 1"),
    Column.ROW: ("Row", "The row, counted from 1; blank lines and headers are none"),
    Column.COLUMN: ("Column", "The column, or the turn in it"),
    Column.KIND: ("Kind", "Problems of one kind can be shown by themselves"),
    Column.FAULT: ("What is wrong", ""),
    Column.FIX: ("What would mend it", ""),
}


class ProblemModel(QAbstractTableModel):
    """Holds the problems of one report; sorts and narrows them itself, as a proxy would ask for every cell."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: Sequence[RowProblem] = ()
        self._problems: list[RowProblem] = []
        self._kind = ""
        self._order = Column.LINE, False
        self._keys: dict[Column, list[tuple[Any, int]]] = {}
        """What the problems are sorted by, for each column by which they were."""

    def show_problems(self, problems: Sequence[RowProblem]) -> None:
        self._all, self._kind = problems, ""
        self._keys = {}
        self._arrange()

    def narrow(self, kind: str) -> None:
        """Show the problems of one kind, or with an empty word all."""
        if kind != self._kind:
            self._kind = kind
            self._arrange()

    def sort(self, section: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        wanted = Column(section), order == Qt.SortOrder.DescendingOrder
        # A view asks twice for each click.
        if wanted != self._order:
            self._order = wanted
            self._arrange()

    def row_at_line(self, line: int) -> int | None:
        """Return where the problem at a line of the file is shown."""
        return next((row for row, problem in enumerate(self._problems) if problem.line == line), None)

    def _arrange(self) -> None:
        column, is_falling = self._order
        if column not in self._keys:
            self._keys[column] = [(self._sort_key(one, column), one.line) for one in self._all]
        order = sorted(range(len(self._all)), key=self._keys[column].__getitem__, reverse=is_falling)
        ordered = map(self._all.__getitem__, order)
        self.beginResetModel()
        self._problems = [one for one in ordered if not self._kind or one.kind == self._kind]
        self.endResetModel()

    def _sort_key(self, problem: RowProblem, column: Column) -> Any:
        if column <= Column.ROW:
            return problem.line if column == Column.LINE else problem.row
        return self._words(problem, column)

    def problem(self, row: int) -> RowProblem:
        return self._problems[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._problems)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal:
            title, tip = TITLES[Column(section)]
            if role == Qt.ItemDataRole.DisplayRole:
                return title
            if role == Qt.ItemDataRole.ToolTipRole:
                return tip or None
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        problem, column = self._problems[index.row()], index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole and column <= Column.ROW:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and column >= Column.FAULT:
            return str(problem)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._words(problem, Column(column))
        return None

    def _words(self, problem: RowProblem, column: Column) -> str:
        match column:
            case Column.LINE:
                return words.count(problem.line)
            case Column.ROW:
                return words.count(problem.row)
            case Column.COLUMN:
                return problem.column or "whole row"
            case Column.KIND:
                return kind_words(problem.kind)
            case Column.FAULT:
                return fault_of(problem)
            case _:
                return problem.fix
