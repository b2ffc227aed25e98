"""Something long that a person may watch and stop: done off the GUI thread, with its end told on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.core.dataset.report import Cancelled
from desktop.errors import AppError

TELL_S = 0.1


@dataclass(frozen=True)
class Doing:
    """How far a work is."""

    words: str
    share: float | None = None
    """None where nobody knows; then the rows say that it goes on."""
    rows: int = 0


class Watch:
    """What a work is given: to tell how far it is, and to ask whether it is still wanted. Used off the GUI thread."""

    def __init__(self, jobs: Jobs, tell: Callable[[Doing], None]) -> None:
        self._jobs, self._send = jobs, tell
        self._told: tuple[str, float] = ("", 0.0)
        self.stop = threading.Event()

    def is_cancelled(self) -> bool:
        return self.stop.is_set()

    def leave(self) -> None:
        """Raise Cancelled where nobody wants it any more."""
        if self.stop.is_set():
            raise Cancelled

    def tell(self, words: str, share: float | None = None, rows: int = 0) -> None:
        """Say how far it is; told ten times a second at most, and at once where the words are new. Raise Cancelled."""
        self.leave()
        now = time.monotonic()
        if words != self._told[0] or now - self._told[1] >= TELL_S:
            self._told = words, now
            self._jobs.call_soon(lambda: self._send(Doing(words, share, rows)))


class Work(QObject):
    """One long work: connect right after it was asked for, as nothing is told before the event loop turns."""

    progressed = Signal(object)
    """A Doing."""
    finished = Signal(object)
    """What came of it."""
    failed = Signal(object)
    """An AppError; its code is "cancelled" where the user has stopped it."""

    def __init__(
        self, jobs: Jobs, do: Callable[[Watch], Any], settle: Callable[[Any], Any] = lambda made: made
    ) -> None:
        """``do`` runs off the GUI thread; ``settle`` gets what it returns, here, and returns what is told."""
        super().__init__()
        self._settle = settle
        self._watch = Watch(jobs, self._tell)
        self.is_over = False
        jobs.run("data", lambda: do(self._watch), self._take, self._fail)

    def cancel(self) -> None:
        """Stop it; ``failed`` comes when it has stopped. Safe to call twice, and when it is over."""
        self._watch.stop.set()

    def _tell(self, doing: Doing) -> None:
        if not self.is_over:
            self.progressed.emit(doing)

    def _take(self, made: Any) -> None:
        try:
            result = self._settle(made)
        except AppError as error:
            self._fail(error)
            return
        self.is_over = True
        self.finished.emit(result)

    def _fail(self, error: AppError) -> None:
        self.is_over = True
        self.failed.emit(error)
