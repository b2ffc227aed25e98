"""The keeper: what it does for a run when no window is open, and that it does nothing while one is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from PySide6.QtCore import QTimer

from desktop.app import KeeperCare
from desktop.body import Body
from desktop.cli.loop import assembled, load_runs
from desktop.controllers import assembly as assembly_module
from desktop.controllers import desktop_words, keeper, showing
from desktop.controllers.desktop_words import NOTIFY
from desktop.controllers.keeper import ensure as start_keeper
from desktop.core import troubles
from desktop.core.run import RunState
from desktop.core.settings import SettingsTable
from desktop.core.store import Store
from desktop.engine.gpus import GpuSample
from desktop.engine.session_bus import Pressed
from desktop.paths import Home
from tests.desktop.cli.conftest import Terminal
from tests.fakes import FakeTrainer
from trainer_image.contract import PauseRequest, StopRequest

CARD = GpuSample(0, "RTX 3060", 12, 3, 99, 60, 170.0, 170.0, 60)
Play = Callable[..., None]


class Bus:
    """A session bus that keeps what it is told."""

    told: ClassVar[list[str]] = []
    said: ClassVar[list[Pressed] | None] = None
    """What becomes of what was shown; None where nothing can be pressed."""

    def notify(self, level: str, sentence: str, hint: str, action: str = "") -> int:
        self.told.append(sentence)
        return len(self.told)

    def heard(self) -> list[Pressed] | None:
        return type(self).said

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the desktop is told."""
    monkeypatch.setattr(Bus, "told", [])
    monkeypatch.setattr(desktop_words, "SessionBus", Bus)
    return Bus.told


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[GpuSample]:
    """The cards of this machine, as they are asked; a test changes them as it likes."""
    there = [CARD]
    monkeypatch.setattr(assembly_module, "Gpus", lambda: SimpleNamespace(sample=lambda: list(there), absent_because=""))
    return there


@pytest.fixture
def trainer(terminal: Terminal, make_run: Callable[..., FakeTrainer]) -> FakeTrainer:
    """The trainer of a run that lives while no window is open."""
    made = make_run()
    made.now = datetime.now(UTC)  # what has ended long ago is not brought back
    made.begin().step(1).step(2).step(3)
    terminal.engines["docker"].bodies[made.folder.path.name] = Body("running", handle="1")
    return made


@pytest.fixture
def play() -> Iterator[Play]:
    """Do things one after the other while the keeper is at work, each as soon as it may be done."""
    timer = QTimer(interval=20)

    def begin(*acts: tuple[Callable[[], Any], Callable[[], Any]]) -> None:
        left = list(acts)

        def look() -> None:
            if left and left[0][0]():
                left.pop(0)[1]()

        timer.timeout.connect(look)
        timer.start()

    yield begin
    timer.stop()


def choose(home: Home, name: str, value: object) -> None:
    store = Store(home.database)
    SettingsTable(store).write(name, value)
    store.close()


def test_a_run_that_loses_its_card_goes_on_and_its_end_is_told(
    terminal: Terminal, cards: list[GpuSample], trainer: FakeTrainer, play: Play, told: list[str], kept: list[Home]
) -> None:
    engine, run_id = terminal.engines["docker"], trainer.folder.path.name

    def lose() -> None:
        trainer.checkpoint(3).fail("gpu_lost", "The trainer lost its GPU.")
        engine.exit(run_id, 1)

    def finish() -> None:
        trainer.begin(resumed_from=3).finish(4)
        engine.exit(run_id, 0)

    play((lambda: engine.asked("find"), lose), (lambda: engine.asked("start"), finish))
    assert terminal.type("queue", "run").code == 0
    assert engine.asked("start") == [(run_id,)]
    assert terminal.type("runs", "show", run_id, "--json").json["state"] == "finished"
    assert told[-1] == "First is finished."
    assert any("has lost its GPU: its container is made anew (1 of 3)." in sentence for sentence in told)
    assert kept == []


