"""What is done about trouble: said, paused, or stopped, as the user chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from PySide6.QtCore import QObject, Signal

from desktop.controllers import troubles as troubles_module
from desktop.controllers.troubles import Troubles
from desktop.core.run import Run, RunState
from desktop.core.settings import SettingsTable
from desktop.engine.gpus import GpuSample
from tests.desktop.controllers.conftest import App
from trainer_image.contract import PauseRequest, StopRequest

HOT = GpuSample(0, "RTX 3060", 12, 3, 99, 95, 170.0, 170.0, 60)


class FakeHardware(QObject):
    """Cards as a test has them."""

    sampled = Signal(list)


@pytest.fixture
def hardware() -> FakeHardware:
    return FakeHardware()


@pytest.fixture
def troubles(app: App, hardware: FakeHardware) -> Troubles:
    return Troubles(app.runs, cast(Any, hardware), SettingsTable(app.store), app.notices)


@pytest.fixture
def running(app: App, started: str, in_state: Callable[[App, str, RunState], Run]) -> str:
    trainer = app.trainer(started).begin()
    for step in range(1, 5):
        trainer.step(step, seconds=1.0)
    in_state(app, started, RunState.RUNNING)
    return started


def let_time_pass(monkeypatch: pytest.MonkeyPatch, troubles: Troubles, seconds: int) -> None:
    begin = troubles_module.time.monotonic()
    for second in range(seconds):
        monkeypatch.setattr(troubles_module.time, "monotonic", lambda second=second: begin + second)
        troubles.look()
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("reaction", "words", "asked"),
    [("tell", "", []), ("pause", "First pauses.", [PauseRequest]), ("stop", "First is stopped.", [StopRequest])],
)
def test_a_stall_is_told_once_and_answered(
    app: App, running: str, troubles: Troubles, monkeypatch: pytest.MonkeyPatch, reaction: Any, words: str, asked: Any
) -> None:
    troubles.choose("stall", reaction)
    app.runs._following.looking.stop()
    app.runs._following.polling.stop()
    let_time_pass(monkeypatch, troubles, 100)
    (notice,) = [notice for notice in app.posted if "no step" in notice.sentence]
    assert notice.sentence.startswith("First has made no step for 61 s; one takes 1.0 s.")
    assert notice.sentence.endswith(words)
    assert [type(request) for request in app.trainer(running).requests()] == asked


def test_an_app_that_slept_takes_no_run_for_stalled(
    app: App, running: str, troubles: Troubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.runs._following.looking.stop()
    app.runs._following.polling.stop()
    let_time_pass(monkeypatch, troubles, 5)
    begin = troubles_module.time.monotonic()
    monkeypatch.setattr(troubles_module.time, "monotonic", lambda: begin + 30_000)
    troubles.look()
    assert app.posted == []


def test_a_hot_card_pauses_the_runs_that_use_it(
    app: App, running: str, troubles: Troubles, hardware: FakeHardware
) -> None:
    troubles.choose("heat", "pause")
    assert troubles.reaction("heat") == "pause"
    for _ in range(60):
        hardware.sampled.emit([replace(HOT, index=0)])
    assert [notice.sentence for notice in app.posted] == ["GPU 0 (RTX 3060) is at 95 °C. First pauses."]
    assert [type(request) for request in app.trainer(running).requests()] == [PauseRequest]


def test_a_run_that_was_told_to_stop_already_is_not_killed_for_heat(
    app: App, running: str, troubles: Troubles, hardware: FakeHardware
) -> None:
    troubles.choose("heat", "stop")
    app.runs.cancel(running)
    for _ in range(60):
        hardware.sampled.emit([replace(HOT, index=0)])
    assert [notice.sentence for notice in app.posted] == ["GPU 0 (RTX 3060) is at 95 °C."]
    assert [type(request) for request in app.trainer(running).requests()] == [StopRequest]
    assert app.engine.asked("signal") == []
