"""The runs as a table: one row a run, what trains first and then the newest, in words that a person reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.controllers.labels import LabelBook
from desktop.controllers.runs import Runs
from desktop.core.labels import Labels
from desktop.core.run import Run
from desktop.ui.runs.columns import (
    HELP,
    NUMBERS,
    TITLES,
    Column,
    SortKey,
    data_name,
    display,
    sort_key,
    subline,
    tooltip,
)

__all__ = ["ID_ROLE", "LABELS_ROLE", "RUN_ROLE", "Column", "RunsModel", "subline"]

Index = QModelIndex | QPersistentModelIndex
RUN_ROLE = Qt.ItemDataRole.UserRole
"""The Run itself, for the delegate."""
ID_ROLE = Qt.ItemDataRole.UserRole + 1
LABELS_ROLE = Qt.ItemDataRole.UserRole + 2
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def _rank(run: Run) -> tuple[bool, datetime, str]:
    """Runs with a higher rank stand above: what is at work is never pushed out of sight by what waits."""
    return run.state.is_live, run.created, run.id


class RunsModel(QAbstractTableModel):
    """Follows the runs controller and their labels."""

    def __init__(
        self,
        runs: Runs,
        labels: LabelBook,
        rename: Callable[[str, str], object] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._labels = labels
        self._rename = rename or runs.rename
        self._rows: list[Run] = sorted(runs.all(), key=_rank, reverse=True)
        self._places: dict[str, int] = {}
        self._data_names: dict[str, str] = {}
        """What the folders say of their data; it does not change, and reading a thousand files takes a while."""
        self._count()
        runs.run_added.connect(self._add)
        runs.run_changed.connect(self._change)
        runs.run_removed.connect(self._remove)
        labels.changed.connect(self._tell)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        column = Column(section)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return TITLES[column]
            case Qt.ItemDataRole.ToolTipRole:
                return HELP.get(column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return RIGHT if column in NUMBERS else LEFT
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == Column.RUN else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        run, column = self._rows[index.row()], Column(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._data_name(run) if column is Column.DATA else display(run, self.labels(run), column)
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip(run, self.labels(run), column)
            case Qt.ItemDataRole.EditRole if column is Column.RUN:
                return run.name
            case Qt.ItemDataRole.AccessibleTextRole if column is Column.RUN:
                return f"{run.name}, {subline(run)}"
            case Qt.ItemDataRole.TextAlignmentRole if column in NUMBERS:
                return RIGHT
        if role == RUN_ROLE:
            return run
        if role == LABELS_ROLE:
            return self.labels(run)
        return run.id if role == ID_ROLE else None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Rename a run; a name of blanks changes nothing."""
        name = str(value).strip()
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.RUN or not name:
            return False
        self._rename(self._rows[index.row()].id, name)
        return True

    def run_at(self, row: int) -> Run:
        return self._rows[row]

    def labels(self, run: Run) -> Labels:
        return self._labels.of(run.id)

    def row_of(self, run_id: str) -> int:
        """Return the row of a run, or -1."""
        return self._places.get(run_id, -1)

    def sort_key(self, row: int, column: Column) -> SortKey | None:
        run = self._rows[row]
        if column is Column.DATA:
            return 0, self._data_name(run).casefold()
        return sort_key(run, self.labels(run), column)

    def searched_text(self, row: int) -> str:
        """Return all that a run is found by, in small letters."""
        run, labels = self._rows[row], self.labels(self._rows[row])
        shown = [run.name, self._data_name(run)]
        shown += [display(run, labels, column) for column in (Column.STATE, Column.MODEL, Column.METHOD, Column.TAGS)]
        return " ".join((*shown, labels.notes, run.id)).casefold()

    def every_tag(self) -> list[str]:
        """Return the tags of the runs that are here, by name."""
        return sorted({tag for run in self._rows for tag in self.labels(run).tags}, key=str.casefold)

    def every_method(self) -> list[str]:
        return sorted({run.config.method for run in self._rows})

    def has_archived(self) -> bool:
        return any(self.labels(run).is_archived for run in self._rows)

    def tick(self) -> None:
        """The clock has moved on: live runs show other durations."""
        for row, run in enumerate(self._rows):
            if run.state.is_live:
                self._tell_row(row)

    def _data_name(self, run: Run) -> str:
        if run.id not in self._data_names:
            self._data_names[run.id] = data_name(run)
        return self._data_names[run.id]

    def _count(self) -> None:
        self._places = {run.id: row for row, run in enumerate(self._rows)}

    def _add(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None or self.row_of(run_id) >= 0:
            return
        row = self._place_of(run)
        self.beginInsertRows(QModelIndex(), row, row)
        self._rows.insert(row, run)
        self._count()
        self.endInsertRows()

    def _change(self, run_id: str) -> None:
        row, run = self.row_of(run_id), self._runs.get(run_id)
        if row >= 0 and run is not None:
            has_moved = _rank(run) != _rank(self._rows[row])
            self._rows[row] = run
            self._tell_row(self._move(row) if has_moved else row)

    def _place_of(self, run: Run) -> int:
        """Return before how many of the other rows a run stands."""
        rank = _rank(run)
        others = [other for other in self._rows if other.id != run.id]
        return next((at for at, other in enumerate(others) if _rank(other) < rank), len(others))

    def _move(self, row: int) -> int:
        """Bring a run that began or ended to its place, and return that."""
        run = self._rows[row]
        place = self._place_of(run)
        if place != row:
            # Qt counts the places before the row is taken out.
            self.beginMoveRows(QModelIndex(), row, row, QModelIndex(), place + (place > row))
            self._rows.insert(place, self._rows.pop(row))
            self._count()
            self.endMoveRows()
        return place

    def _tell(self, run_id: str) -> None:
        if self.row_of(run_id) >= 0:
            self._tell_row(self.row_of(run_id))

    def _tell_row(self, row: int) -> None:
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def _remove(self, run_id: str) -> None:
        row = self.row_of(run_id)
        if row >= 0:
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._rows[row]
            self._data_names.pop(run_id, None)
            self._count()
            self.endRemoveRows()
