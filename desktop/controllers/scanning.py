"""The dataset in the form, looked through in the background, and again when its file changes on disk."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.jobs import Jobs
from desktop.core.dataset.report import Cancelled, Progress, Report, ScanOptions
from desktop.core.dataset.scan import scan
from desktop.errors import AppError

__all__ = ["Progress", "Report", "ScanOptions", "Scanning"]

WATCH_MS = 2000
Stamp = tuple[int, int] | None


class Scanning(QObject):
    """One file at a time; a newer wish ends the scan that is under way."""

    changed = Signal()
    """Another file, another state: look at ``path``, ``is_running``, ``report`` and ``error``."""
    progressed = Signal(object)
    """A Progress."""

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._stop = threading.Event()
        self._stamp: Stamp = None
        self.path: Path | None = None
        self.options = ScanOptions()
        self.report: Report | None = None
        self.error: AppError | None = None
        self.is_running = False
        self.was_reread = False
        """The file has changed since it was chosen, and what is shown is what it holds now."""
        self._watching = QTimer(self, interval=WATCH_MS)
        self._watching.timeout.connect(self._look_whether_changed)

    def look_at(self, path: Path, options: ScanOptions) -> None:
        """Scan a file; the same wish for the same file is no work."""
        stamp = _stamp_of(path)
        if (path, options, stamp) == (self.path, self.options, self._stamp) and not isinstance(self.error, Cancelled):
            return
        self.was_reread = (path, options) == (self.path, self.options) and self.report is not None
        self._stop.set()
        self.path, self.options, self._stamp = path, options, stamp
        self._begin(path, options)

    def clear(self) -> None:
        """There is no file any more."""
        self._stop.set()
        self._watching.stop()
        self.path = self.report = self.error = None
        self.is_running = self.was_reread = False
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the scan; the file stays chosen, unread."""
        self._stop.set()

    def again(self) -> None:
        """Read the file once more, whether it has changed or not."""
        if self.path is not None:
            self._stop.set()
            self._stamp = _stamp_of(self.path)
            self._begin(self.path, self.options)

    def close(self) -> None:
        """End whatever is under way, for good."""
        self._stop.set()
        self._watching.stop()

    def _begin(self, path: Path, options: ScanOptions) -> None:
        stop = self._stop = threading.Event()
        self.report = self.error = None
        self.is_running = True
        self._watching.start()
        self.changed.emit()

        def tell(progress: Progress) -> None:
            self._jobs.call_soon(lambda: None if stop.is_set() else self.progressed.emit(progress))

        def work() -> Report:
            return scan(path, options, tell, stop.is_set)

        self._jobs.run("data", work, lambda report: self._take(stop, report), lambda error: self._fail(stop, error))

    def _take(self, stop: threading.Event, report: Report) -> None:
        if stop is self._stop:
            self.is_running, self.report = False, report
            self.changed.emit()

    def _fail(self, stop: threading.Event, error: AppError) -> None:
        if stop is self._stop and self.path is not None:
            self.is_running, self.error = False, error
            self.changed.emit()

    def _look_whether_changed(self) -> None:
        path = self.path
        if path is not None and not self.is_running:
            self._jobs.run("data", lambda: _stamp_of(path), lambda stamp: self._compare(path, stamp))

    def _compare(self, path: Path, stamp: Stamp) -> None:
        if path == self.path and not self.is_running and stamp != self._stamp and stamp is not None:
            self.look_at(path, self.options)


def _stamp_of(path: Path) -> Stamp:
    """Return what tells a file from its changed self."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size
