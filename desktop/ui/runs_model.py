"""The runs as a table: one row a run, newest first, in words that a person reads."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.controllers.runs import Runs
from desktop.core.run import Run, RunState
from desktop.ui import words
from trainer_image.contract import REINFORCED

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """The columns in reading order."""

    RUN = 0
    STATE = 1
    STEP = 2
    LOSS = 3
    TIME = 4
    DATA = 5


TITLES = {
    Column.RUN: "Run",
    Column.STATE: "State",
    Column.STEP: "Step",
    Column.LOSS: "Loss",
    Column.TIME: "Time",
    Column.DATA: "Data",
}
RUN_ROLE = Qt.ItemDataRole.UserRole
"""The Run itself, for the delegate."""
ID_ROLE = Qt.ItemDataRole.UserRole + 1


def fraction_of(run: Run) -> float | None:
    """Return how much of a run is done, 0 to 1, where that is known."""
    if run.state is RunState.FINISHED:
        return 1.0
    return min(1.0, run.step / run.total_steps) if run.total_steps else None


def time_words(run: Run) -> str:
    """Return the time that is left of a live run, else how long it took."""
    if run.state is RunState.RUNNING and run.progress.seconds_left is not None:
        return words.time_left(run.progress.seconds_left)
    if run.started is None:
        return ""
    end = datetime.now(UTC) if run.state.is_live else run.ended
    if end is None or end < run.started:
        return ""
    return words.duration((end - run.started).total_seconds())


def subline(run: Run) -> str:
    """Return the second line of a run in a narrow list: its state, and the one thing to know beside it."""
    if run.state is RunState.WAITING:
        return run.waiting_for or "waiting"
    if run.state is RunState.STARTING:
        return f"starting · {run.preparing}" if run.preparing else "starting"
    if run.state is RunState.FAILED and run.failure is not None:
        return f"failed · {run.failure.sentence}"
    parts = [run.state.value, time_words(run)]
    parts.append(telling_number(run))
    return " · ".join(part for part in parts if part)


def telling_number(run: Run) -> str:
    """Return the number that says most of a run, with its name: a reward, what a search suggests, else the loss."""
    if run.progress.suggestion is not None:
        return f"suggests {words.short_number(run.progress.suggestion.value)}"
    reward = run.progress.metrics.get("reward")
    if run.config.method in REINFORCED and reward is not None:
        return f"reward {words.short_number(reward)}"
    return f"loss {words.loss(run.loss)}" if run.loss is not None else ""


class RunsModel(QAbstractTableModel):
    """Follows the runs controller."""

    def __init__(self, runs: Runs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._rows: list[Run] = runs.all()
        runs.run_added.connect(self._add)
        runs.run_changed.connect(self._change)
        runs.run_removed.connect(self._remove)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return TITLES[Column(section)]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        run = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _display(run, Column(index.column()))
            case Qt.ItemDataRole.ToolTipRole:
                return _tooltip(run, Column(index.column()))
            case Qt.ItemDataRole.AccessibleTextRole if index.column() == Column.RUN:
                return f"{run.name}, {subline(run)}"
            case Qt.ItemDataRole.TextAlignmentRole if index.column() in (Column.STEP, Column.LOSS):
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == RUN_ROLE:
            return run
        return run.id if role == ID_ROLE else None

    def row_of(self, run_id: str) -> int:
        """Return the row of a run, or -1."""
        return next((row for row, run in enumerate(self._rows) if run.id == run_id), -1)

    def tick(self) -> None:
        """The clock has moved on: live runs show other durations."""
        for row, run in enumerate(self._rows):
            if run.state.is_live:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def _add(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None or self.row_of(run_id) >= 0:
            return
        key = (run.created, run.id)
        row = next((at for at, other in enumerate(self._rows) if (other.created, other.id) < key), len(self._rows))
        self.beginInsertRows(QModelIndex(), row, row)
        self._rows.insert(row, run)
        self.endInsertRows()

    def _change(self, run_id: str) -> None:
        row, run = self.row_of(run_id), self._runs.get(run_id)
        if row >= 0 and run is not None:
            self._rows[row] = run
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def _remove(self, run_id: str) -> None:
        row = self.row_of(run_id)
        if row >= 0:
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._rows[row]
            self.endRemoveRows()


def _display(run: Run, column: Column) -> str:
    match column:
        case Column.RUN:
            return run.name
        case Column.STATE:
            return run.state.value
        case Column.STEP:
            total = f" of {words.count(run.total_steps)}" if run.total_steps else ""
            return f"{words.count(run.step)}{total}"
        case Column.LOSS:
            return words.loss(run.loss)
        case Column.TIME:
            return time_words(run)
        case Column.DATA:
            return Path(run.config.dataset).name


def _tooltip(run: Run, column: Column) -> str:
    match column:
        case Column.RUN | Column.STATE:
            reason = f"\n{run.failure.sentence} {run.failure.hint}" if run.failure else ""
            return f"{run.name}\n{subline(run)}{reason}\n{run.id}"
        case Column.LOSS:
            return f"loss {run.loss!r}" if run.loss is not None else "no loss yet"
        case Column.TIME:
            return f"started {words.exact_moment(run.started)}" if run.started else ""
        case Column.DATA:
            return run.config.dataset
        case Column.STEP:
            return _display(run, column)
