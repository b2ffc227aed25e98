"""One line that says how a long work about datasets goes, with a bar below it and the button that stops it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QWidget

from desktop.controllers.datasets import Doing, Work
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.pieces import button, column, label, row, set_role

WHOLE = 1000


class WorkLine(QWidget):
    """At most one work at a time: a newer one takes the place of the one before."""

    busy_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._work: Work | None = None
        self._wanted: Callable[[], object] = lambda: None
        self.state = label("", "muted", wrap=True)
        self.action = button("", self._press, "link")
        self.progress = QProgressBar(maximum=WHOLE, textVisible=False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("How far it is")
        line = row(self.state, self.action)
        line.setStretch(0, 1)
        self.setLayout(column(line, self.progress, space=4))
        self.progress.hide()
        self.action.hide()

    @property
    def is_busy(self) -> bool:
        return self._work is not None

    def say(self, text: str, role: str = "muted", action: str = "", act: Callable[[], object] = lambda: None) -> None:
        """Say something, with at most one thing to press."""
        self.state.setText(text)
        set_role(self.state, role)
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self._wanted = act

    def begin(
        self,
        text: str,
        ask: Callable[[], Work],
        done: Callable[[Any], object],
        failed: Callable[[AppError], object] = lambda _: None,
    ) -> None:
        """Ask for something long, and call ``done`` with what came of it, or ``failed`` once the error is shown."""
        self.stop()
        try:
            work = ask()
        except AppError as error:
            self.say(str(error), "warn")
            failed(error)
            return
        self._work = work
        self.say(text, action="Stop", act=work.cancel)
        self.progress.setMaximum(0)
        self._show_busy()
        work.progressed.connect(lambda doing: self._tell(work, doing))
        work.finished.connect(lambda made: self._end(work, lambda: done(made)))
        work.failed.connect(lambda error: self._end(work, lambda: self._fail(error, failed)))

    def stop(self) -> None:
        """Give up what is under way."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
            self.say("")
            self._show_busy()

    def _tell(self, work: Work, doing: Doing) -> None:
        if work is self._work:
            rows = f", {words.plural(doing.rows, 'row')}" if doing.rows else ""
            self.say(f"{doing.words}{rows}…", action="Stop", act=work.cancel)
            self.progress.setMaximum(0 if doing.share is None else WHOLE)
            self.progress.setValue(round((doing.share or 0) * WHOLE))

    def _end(self, work: Work, settle: Callable[[], object]) -> None:
        if work is self._work:
            self._work = None
            self.say("")
            self._show_busy()
            settle()

    def _fail(self, error: AppError, failed: Callable[[AppError], object]) -> None:
        self.say("Stopped." if error.code == "cancelled" else str(error), "warn")
        failed(error)

    def _show_busy(self) -> None:
        self.progress.setVisible(self.is_busy)
        self.busy_changed.emit()

    def _press(self) -> None:
        self._wanted()
