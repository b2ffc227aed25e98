"""Words on the desktop through its session bus, and calm where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from desktop.engine.session_bus import Pressed, SessionBus
from tests.notification_server import Desktop, desktop

ADDRESS = "DBUS_SESSION_BUS_ADDRESS"


@pytest.fixture
def screen(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with desktop(tmp_path_factory.mktemp("b")) as made:
        monkeypatch.setenv(ADDRESS, made.address)
        yield made


@pytest.fixture
def bus() -> Iterator[SessionBus]:
    made = SessionBus()
    yield made
    made.close()


def test_the_desktop_shows_both_texts(screen: Desktop, bus: SessionBus) -> None:
    assert bus.notify("info", "First is finished.", "Loss < 1 & falling.")
    assert bus.notify("error", "First: it failed.", "")
    assert screen.told == [("First is finished.", "Loss &lt; 1 &amp; falling."), ("First: it failed.", "")]
    assert [arguments[6]["urgency"] for arguments in screen.shown] == [("y", 1), ("y", 2)]
    assert len(screen.connections) == 1


def test_a_server_without_markup_gets_plain_text(screen: Desktop, bus: SessionBus) -> None:
    screen.capabilities = ["body"]
    assert bus.notify("info", "First is finished.", "Loss < 1")
    assert screen.told == [("First is finished.", "Loss < 1")]


def test_what_is_pressed_is_heard(screen: Desktop, bus: SessionBus) -> None:
    first = bus.notify("info", "First is finished.", "", "Show the run")
    second = bus.notify("info", "Second is finished.", "", "Show the run")
    bus.notify("info", "A build is done.", "")
    assert [arguments[5] for arguments in screen.shown] == [["default", "Show the run"]] * 2 + [[]]
    assert bus.heard() == []
    screen.press(second, token="leave")
    screen.dismiss(first)
    screen.dismiss(second)
    heard: list[Pressed] = []
    until = time.monotonic() + 60
    while len(heard) < 3 and time.monotonic() < until:
        heard += bus.heard() or []
    assert heard == [Pressed(second, True, "leave"), Pressed(first, False), Pressed(second, False)]


def test_where_nothing_can_be_pressed_nothing_is_heard(screen: Desktop, bus: SessionBus) -> None:
    assert bus.heard() is None
    screen.capabilities = ["body"]
    assert bus.notify("info", "First is finished.", "", "Show the run")
    assert screen.shown[0][5] == []
    assert bus.heard() is None


def test_a_desktop_that_goes_is_heard_no_more(screen: Desktop, bus: SessionBus) -> None:
    assert bus.notify("info", "First is finished.", "", "Show the run")
    screen.restart()
    until = time.monotonic() + 60
    while bus.heard() is not None and time.monotonic() < until:
        pass
    assert bus.heard() is None


def test_a_bus_that_is_started_anew_is_found_again(screen: Desktop, bus: SessionBus) -> None:
    assert bus.notify("info", "First is finished.", "")
    screen.restart()
    assert bus.notify("info", "Second is finished.", "")
    assert [sentence for sentence, _ in screen.told] == ["First is finished.", "Second is finished."]


def test_a_desktop_without_a_notification_server(screen: Desktop, bus: SessionBus) -> None:
    screen.has_server = False
    assert not bus.notify("info", "First is finished.", "")
    screen.has_server = True
    assert bus.notify("info", "First is finished.", "")


@pytest.mark.parametrize("address", [None, "", "disabled:", "unix:path=/nowhere/bus", "tcp:host=localhost,port=9"])
def test_where_there_is_no_bus_nothing_happens(
    address: str | None, bus: SessionBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address is None:
        monkeypatch.delenv(ADDRESS, raising=False)
    else:
        monkeypatch.setenv(ADDRESS, address)
    assert not bus.notify("info", "First is finished.", "")
