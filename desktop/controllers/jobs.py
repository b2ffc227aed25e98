"""Work off the GUI thread: a few named lanes, results back on the thread that asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from desktop.errors import AppError

log = logging.getLogger(__name__)

Lane = Literal["engine", "build", "pool", "data"]
"""engine: one at a time, for Docker's client is not thread-safe. build: the long ones. pool: files and GPUs.
data: what waits for the processes that read datasets."""

T = TypeVar("T")


class Jobs(QObject):
    """Runs functions on lanes and hands what they return to callbacks on this object's thread."""

    crashed = Signal(object)
    """A job raised something that is nobody's expected error: an exception, for the crash dialog."""
    _settled = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {
            "engine": ThreadPoolExecutor(1, "engine"),
            "build": ThreadPoolExecutor(1, "build"),
            "pool": ThreadPoolExecutor(3, "pool"),
            "data": ThreadPoolExecutor(5, "data"),
        }
        self._closed = False
        self._builds_asked = self._builds_ended = 0
        self._settled.connect(lambda callback: callback(), Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        lane: Lane,
        work: Callable[[], T],
        done: Callable[[T], None] | None = None,
        failed: Callable[[AppError], None] | None = None,
    ) -> None:
        """Call ``work`` on ``lane``, then ``done`` with its result or ``failed`` with its AppError, here."""
        if self._closed:
            return

        self._builds_asked += lane == "build"

        def call() -> None:
            settle: Callable[[], Any]
            try:
                result = work()
            except AppError as error:
                if failed is None:
                    log.warning("%s", error)
                settle = _bound(failed, error) if failed else _nothing
            except Exception as error:
                settle = _bound(self._tell_crash, (error, failed))
            else:
                settle = _bound(done, result) if done else _nothing
            self._builds_ended += lane == "build"
            if not self._closed:
                self._settled.emit(settle)

        self._lanes[lane].submit(call)

    def _tell_crash(self, crash: tuple[Exception, Callable[[AppError], None] | None]) -> None:
        """Report a mistake of ours, and tell whoever waits for the job that nothing will come of it."""
        error, failed = crash
        self.crashed.emit(error)
        if failed is not None:
            failed(
                AppError(f"Tunedeck made a mistake: {type(error).__name__}: {error}", "Please report it.", "crashed")
            )

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back on this object's thread; for a job that has something to say before its end."""
        if not self._closed:
            self._settled.emit(callback)

    def close(self) -> bool:
        """Start no more jobs; return whether a build is left behind, which nobody wants to wait minutes for.

        What the engine was asked already is still done: the last thing may be to end a chat or to kill a run.
        """
        self._closed = True
        for name, lane in self._lanes.items():
            lane.shutdown(wait=name != "build", cancel_futures=name != "engine")
        return self._builds_asked > self._builds_ended


def _bound(callback: Callable[[Any], Any], value: object) -> Callable[[], Any]:
    return lambda: callback(value)


def _nothing() -> None:
    return None
