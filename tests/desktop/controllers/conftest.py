"""A home with fake engines and real controllers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from desktop.body import EngineName
from desktop.controllers import chat as chat_module
from desktop.controllers import following as following_module
from desktop.controllers.chat import Chat
from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notice, Notices
from desktop.controllers.runs import Runs
from desktop.controllers.setup import Setup
from desktop.core.run import Run, RunState
from desktop.core.store import Store
from desktop.engine.launch import Machine
from desktop.paths import Home
from tests.fakes import FakeBuilder, FakeEngine, FakeTrainer
from trainer_image.contract import RunConfig


@dataclass
class App:
    """One app on a home: everything that a front end would be given."""

    home: Home
    store: Store
    jobs: Jobs
    engines: dict[EngineName, FakeEngine]
    builders: dict[EngineName, FakeBuilder]
    machine: Machine
    setup: Setup
    notices: Notices
    runs: Runs
    chat: Chat
    posted: list[Notice] = field(default_factory=list)
    crashes: list[BaseException] = field(default_factory=list)

    @property
    def engine(self) -> FakeEngine:
        return self.engines["docker"]

    def run(self, run_id: str) -> Run:
        run = self.runs.get(run_id)
        assert run is not None
        return run

    def trainer(self, run_id: str, total_steps: int = 4) -> FakeTrainer:
        return FakeTrainer(self.run(run_id).files, total_steps=total_steps)

    def close(self) -> None:
        self.runs._following.polling.stop()
        self.runs._following.looking.stop()
        self.chat.close()
        self.jobs.close()
        self.store.close()


InState = Callable[[App, str, RunState], Run]
OpenApp = Callable[..., App]


@pytest.fixture
def open_app(home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
    """Open apps on the same home, as one after the other or side by side."""
    monkeypatch.setattr(following_module, "POLL_MS", 5)
    monkeypatch.setattr(following_module, "LOOK_MS", 20)
    monkeypatch.setattr(chat_module, "POLL_MS", 5)
    monkeypatch.setattr(chat_module, "LOOK_MS", 20)
    apps: list[App] = []

    def open(engines: dict[EngineName, FakeEngine] | None = None, *, gpus: tuple[int, ...] = ()) -> App:
        engines = engines or {"docker": FakeEngine("docker"), "process": FakeEngine("process")}
        builders: dict[EngineName, FakeBuilder] = {name: FakeBuilder() for name in engines}
        machine = Machine(home.path, home.caches, 1000, 1000, gpus)
        store, jobs, notices = Store(home.database), Jobs(), Notices()
        setup = Setup(dict(builders), jobs)
        shared: tuple[Any, ...] = (home, store, engines, machine, setup, jobs)
        runs, chat = Runs(*shared, notices), Chat(*shared)
        app = App(home, store, jobs, engines, builders, machine, setup, notices, runs, chat)
        notices.posted.connect(app.posted.append)
        jobs.crashed.connect(app.crashes.append)
        apps.append(app)
        return app

    yield open
    for app in apps:
        app.close()
    assert not [crash for app in apps for crash in app.crashes]


@pytest.fixture
def app(open_app: Callable[..., App]) -> App:
    opened = open_app()
    opened.runs.load()
    return opened


@pytest.fixture
def started(app: App, config: RunConfig, qtbot: QtBot) -> str:
    """A run whose body is up and has said nothing yet."""
    run_id = app.runs.start(config, name="First")
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    return run_id


@pytest.fixture
def in_state(qtbot: QtBot) -> Callable[[App, str, RunState], Run]:
    """Wait until a run is in a state."""

    def wait(app: App, run_id: str, state: RunState) -> Run:
        qtbot.waitUntil(lambda: app.run(run_id).state is state)
        return app.run(run_id)

    return wait
