"""A word on the desktop for somebody who is elsewhere, and none for somebody who looks at the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot

from desktop.app import show_what_is_asked
from desktop.controllers import showing
from desktop.controllers.desktop_words import DesktopWords
from desktop.engine.session_bus import Pressed
from desktop.paths import Home
from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.settings_dialog import SettingsDialog
from desktop.ui.window.tray import Tray
from tests.desktop.ui.window_fakes import Bench


class FakeIcon(QSystemTrayIcon):
    """A desktop's tray that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def show(self) -> None:
        """There is no tray to show it in."""

    def showMessage(self, title: str, *_: object) -> None:
        self.said.append(title)


class FakeBus:
    """A desktop's session bus that keeps what it is told, or does not answer."""

    def __init__(self) -> None:
        self.is_there = True
        self.told: list[str] = []
        self.said: list[Pressed] = []

    def notify(self, level: str, sentence: str, hint: str, action: str = "") -> int:
        if self.is_there:
            self.told.append(f"{sentence} {hint}")
        return len(self.told) if self.is_there else 0

    def heard(self) -> list[Pressed]:
        said, self.said = self.said, []
        return said


@pytest.fixture
def icon(window: MainWindow, bench: Bench) -> Iterator[FakeIcon]:
    services, made = bench.services, FakeIcon()
    window.tray = Tray(services.runs, services.notices, services.choices, window.theme, window, made)
    window.tray.show_requested.connect(window.come_back)
    window.tray.notice_pressed.connect(window._follow_notice)
    window.tray.quit_requested.connect(window.quit)
    yield made
    QApplication.setQuitOnLastWindowClosed(True)


def test_the_desktop_is_told_only_when_nobody_looks(
    window: MainWindow, bench: Bench, icon: FakeIcon, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    run_id = start_run()
    notices = bench.services.notices
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    notices.post("error", "The run failed.", run_id=run_id)
    assert icon.said == []
    window.hide()
    notices.post("info", "A build is done.")
    notices.post("info", "first is finished.", run_id=run_id)
    notices.post("warning", "GPU 0 is hot.")
    assert icon.said == ["first is finished.", "GPU 0 is hot."]
    notices.post("info", "first is finished.", run_id=run_id)
    window.selection.select("")
    icon.messageClicked.emit()
    assert window.isVisible()
    assert window.selection.run_id == run_id
    window.hide()
    window.tray.choose_notify(False)
    notices.post("error", "The run failed.", run_id=run_id)
    assert len(icon.said) == 3


def test_without_a_tray_the_desktop_itself_is_told_and_else_the_window_is_marked(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, bus = bench.services, FakeBus()
    words = DesktopWords(services.jobs, services.choices, cast(Any, bus))
    tray = Tray(services.runs, services.notices, services.choices, window.theme, window, desktop=words)
    assert not tray.is_there
    run_id = start_run()
    window.hide()
    services.notices.post("info", "A build is done.")
    services.notices.post("info", "first is finished.", "Talk to it in the chat.", run_id)
    qtbot.waitUntil(lambda: words.is_idle)
    assert bus.told == ["first is finished. Talk to it in the chat."]
    tray.show_requested.connect(window.come_back)
    tray.notice_pressed.connect(window._follow_notice)
    window.selection.select("")
    bus.said = [Pressed(1, True)]
    qtbot.waitUntil(window.isVisible)
    assert window.selection.run_id == run_id
    window.hide()
    marked: list[QWidget] = []
    monkeypatch.setattr(QApplication, "alert", marked.append)
    bus.is_there = False
    services.notices.post("error", "The run failed.", run_id=run_id)
    qtbot.waitUntil(lambda: window in marked)
    tray.choose_notify(False)
    services.notices.post("error", "The run failed.", run_id=run_id)
    assert words.is_idle


def test_a_hidden_window_comes_up_at_the_run_that_is_asked_for(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], home: Home
) -> None:
    run_id = start_run()
    window.selection.select("")
    window.hide()
    assembly = cast(Any, SimpleNamespace(home=home, runs=bench.services.runs))
    show_what_is_asked(assembly, window)
    showing.ask(home, "a run that was deleted")
    show_what_is_asked(assembly, window)
    assert window.isHidden()
    showing.ask(home, run_id)
    show_what_is_asked(assembly, window)
    assert window.isVisible()
    assert window.selection.run_id == run_id
    assert showing.take(home) is None


def test_the_menu_says_what_runs(
    window: MainWindow, bench: Bench, icon: FakeIcon, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    window.tray.look()
    assert [action.text() for action in window.tray.menu.actions()] == ["Nothing runs", "", "Open Tunedeck", "Quit"]
    run_id = start_run()
    bench.trainer(run_id).step(43, 1.0)
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).step == 43)
    window.tray.look()
    assert window.tray.menu.actions()[0].text().startswith("first · 43 %")
    assert icon.toolTip().startswith("Tunedeck\nfirst · 43 %")


def test_closed_to_the_tray_and_back(window: MainWindow, icon: FakeIcon, qtbot: QtBot) -> None:
    window.tray.choose_close_to_tray(True)
    window.close()
    assert window.isHidden()
    assert icon.said == ["Tunedeck is in the tray"]
    assert not QApplication.quitOnLastWindowClosed()
    icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert window.isVisible()
    window.close()
    assert len(icon.said) == 1
    window.come_back()
    window.actions_by_name["quit"].trigger()
    assert window.isHidden()
    assert QApplication.quitOnLastWindowClosed()


def test_settings_keep_both_choices(window: MainWindow, bench: Bench, icon: FakeIcon, qtbot: QtBot) -> None:
    dialog = SettingsDialog(bench.services, window, has_tray=True)
    qtbot.addWidget(dialog)
    assert dialog.away.notify.isChecked()
    dialog.away.tray.click()
    assert window.tray.closes_to_tray
    dialog.away.notify.click()
    assert not window.tray.notifies
    without = SettingsDialog(bench.services, window)
    qtbot.addWidget(without)
    assert not without.away.tray.isEnabled()
