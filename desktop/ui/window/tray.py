"""The tray: what runs, at a glance; a word on the desktop when a run ends or needs somebody who is elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon, QWidget

from desktop.controllers.desktop_words import NOTIFY, DesktopWords, is_for_the_desktop
from desktop.controllers.notices import Notice, Notices
from desktop.controllers.runs import Runs
from desktop.controllers.settings import Settings
from desktop.core.run import Run, RunState
from desktop.ui import words
from desktop.ui.shapes import STATE_SHAPES, shape_icon, state_colour
from desktop.ui.theme import Theme

CLOSE_TO_TRAY = "window.close_to_tray"
LOOK_MS = 2000
SHOWN_MS = 10_000
MOST = 6
"""So many runs stand in the menu."""


def run_words(run: Run) -> str:
    """Return a run in one line of the menu."""
    parts = [run.name, run.state.value]
    if run.state is RunState.RUNNING:
        parts = [run.name]
        if run.step and run.total_steps:
            parts.append(f"{100 * run.step // run.total_steps} %")
        if run.progress.seconds_left is not None:
            parts.append(words.time_left(run.progress.seconds_left))
    return " · ".join(parts)


class Tray(QObject):
    """Where the desktop has a tray, an icon there; where it has none, what is to be told goes to the desktop itself.

    Where that does not listen either, the window's entry in the task bar is marked.
    """

    show_requested = Signal()
    """Somebody wants to see the window."""
    notice_pressed = Signal(object)
    """The Notice that was shown on the desktop and pressed."""
    quit_requested = Signal()

    def __init__(
        self,
        runs: Runs,
        notices: Notices,
        choices: Settings,
        theme: Theme,
        window: QWidget,
        icon: QSystemTrayIcon | None = None,
        *,
        desktop: DesktopWords | None = None,
    ) -> None:
        super().__init__(window)
        self._runs = runs
        self._choices = choices
        self._theme = theme
        self._window = window
        self._told: Notice | None = None
        self._desktop = desktop
        if icon is None and QSystemTrayIcon.isSystemTrayAvailable():
            icon = QSystemTrayIcon(self)
        self.icon = icon
        self.menu = QMenu(window)
        notices.posted.connect(self._take_notice)
        if desktop is not None:
            desktop.pressed.connect(self._desktop_pressed)
        if icon is not None:
            icon.setContextMenu(self.menu)
            icon.activated.connect(self._activated)
            icon.messageClicked.connect(self._message_clicked)
            self.menu.aboutToShow.connect(self._fill)
            # Many small changes are one look.
            self._looking = QTimer(self, singleShot=True, interval=LOOK_MS)
            self._looking.timeout.connect(self.look)
            runs.run_changed.connect(self._look_soon)
            theme.theme_changed.connect(self.look)
            self.look()
            icon.show()

    # What is chosen

    @property
    def is_there(self) -> bool:
        return self.icon is not None

    @property
    def closes_to_tray(self) -> bool:
        """Say whether closing the window leaves Tunedeck in the tray."""
        return self.is_there and self._choices.read(CLOSE_TO_TRAY, False) is True

    def choose_close_to_tray(self, is_chosen: bool) -> None:
        self._choices.write(CLOSE_TO_TRAY, is_chosen)

    @property
    def notifies(self) -> bool:
        """Say whether the desktop is told while the window is in the background."""
        return self._choices.read(NOTIFY, True) is True

    def choose_notify(self, is_chosen: bool) -> None:
        self._choices.write(NOTIFY, is_chosen)

    # What is told

    def _take_notice(self, notice: Notice) -> None:
        """Tell the desktop of a run's end or of trouble, unless somebody is looking at the window."""
        if not self.notifies or not is_for_the_desktop(notice):
            return
        if self._window.isVisible() and not self._window.isMinimized() and self._window.isActiveWindow():
            return
        if self.icon is None:
            if self._desktop is None:
                self._mark()
            else:
                self._desktop.tell(notice, otherwise=self._mark)
            return
        self._told = notice
        kinds = QSystemTrayIcon.MessageIcon
        kind = {"info": kinds.Information, "warning": kinds.Warning, "error": kinds.Critical}[notice.level]
        self.icon.showMessage(notice.sentence, notice.hint, kind, SHOWN_MS)

    def _mark(self) -> None:
        QApplication.alert(self._window)

    def say_where_it_is(self) -> None:
        """Say, the first time only, that the window is closed and Tunedeck is not."""
        key = "window.said_tray"
        if self.icon is not None and self._choices.read(key) is not True:
            self._choices.write(key, True)
            self._told = None
            self.icon.showMessage(
                "Tunedeck is in the tray",
                "Runs go on, with it or without it. Its menu there ends it.",
                QSystemTrayIcon.MessageIcon.Information,
                SHOWN_MS,
            )

    def _message_clicked(self) -> None:
        self.show_requested.emit()
        if self._told is not None and self._told.run_id:
            self.notice_pressed.emit(self._told)

    def _desktop_pressed(self, notice: Notice, token: str) -> None:
        if token:
            os.environ["XDG_ACTIVATION_TOKEN"] = token  # Qt uses it up when the window asks to come to the front
        self.show_run(notice.run_id)

    def show_run(self, run_id: str) -> None:
        """Bring the window up at a run."""
        self.show_requested.emit()
        self.notice_pressed.emit(Notice("info", "", run_id=run_id))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.show_requested.emit()

    # What it shows

    def _live(self) -> list[Run]:
        return [run for run in self._runs.all() if run.state.can_cancel]

    def _look_soon(self, _run_id: str) -> None:
        if not self._looking.isActive():
            self._looking.start()

    def look(self) -> None:
        """Show the state of what runs as a shape and its words as the tooltip."""
        if self.icon is None:
            return
        live = self._live()
        running = next((run for run in live if run.state.is_live), None)
        state = running.state if running is not None else RunState.WAITING
        self.icon.setIcon(shape_icon(STATE_SHAPES[state], state_colour(state, self._theme.colours)))
        told = [run_words(run) for run in live[:MOST]]
        self.icon.setToolTip("\n".join(["Tunedeck", *(told or ["nothing runs"])]))
        self._fill()

    def _fill(self) -> None:
        self.menu.clear()
        live = self._live()
        for run in live[:MOST]:
            icon = shape_icon(STATE_SHAPES[run.state], state_colour(run.state, self._theme.colours))
            self.menu.addAction(icon, run_words(run)).triggered.connect(self._shower(run.id))
        if not live:
            self.menu.addAction("Nothing runs").setEnabled(False)
        elif len(live) > MOST:
            self.menu.addAction(f"and {len(live) - MOST} more").setEnabled(False)
        self.menu.addSeparator()
        self.menu.addAction("Open Tunedeck").triggered.connect(lambda: self.show_requested.emit())
        self.menu.addAction("Quit").triggered.connect(lambda: self.quit_requested.emit())

    def _shower(self, run_id: str) -> Callable[[], None]:
        return lambda: self.show_run(run_id)


def keep_open_without_windows(is_kept: bool) -> None:
    """Let the program go on while its only window is in the tray, or end with its last window again."""
    cast(QApplication, QApplication.instance()).setQuitOnLastWindowClosed(not is_kept)
