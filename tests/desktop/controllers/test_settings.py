"""Choices for the whole app: kept, told once, and seen by whoever else has the database open."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.settings import Settings
from desktop.core.store import Store
from desktop.errors import ConfigError
from desktop.paths import Home


def test_offline_is_kept_and_told_once(store: Store, qtbot: QtBot) -> None:
    settings = Settings(store)
    told: list[bool] = []
    settings.offline_changed.connect(told.append)
    assert not settings.is_offline
    settings.set_offline(True)
    settings.set_offline(True)
    assert Settings(store).is_offline
    settings.set_offline(False)
    assert told == [True, False]


def test_what_the_command_line_chooses_reaches_the_window(home: Home, store: Store, qtbot: QtBot) -> None:
    window = Settings(store)
    window.watch()
    other = Store(home.database)
    with qtbot.waitSignal(window.offline_changed) as told:
        Settings(other).set_offline(True)
    other.close()
    assert told.args == [True]


def test_what_needs_the_network_is_refused_in_a_sentence(store: Store, qtbot: QtBot) -> None:
    settings = Settings(store)
    settings.need_network("Searching the Hub")
    settings.set_offline(True)
    with pytest.raises(ConfigError, match="Searching the Hub needs the network, and Tunedeck is offline") as refused:
        settings.need_network("Searching the Hub")
    assert refused.value.code == "offline"


def test_other_choices_are_kept_by_name(store: Store, qtbot: QtBot) -> None:
    settings = Settings(store)
    assert settings.read("notifications", "all") == "all"
    settings.write("notifications", {"finished": True, "level": 2})
    assert Settings(store).read("notifications") == {"finished": True, "level": 2}