def test_whoever_presses_what_was_told_sees_the_run(
    terminal: Terminal,
    cards: list[GpuSample],
    trainer: FakeTrainer,
    play: Play,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run has ended and nothing is left to do, but what was told of it can be pressed; then a window opens."""
    opened: list[tuple[Home, str]] = []
    windows = ExitStack()

    def open_window(home: Home, token: str) -> None:
        opened.append((home, token))
        windows.enter_context(keeper.window_open(home))

    monkeypatch.setattr(showing, "open_window", open_window)
    monkeypatch.setattr(Bus, "said", [])

    def finish() -> None:
        trainer.finish(4)
        terminal.engines["docker"].exit(trainer.folder.path.name, 0)

    def press() -> None:
        Bus.said = [Pressed(len(told), True, "leave")]

    play((lambda: terminal.engines["docker"].asked("find"), finish), (lambda: "First is finished." in told, press))
    with windows:
        assert terminal.type("queue", "run").code == 0
    assert opened == [(terminal.home, "leave")]
    assert showing.take(terminal.home) == trainer.folder.path.name
    assert showing.take(terminal.home) is None


def test_an_open_window_is_asked_and_no_second_one_opened(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Home] = []
    monkeypatch.setattr(showing, "open_window", lambda home, token: opened.append(home))
    shown = showing.Showing(terminal.home)
    with keeper.window_open(terminal.home):
        shown.show("first")
        assert (opened, showing.take(terminal.home)) == ([], "first")
    shown.show("second")
    shown.show("third")
    assert (opened, showing.take(terminal.home)) == ([terminal.home], "third")


def test_a_window_opens_where_the_user_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in ({"QT_QPA_PLATFORM": "xcb"}, {}):
        hidden = keeper.without_screen(keeper.without_screen({"HOME": "/home", **asked}))
        assert hidden["QT_QPA_PLATFORM"] == "offscreen"
        assert keeper.with_screen(hidden) == {"HOME": "/home", **asked}


@pytest.mark.parametrize(("reaction", "request_kind"), [("pause", PauseRequest), ("stop", StopRequest)])
def test_a_card_that_is_too_hot_is_given_a_rest(
    terminal: Terminal,
    cards: list[GpuSample],
    trainer: FakeTrainer,
    play: Play,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    reaction: str,
    request_kind: type[Any],
) -> None:
    monkeypatch.setattr(troubles, "LASTING", 2)
    choose(terminal.home, "trouble.heat", reaction)
    engine, run_id = terminal.engines["docker"], trainer.folder.path.name
    cards[0] = replace(CARD, temperature_c=95)

    def obey() -> None:
        trainer.pause(3) if reaction == "pause" else trainer.cancel(3)
        engine.exit(run_id, 0)

    play((trainer.requests, obey))
    assert terminal.type("queue", "run").code == 0
    assert [type(request) for request in trainer.requests()] == [request_kind]
    assert told[0].startswith("GPU 0 (RTX 3060) is at 95 °C. First ")


def test_nobody_is_told_who_does_not_want_to_be(
    terminal: Terminal, cards: list[GpuSample], trainer: FakeTrainer, play: Play, told: list[str]
) -> None:
    choose(terminal.home, NOTIFY, False)
    play((lambda: terminal.engines["docker"].asked("find"), lambda: trainer.finish(4)))
    assert terminal.type("queue", "run").code == 0
    assert told == []


def test_a_run_that_needs_nobody_keeps_no_keeper(terminal: Terminal, trainer: FakeTrainer) -> None:
    assert terminal.type("queue", "run").code == 0
    assert terminal.type("runs", "show", trainer.folder.path.name, "--json").json["state"] == RunState.RUNNING


@pytest.mark.parametrize("need", ["card", "reaction", "desktop"])
def test_who_leaves_a_run_that_may_need_somebody_sees_to_a_keeper(
    terminal: Terminal,
    trainer: FakeTrainer,
    kept: list[Home],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    need: str,
) -> None:
    assert terminal.type("queue", "show").code == 0
    assert kept == []
    if need == "card":
        request.getfixturevalue("cards")
    elif need == "reaction":
        choose(terminal.home, "trouble.stall", "pause")
    else:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/somewhere")
    assert terminal.type("queue", "show").code == 0
    assert kept == [terminal.home]


def test_a_window_sees_to_one_keeper(
    terminal: Terminal, cards: list[GpuSample], trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Home] = []
    monkeypatch.setattr(keeper, "ensure", lambda home: started.append(home) or True)
    with assembled(terminal.home) as assembly:
        care = KeeperCare(assembly)
        care.look()
        assert started == []
        load_runs(assembly)
        care.look()
        care.look()
        assert started == [terminal.home]


def test_where_no_file_can_be_made_there_is_no_keeper_and_no_harm(tmp_path: Path) -> None:
    home = Home(tmp_path / "nowhere")
    with keeper.window_open(home):
        assert start_keeper(home) is False


def test_it_stands_by_while_a_window_is_open(
    terminal: Terminal, cards: list[GpuSample], trainer: FakeTrainer, play: Play, told: list[str]
) -> None:
    engine = terminal.engines["docker"]
    asked: list[object] = []
    with ExitStack() as window:
        window.enter_context(keeper.window_open(terminal.home))
        assert keeper.has_window(terminal.home)

        def close() -> None:
            asked.extend(engine.calls)
            window.close()

        closing = threading.Timer(1.0, close)
        closing.start()
        play((lambda: engine.asked("find"), lambda: trainer.finish(4)))
        assert terminal.type("queue", "run").code == 0
        closing.join()
    assert asked == []
    assert told == ["First is finished."]


def test_it_gives_way_to_a_window_and_another_one_stands_by(
    terminal: Terminal, cards: list[GpuSample], trainer: FakeTrainer, play: Play, kept: list[Home]
) -> None:
    engine = terminal.engines["docker"]
    with ExitStack() as windows:
        play((lambda: engine.asked("find"), lambda: windows.enter_context(keeper.window_open(terminal.home))))
        assert terminal.type("queue", "run").code == 0
        assert kept == [terminal.home]
        with keeper.window_open(terminal.home), keeper.only_one(terminal.home) as is_free:
            assert is_free
    assert not keeper.has_window(terminal.home)
