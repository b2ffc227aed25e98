"""Asks one thing at a time off the GUI thread; of what is asked meanwhile only the newest counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from desktop.controllers.jobs import Jobs
from desktop.errors import AppError

T = TypeVar("T")


class Latest:
    """A queue of one place: whoever turns a page ten times wants to see the last one."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._waiting: Callable[[], None] | None = None
        self.is_busy = False

    def ask(self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[AppError], None]) -> None:
        """Do ``work`` as soon as what is being done has ended, unless something newer is asked before."""

        def begin() -> None:
            self.is_busy = True
            self._jobs.run("data", work, take, refuse)

        def take(result: T) -> None:
            if not self._go_on():
                done(result)

        def refuse(error: AppError) -> None:
            if not self._go_on():
                failed(error)

        if self.is_busy:
            self._waiting = begin
        else:
            begin()

    def forget(self) -> None:
        """Drop what waits for its turn."""
        self._waiting = None

    def _go_on(self) -> bool:
        """Begin what was asked meanwhile; the answer that has just come is of no use then."""
        self.is_busy = False
        begin, self._waiting = self._waiting, None
        if begin is None:
            return False
        begin()
        return True
