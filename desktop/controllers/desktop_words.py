"""A word on the desktop where no tray tells it: when a run ends or needs somebody, with a window or without one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notice
from desktop.controllers.settings import Settings
from desktop.engine.session_bus import SessionBus

NOTIFY = "window.notify"
"""Name of the choice in the settings: whether the desktop is told at all."""
SHOW = "Show the run"
"""What pressing a notification does, for desktops that say so."""
LISTEN_MS = 300
LISTENS_S = 3600.0
"""So long after it was shown a notification can be pressed: many desktops keep it in a list."""


def is_for_the_desktop(notice: Notice) -> bool:
    """Say whether a notice is worth a word to somebody who is elsewhere: a run's end, or trouble."""
    return notice.level != "info" or bool(notice.run_id)


class DesktopWords(QObject):
    """Tells the notification server of the desktop, off the GUI thread."""

    pressed = Signal(object, str)
    """The Notice that somebody has pressed, and the desktop's leave for a window to come to the front."""

    def __init__(self, jobs: Jobs, choices: Settings, bus: SessionBus | None = None) -> None:
        super().__init__()
        self._jobs = jobs
        self._choices = choices
        self._bus = bus or SessionBus()
        self._untold = 0
        self._shown: dict[int, tuple[Notice, float]] = {}
        self._listening = QTimer(self, interval=LISTEN_MS)
        self._listening.timeout.connect(self._listen)

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

    @property
    def is_listening(self) -> bool:
        """Say whether something is shown that may still be pressed."""
        return bool(self._shown)

    def take(self, notice: Notice) -> None:
        """Tell a notice if it is worth a word and the user wants to be told."""
        if self.is_chosen and is_for_the_desktop(notice):
            self.tell(notice)

    def tell(self, notice: Notice, otherwise: Callable[[], object] = lambda: None) -> None:
        """Tell a notice; where nothing on the desktop takes it, do something else."""

        def told(number: int) -> None:
            self._untold -= 1
            if not number:
                otherwise()
            elif notice.run_id:
                self._shown[number] = (notice, time.monotonic())
                self._listening.start()

        self._untold += 1
        notify, action = self._bus.notify, SHOW if notice.run_id else ""
        self._jobs.run(
            "pool", lambda: notify(notice.level, notice.sentence, notice.hint, action), told, lambda _error: told(0)
        )

    def _listen(self) -> None:
        """Hear what became of what is shown."""
        heard = self._bus.heard()
        now = time.monotonic()
        shown = {} if heard is None else self._shown
        self._shown = {number: one for number, one in shown.items() if now - one[1] < LISTENS_S}
        for said in heard or []:
            notice, _ = self._shown.pop(said.number, (None, 0.0))
            if notice is not None and said.is_pressed:
                self.pressed.emit(notice, said.token)
        if not self._shown:
            self._listening.stop()

    def close(self) -> None:
        """Leave the desktop's bus."""
        self._listening.stop()
        self._bus.close()
