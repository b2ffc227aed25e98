"""Which notices the desktop is told, and what happens where it does not listen."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.desktop_words import NOTIFY, DesktopWords
from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notice
from desktop.controllers.settings import Settings
from desktop.core.store import Store
from desktop.engine.session_bus import Pressed


class FakeBus:
    """A session bus that takes what it is told, or does not."""

    def __init__(self) -> None:
        self.is_there = True
        self.told: list[tuple[str, str, str]] = []
        self.said: list[Pressed] | None = []
        """What becomes of what was shown."""

    def notify(self, level: str, sentence: str, hint: str, action: str = "") -> int:
        if self.is_there:
            self.told.append((level, sentence, hint))
        return len(self.told) if self.is_there else 0

    def heard(self) -> list[Pressed] | None:
        said = self.said
        self.said = said and []
        return said

    def close(self) -> None:
        """Nothing is open."""


def test_ends_and_trouble_are_told_and_only_where_that_is_wanted(
    jobs: Jobs, store: Store, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices, bus = Settings(store), FakeBus()
    words = DesktopWords(jobs, choices, cast(Any, bus))
    words.take(Notice("info", "A build is done."))
    words.take(Notice("info", "First is finished.", "Talk to it.", "1"))
    words.take(Notice("warning", "GPU 0 is hot."))
    qtbot.waitUntil(lambda: words.is_idle)
    told = [("info", "First is finished.", "Talk to it."), ("warning", "GPU 0 is hot.", "")]
    assert sorted(bus.told) == told
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/somewhere")
    assert words.may_be_heard
    choices.write(NOTIFY, False)
    assert not words.may_be_heard
    words.take(Notice("error", "Second: it failed."))
    assert words.is_idle
    assert sorted(bus.told) == told


def test_something_else_is_done_where_nothing_listens(jobs: Jobs, store: Store, qtbot: QtBot) -> None:
    bus = FakeBus()
    words = DesktopWords(jobs, Settings(store), cast(Any, bus))
    marked: list[str] = []
    words.tell(Notice("warning", "Taken."), lambda: marked.append("Taken."))
    qtbot.waitUntil(lambda: words.is_idle)
    bus.is_there = False
    words.tell(Notice("warning", "Not taken."), lambda: marked.append("Not taken."))
    qtbot.waitUntil(lambda: words.is_idle)
    assert marked == ["Not taken."]


def test_what_is_pressed_is_told_once(jobs: Jobs, store: Store, qtbot: QtBot) -> None:
    bus = FakeBus()
    words = DesktopWords(jobs, Settings(store), cast(Any, bus))
    pressed: list[tuple[Notice, str]] = []
    words.pressed.connect(lambda notice, token: pressed.append((notice, token)))
    words.tell(Notice("warning", "GPU 0 is hot."))
    qtbot.waitUntil(lambda: words.is_idle)
    assert not words.is_listening  # it is about no run
    first = Notice("info", "First is finished.", "", "1")
    for notice in (first, Notice("info", "Second is finished.", "", "2")):
        words.tell(notice)
        qtbot.waitUntil(lambda: words.is_idle)
    assert words.is_listening
    bus.said = [Pressed(7, True), Pressed(2, True, "leave"), Pressed(2, False), Pressed(3, False)]
    qtbot.waitUntil(lambda: not words.is_listening)
    assert pressed == [(first, "leave")]


def test_nobody_listens_on_a_desktop_where_nothing_can_be_pressed(jobs: Jobs, store: Store, qtbot: QtBot) -> None:
    bus = FakeBus()
    bus.said = None
    words = DesktopWords(jobs, Settings(store), cast(Any, bus))
    words.tell(Notice("info", "First is finished.", "", "1"))
    qtbot.waitUntil(lambda: words.is_idle and not words.is_listening)
