"""A log file as rows: only where each line ends is kept, the text stays on the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
MAX_READ = 16 * 1024 * 1024
MAX_LINE = 4096
"""So much of a line is shown; nobody reads further, and one line of a gigabyte must not stop the window."""


class LogModel(QAbstractTableModel):
    """One column, one row a line; grows with its file."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self._ends: NDArray[np.int64] = np.empty(1024, np.int64)
        self._lines = 0
        self._size = 0
        self._cache: dict[int, str] = {}

    def open(self, path: Path | None) -> None:
        """Show another file from its beginning, or none."""
        self.beginResetModel()
        self.path = path
        self._lines = self._size = 0
        self._cache.clear()
        self.endResetModel()
        self.poll()

    def poll(self) -> int:
        """Take in what was appended; return how many rows are new."""
        new = 0
        while data := self._read_more():
            new += self._append(data)
        return new

    def _read_more(self) -> bytes:
        if self.path is None:
            return b""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self._size:  # truncated or replaced: begin again
                    self.beginResetModel()
                    self._lines = self._size = 0
                    self._cache.clear()
                    self.endResetModel()
                file.seek(self._size)
                return file.read(MAX_READ)
        except FileNotFoundError:
            return b""

    def _append(self, data: bytes) -> int:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + self._size + 1
        old_rows, lines = self._rows(), self._lines + len(ends)
        while lines > len(self._ends):
            self._ends = np.concatenate([self._ends, np.empty_like(self._ends)])
        size = self._size + len(data)
        last_end = int(ends[-1]) if len(ends) else self._end_of(self._lines - 1)
        rows = lines + (1 if size > last_end else 0)
        is_last_longer = old_rows > self._lines
        if rows > old_rows:
            self.beginInsertRows(QModelIndex(), old_rows, rows - 1)
        self._ends[self._lines : lines] = ends
        self._lines, self._size = lines, size
        self._cache.pop(old_rows - 1, None)
        if rows > old_rows:
            self.endInsertRows()
        if is_last_longer:
            changed = self.index(old_rows - 1, 0)
            self.dataChanged.emit(changed, changed)
        return rows - old_rows

    def _rows(self) -> int:
        return self._lines + (1 if self._size > self._end_of(self._lines - 1) else 0)

    def _end_of(self, row: int) -> int:
        return int(self._ends[row]) if 0 <= row < self._lines else 0 if row < 0 else self._size

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self._rows()

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if index.isValid() and role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row())
        return None

    def text(self, row: int) -> str:
        """Return one line, read from the disk; of a progress bar that draws over itself, its latest state."""
        known = self._cache.get(row)
        if known is not None or self.path is None:
            return known or ""
        start, end = self._end_of(row - 1), self._end_of(row)
        try:
            with self.path.open("rb") as file:
                skipped = 0 if end - start <= MAX_LINE else max(0, _last_return(file.read, file.seek, start, end))
                file.seek(start + skipped)
                data = file.read(min(end - start - skipped, MAX_LINE))
        except FileNotFoundError:
            return ""
        line = data.decode("utf-8", "replace").rstrip("\r\n").rpartition("\r")[2].expandtabs(4)
        if len(self._cache) > 2048:
            self._cache.clear()
        self._cache[row] = line
        return line

    def row_at(self, offset: int) -> int:
        """Return the row in which a byte of the file lies."""
        return int(np.searchsorted(self._ends[: self._lines], offset, side="right"))

    def offset_of(self, row: int) -> int:
        """Return where a row begins in the file."""
        return self._end_of(row - 1)


def _last_return(read: Callable[[int], bytes], seek: Callable[[int], int], start: int, end: int) -> int:
    """Of a long line return where its last state begins: behind a carriage return near its end, else at 0."""
    near = max(start, end - MAX_LINE)
    seek(near)
    found = read(end - near).rstrip(b"\r\n").rfind(b"\r")
    return near - start + found + 1 if found >= 0 else 0


def find_in_file(path: Path, text: str, start: int, *, backwards: bool = False) -> int | None:
    """Return where ``text`` comes next from ``start`` on, in any case of letters; behind the end it begins anew."""
    data = path.read_bytes().lower()
    wanted = text.lower().encode()
    if backwards:
        found = data.rfind(wanted, 0, max(0, start))
        found = found if found >= 0 else data.rfind(wanted)
    else:
        found = data.find(wanted, start)
        found = found if found >= 0 else data.find(wanted)
    return found if found >= 0 else None
