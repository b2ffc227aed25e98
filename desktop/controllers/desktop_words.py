"""A word on the desktop where no tray tells it: when a run ends or needs somebody, with a window or without one."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QObject

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notice
from desktop.controllers.settings import Settings
from desktop.engine.session_bus import SessionBus

NOTIFY = "window.notify"
"""Name of the choice in the settings: whether the desktop is told at all."""


def is_for_the_desktop(notice: Notice) -> bool:
    """Say whether a notice is worth a word to somebody who is elsewhere: a run's end, or trouble."""
    return notice.level != "info" or bool(notice.run_id)


class DesktopWords(QObject):
    """Tells the notification server of the desktop, off the GUI thread."""

    def __init__(self, jobs: Jobs, choices: Settings, bus: SessionBus | None = None) -> None:
        super().__init__()
        self._jobs = jobs
        self._choices = choices
        self._bus = bus or SessionBus()
        self._untold = 0

    @property
    def is_chosen(self) -> bool:
        """Say whether the user wants to be told."""
        return self._choices.read(NOTIFY, True) is True

    @property
    def may_be_heard(self) -> bool:
        """Say whether a word is wanted and this session has a bus that may carry it."""
        return bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS")) and self.is_chosen

    @property
    def is_idle(self) -> bool:
        """Say whether all has been told, or could not be."""
        return not self._untold

    def take(self, notice: Notice) -> None:
        """Tell a notice if it is worth a word and the user wants to be told."""
        if self.is_chosen and is_for_the_desktop(notice):
            self.tell(notice)

    def tell(self, notice: Notice, otherwise: Callable[[], object] = lambda: None) -> None:
        """Tell a notice; where nothing on the desktop takes it, do something else."""

        def told(is_told: bool) -> None:
            self._untold -= 1
            if not is_told:
                otherwise()

        self._untold += 1
        notify = self._bus.notify
        self._jobs.run(
            "pool", lambda: notify(notice.level, notice.sentence, notice.hint), told, lambda _error: told(False)
        )

    def close(self) -> None:
        """Leave the desktop's bus."""
        self._bus.close()
