"""Lines of a dataset as they stand in its file, and rows found by a text, off the GUI thread."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.controllers.latest import Latest
from desktop.core.dataset.bad_place import bad_spans
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.source_lines import SourceLine
from desktop.errors import AppError
from desktop.workers import Worker
from trainer_image.formats import ReadOptions, Row, RowProblem

__all__ = ["SourceLine", "SourceReading", "bad_spans"]

_LINES = "desktop.core.dataset.source_lines:lines_around"
_ROWS = "desktop.core.dataset.row_access:read_rows_at"
_FIND = "desktop.core.dataset.source_lines:find_row"


class SourceReading(QObject):
    """Two processes: one for lines, and one for a search while it lasts."""

    lines_read = Signal(int, object)
    """The line that was asked for last, and a list of SourceLine."""
    lines_failed = Signal(object)
    """An AppError."""
    examples_read = Signal(object)
    """A list of Row and RowProblem."""
    examples_failed = Signal(object)
    """An AppError."""
    searching = Signal(int)
    """Rows that were looked at so far."""
    found = Signal(object)
    """The number of a row, or None."""

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._latest = Latest(jobs)
        self._examples = Latest(jobs)
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def read_lines(self, index: RowIndex, line: int, part: str = "", before: int = 2, after: int = 2) -> None:
        """Ask for a line and its neighbours."""

        def work() -> list[SourceLine]:
            with self._lock:
                self._worker = self._worker or Worker()
                worker = self._worker
                try:
                    lines: list[SourceLine] = worker.do(_LINES, index, line, before, after, part)
                except AppError:
                    self._end_worker()
                    raise
            return lines

        self._latest.ask(work, lambda lines: self.lines_read.emit(line, lines), self.lines_failed.emit)

    def read_examples(self, path: Path, read: ReadOptions, count: int = 5) -> None:
        """Ask for the first rows of a file, read as the options say."""

        def work() -> list[Row | RowProblem]:
            worker = Worker()
            try:
                rows: list[Row | RowProblem] = worker.do(_ROWS, RowIndex(path, read, 0), 1, count)
            finally:
                worker.close()
            return rows

        self._examples.ask(work, self.examples_read.emit, self.examples_failed.emit)

    def find(self, index: RowIndex, text: str, first: int) -> None:
        """Look for a row that holds a text, from one row on and then from the beginning."""
        self._search(_FIND, index, text, first)

    def _search(self, task: str, *arguments: object) -> None:
        self.stop_search()
        stop = self._stop = threading.Event()

        def tell(rows: int | None) -> None:
            self._jobs.call_soon(lambda: None if stop.is_set() or rows is None else self.searching.emit(rows))

        def work() -> Any:
            worker = Worker()
            try:
                said = worker.stream(task, *arguments)
                while not stop.is_set():
                    try:
                        tell(next(said))
                    except StopIteration as end:
                        return end.value
                return None
            finally:
                worker.close()

        def take(number: int | None) -> None:
            if not stop.is_set():
                self.found.emit(number)

        self._jobs.run("data", work, take, lambda _: take(None))

    def stop_search(self) -> None:
        self._stop.set()

    def rest(self) -> None:
        """Let the processes go until somebody looks again."""
        self.stop_search()
        self._latest.forget()
        self._jobs.run("data", self._let_go)

    def close(self) -> None:
        self.stop_search()
        self._latest.forget()
        self._examples.forget()
        # A job that holds the lock ends with its process.
        self._end_worker()

    def _let_go(self) -> None:
        with self._lock:
            self._end_worker()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None
