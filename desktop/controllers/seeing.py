"""What the chosen model sees of the rows of a dataset, one at a time and as lengths of all, off the GUI thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.controllers.latest import Latest
from desktop.controllers.token_lengths import token_lengths
from desktop.core.dataset.browse import Rows
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.report import Cancelled
from desktop.engine.preview import Previewer
from desktop.engine.seen_rows import Asked, Lengths, Preview, PreviewPart, Token
from desktop.errors import AppError
from trainer_image.formats import Row, RowProblem

__all__ = ["Asked", "Lengths", "Preview", "PreviewPart", "Seeing", "Seen", "Token"]


@dataclass(frozen=True)
class Seen:
    """One row: as it was read, and as the model sees it or why it does not."""

    number: int
    row: Row | RowProblem | None
    """None behind the end of the file."""
    preview: Preview | None = None
    error: AppError | None = None


class Seeing(QObject):
    """Keeps the rows of one file and the tokenizer of one model at hand while somebody looks."""

    seen = Signal(object)
    """A Seen: the row that was asked for last."""
    measured = Signal(object)
    """A Lengths."""
    measuring = Signal(int, int)
    """Rows measured so far, and how many will be."""
    measuring_failed = Signal(object)
    """An AppError."""

    def __init__(self, jobs: Jobs, caches: Sequence[Path] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._caches = caches
        self._latest = Latest(jobs)
        self._rows: tuple[RowIndex, Rows] | None = None
        self._eyes: tuple[str, Previewer] | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def show(self, index: RowIndex, number: int, model: str, asked: Asked) -> None:
        """Ask for a row as a model sees it; without a model only the row comes."""

        def work() -> Seen:
            with self._lock:
                found = self._rows_of(index).read(number, 1)
                row = found[0] if found else None
                if row is None or not model:
                    return Seen(number, row)
                try:
                    return Seen(number, row, self._eyes_of(model).show(row, asked))
                except AppError as error:
                    self._close_eyes()
                    return Seen(number, row, error=error)

        self._latest.ask(work, self.seen.emit, lambda error: self.seen.emit(Seen(number, None, error=error)))

    def measure(self, index: RowIndex, model: str, asked: Asked) -> None:
        """Ask how long the rows are in the model's tokens; what was asked before is given up."""
        self.stop_measuring()
        stop = self._stop = threading.Event()

        def tell(done: int, total: int) -> None:
            self._jobs.call_soon(lambda: None if stop.is_set() else self.measuring.emit(done, total))

        def work() -> Lengths:
            if stop.is_set():
                raise Cancelled
            previewer = Previewer(model, self._caches)
            try:
                return token_lengths(index, previewer, asked, tell, stop.is_set)
            finally:
                previewer.close()

        def take(lengths: Lengths) -> None:
            if not stop.is_set():
                self.measured.emit(lengths)

        def fail(error: AppError) -> None:
            if not stop.is_set():
                self.measuring_failed.emit(error)

        self._jobs.run("data", work, take, fail)

    def stop_measuring(self) -> None:
        self._stop.set()

    def rest(self) -> None:
        """Let the processes go until somebody looks again."""
        self.stop_measuring()
        self._latest.forget()
        self._jobs.run("data", self._let_go)

    def close(self) -> None:
        """End the processes for good."""
        self.stop_measuring()
        self._latest.forget()
        # A job may hold the lock for as long as a template takes; when its process ends, so does the job.
        for open_one in (self._eyes, self._rows):
            if open_one is not None:
                open_one[1].close()

    def _let_go(self) -> None:
        with self._lock:
            self._close_eyes()
            if self._rows is not None:
                self._rows[1].close()
                self._rows = None

    def _rows_of(self, index: RowIndex) -> Rows:
        if self._rows is None or self._rows[0] is not index:
            if self._rows is not None:
                self._rows[1].close()
            self._rows = index, Rows(index)
        return self._rows[1]

    def _eyes_of(self, model: str) -> Previewer:
        if self._eyes is None or self._eyes[0] != model:
            self._close_eyes()
            self._eyes = model, Previewer(model, self._caches)
        return self._eyes[1]

    def _close_eyes(self) -> None:
        if self._eyes is not None:
            self._eyes[1].close()
            self._eyes = None
