"""What the app has to say to the user: posted from anywhere, shown wherever there is a place for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.errors import AppError


@dataclass(frozen=True)
class Notice:
    """One sentence, and what to do."""

    level: Literal["info", "warning", "error"]
    sentence: str
    hint: str = ""
    run_id: str = ""
    is_end: bool = False
    """It tells how a run ended, and waits until somebody has seen it."""


class Notices(QObject):
    """Takes notices and passes them on."""

    posted = Signal(object)
    """A Notice."""

    def post(self, level: Literal["info", "warning", "error"], sentence: str, hint: str = "", run_id: str = "") -> None:
        self.pass_on(Notice(level, sentence, hint, run_id))

    def pass_on(self, notice: Notice) -> None:
        self.posted.emit(notice)

    def post_error(self, error: AppError, run_id: str = "") -> None:
        self.post("error", error.sentence, error.hint, run_id)
