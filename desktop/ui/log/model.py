"""A log file as rows: all of its lines, or those that matter, with stack traces folded to their last line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.core.log_index import LOOK_BYTES, LogIndex
from desktop.core.log_levels import Level, Offsets, Trace

Index = QModelIndex | QPersistentModelIndex
AT_ONCE = 4 * LOOK_BYTES
"""A log up to this size is looked through when it is opened; a larger one on the side."""
LEVEL_WORDS = {Level.INFO: "", Level.WARNING: "warning: ", Level.ERROR: "error: "}


class LogModel(QAbstractTableModel):
    """One column, one row a shown line; grows with its file."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.index_of: LogIndex | None = None
        self.least = Level.INFO
        """What matters less is not shown."""
        self.opened: set[int] = set()
        """Stack traces that are shown whole, by their last line."""
        self._shown: Offsets = np.empty(0, np.int64)
        self._count = 0
        self._is_plain = True
        """Every line is shown, so that rows and lines are the same."""
        self._taken = 0
        """Lines of which it is decided whether they are shown."""
        self._found: list[Trace] = []
        """Stack traces that wait to be folded until all of a large log is looked through."""
        self._cache: dict[int, str] = {}

    @property
    def path(self) -> Path | None:
        return self.index_of.path if self.index_of is not None else None

    def open(self, path: Path | None) -> None:
        """Show another file from its beginning, or none."""
        self.opened.clear()
        self.beginResetModel()
        self.index_of = LogIndex(path) if path is not None else None
        self._forget()
        if self.index_of is not None:
            self.index_of.grow()
            self._look_at_once()
            self._decide()
        self.endResetModel()

    def _forget(self) -> None:
        self._shown, self._count, self._taken, self._is_plain = np.empty(0, np.int64), 0, 0, True
        self._found = []
        self._cache.clear()

    def poll(self) -> int:
        """Take in what was appended; return how many rows are new."""
        index = self.index_of
        if index is None:
            return 0
        rows, size, was_partly = index.rows, index.size, index.rows > index.lines
        if not index.grow():
            self.open(index.path)
            return self._count
        if index.size == size:
            return 0
        if was_partly:
            self._cache.pop(rows - 1, None)
        before = self._count
        self._show_new(self._look_at_once())
        if was_partly and 0 < before <= self._count:
            changed = self.index(before - 1, 0)
            self.dataChanged.emit(changed, changed)
        return self._count - before

    def look_on(self) -> bool:
        """Look through another part of a large log; return whether there is more."""
        index = self.index_of
        if index is None:
            return False
        looked = index.looked
        self._found += index.look()
        is_more = index.looked not in (looked, index.lines)
        if not is_more or self.least is not Level.INFO:
            self._show_new(self._found)
            self._found = []
        return is_more

    def _show_new(self, traces: list[Trace]) -> None:
        """Show what is new, and fold stack traces of which lines are shown already."""
        if any(trace.first < self._taken for trace in traces):
            self.show_again()
        else:
            self._insert_new()

    def _look_at_once(self) -> list[Trace]:
        index, found = self.index_of, list[Trace]()
        if index is not None and index.size - index.start_of(index.looked) <= AT_ONCE:
            looked = -1
            while looked != index.looked:
                looked = index.looked
                found += index.look()
        return found

    def show_again(self) -> None:
        """Decide anew which lines are shown."""
        self.beginResetModel()
        self._forget()
        self._decide()
        self.endResetModel()

    def _insert_new(self) -> None:
        fresh, until = self._fresh()
        if len(fresh):
            self.beginInsertRows(QModelIndex(), self._count, self._count + len(fresh) - 1)
        self._take(fresh, until)
        if len(fresh):
            self.endInsertRows()

    def _decide(self) -> None:
        if self.index_of is not None:
            self._take(*self._fresh())

    def _fresh(self) -> tuple[Offsets, int]:
        """Return the shown ones of the lines that nothing is decided of yet, and up to which it now is."""
        index = self.index_of
        assert index is not None
        first, until = self._taken, index.rows if self.least is Level.INFO else index.looked
        until = max(first, until)
        hidden = [t for t in index.traces.values() if t.last >= first and t.last not in self.opened]
        if self.least is Level.INFO and not hidden:
            return np.arange(first, until), until
        shown = np.ones(until - first, bool)
        if self.least is not Level.INFO:
            shown = index.levels[first:until] >= self.least
        for trace in hidden:
            shown[max(0, trace.first - first) : max(0, trace.last - first)] = False
        return np.flatnonzero(shown) + first, until

    def _take(self, fresh: Offsets, until: int) -> None:
        count = self._count + len(fresh)
        if self._is_plain and count != until:
            self._is_plain = False
            self._shown = np.arange(self._count)
        if not self._is_plain:
            if count > len(self._shown):
                room = np.empty(max(count, 2 * len(self._shown)), np.int64)
                room[: self._count] = self._shown[: self._count]
                self._shown = room
            self._shown[self._count : count] = fresh
        self._count, self._taken = count, until

    def line_of(self, row: int) -> int:
        """Return the line of the file that a row shows."""
        return row if self._is_plain else int(self._shown[row])

    def row_of(self, line: int) -> int:
        """Return the row that shows a line, or the next one after it."""
        if self._is_plain:
            return line
        return int(np.searchsorted(self._shown[: self._count], line))

    def is_shown(self, line: int) -> bool:
        row = self.row_of(line)
        return row < self._count and self.line_of(row) == line

    def trace_at(self, line: int) -> Trace | None:
        """Return the stack trace that a line is part of."""
        traces = self.index_of.traces.values() if self.index_of is not None else ()
        return next((trace for trace in traces if trace.first <= line <= trace.last), None)

    def folded(self, row: int) -> Trace | None:
        """Return the stack trace that hides behind a row."""
        trace = self.index_of.traces.get(self.line_of(row)) if self.index_of is not None else None
        return trace if trace is not None and trace.last not in self.opened else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self.index_of is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return LEVEL_WORDS[self.level(index.row())] + self.text(index.row())
        return None

    def level(self, row: int) -> Level:
        """Return how much a row matters."""
        return self.index_of.level(self.line_of(row)) if self.index_of is not None else Level.INFO

    def text(self, row: int) -> str:
        """Return one line, read from the disk."""
        if self.index_of is None:
            return ""
        line = self.line_of(row)
        if line not in self._cache:
            if len(self._cache) > 2048:
                self._cache.clear()
            self._cache[line] = self.index_of.text(line)
        return self._cache[line]

    def lines_of(self, rows: list[int]) -> list[int]:
        """Return the lines of rows, with those that are folded behind them."""
        lines: list[int] = []
        for row in rows:
            trace = self.folded(row)
            lines += range(trace.first, trace.last) if trace is not None else ()
            lines.append(self.line_of(row))
        return lines
