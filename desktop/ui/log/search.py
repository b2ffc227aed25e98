"""Looks for words in a log off the GUI thread, and walks from one line that has them to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.core.log_index import LogIndex, find_all


class LogSearch(QObject):
    """One search at a time; a newer one ends the one before."""

    counted = Signal()
    """It is known where the words stand."""

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._asked: tuple[object, ...] = ()
        self.lines = np.empty(0, np.int64)
        """The lines that have the words, rising."""
        self.is_known = True

    def forget(self) -> None:
        """There is nothing to look for."""
        self._asked, self.lines, self.is_known = (), np.empty(0, np.int64), True

    def look(self, index: LogIndex, text: str, then: Callable[[], object]) -> None:
        """Find every line with ``text``, and call ``then``; at once where nothing has changed since."""
        asked = (index, text.lower(), index.size)
        if asked == self._asked:
            if self.is_known:
                then()
            return
        self._asked, self.is_known = asked, False
        path = index.path

        def take(places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
            if self._asked == asked:
                self.lines, self.is_known = index.rows_at(places), True
                self.counted.emit()
                then()

        self._jobs.run("pool", lambda: find_all(path, text, lambda: self._asked == asked), take)

    def next_to(self, line: int, *, backwards: bool) -> int | None:
        """Return the place in ``lines`` of the next one after or before a line; behind the end it begins anew."""
        if not len(self.lines):
            return None
        if backwards:
            return int(np.searchsorted(self.lines, line)) - 1 if line > self.lines[0] else len(self.lines) - 1
        place = int(np.searchsorted(self.lines, line, side="right"))
        return place if place < len(self.lines) else 0
