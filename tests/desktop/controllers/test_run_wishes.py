"""What is asked of a run: to save, to pause, to end, to go on; and how it is named and deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers import following as following_module
from desktop.core import folders
from desktop.core.run import RunState
from desktop.errors import ConfigError
from tests.desktop.controllers.conftest import App, InState, OpenApp
from trainer_image.contract import (
    CheckpointRequest,
    PauseRequest,
    RunConfig,
    StopRequest,
)


def test_requests_lie_in_the_folder(app: App, started: str, in_state: InState) -> None:
    trainer = app.trainer(started).begin()
    in_state(app, started, RunState.RUNNING)
    app.runs.checkpoint(started)
    app.runs.pause(started)
    assert [type(request) for request in trainer.requests()] == [CheckpointRequest, PauseRequest]
    trainer.pause(1)
    run = in_state(app, started, RunState.PAUSED)
    assert run.failure is None
    app.runs.pause(started)
    app.runs.cancel(started)
    assert len(trainer.requests()) == 2  # it has ended


def test_what_was_asked_is_known_until_it_has_come(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1).checkpoint(1)
    in_state(app, started, RunState.RUNNING)
    other = open_app(app.engines)
    other.runs.load()
    assert app.run(started).asked == ""
    app.runs.checkpoint(started)
    assert app.run(started).asked == "checkpoint"
    trainer.step(2).checkpoint(2)
    qtbot.waitUntil(lambda: app.run(started).asked == "", timeout=60_000)
    app.runs.pause(started)
    assert app.run(started).asked == "pause"
    qtbot.waitUntil(lambda: other.run(started).asked == "pause", timeout=60_000)
    app.runs.cancel(started)
    assert app.run(started).asked == "cancel"
    trainer.pause(2)
    assert in_state(app, started, RunState.PAUSED).asked == ""
    app.engine.exit(started, 0)
    app.runs.resume(started)
    qtbot.waitUntil(lambda: app.run(started).body is not None, timeout=60_000)
    trainer.begin(resumed_from=2).step(3)
    assert in_state(app, started, RunState.RUNNING).asked == ""


def test_a_second_cancel_kills(app: App, started: str, qtbot: QtBot, in_state: InState) -> None:
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.runs.cancel(started)
    assert [type(request) for request in trainer.requests()] == [StopRequest]
    with qtbot.waitSignal(app.runs.looked):
        pass
    assert app.engine.asked("signal") == []
    app.runs.cancel(started)
    run = in_state(app, started, RunState.CANCELLED)
    assert app.engine.asked("signal") == [(started, "kill")]
    assert run.failure is None


def test_a_cancel_after_a_pause_is_the_first_cancel(app: App, started: str, qtbot: QtBot, in_state: InState) -> None:
    app.trainer(started).begin()
    in_state(app, started, RunState.RUNNING)
    app.runs.pause(started)
    app.runs.cancel(started)
    with qtbot.waitSignal(app.runs.looked):
        pass
    assert app.engine.asked("signal") == []


def test_another_app_may_say_the_second_cancel(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    """`tunedeck runs cancel` twice is two programs."""
    app.trainer(started).begin()
    in_state(app, started, RunState.RUNNING)
    app.runs.cancel(started)
    other = open_app(app.engines)
    other.runs.load()
    other.runs.cancel(started)
    qtbot.waitUntil(lambda: app.engine.asked("signal") == [(started, "kill")])
    in_state(app, started, RunState.CANCELLED)


def test_a_cancel_while_the_image_is_built_starts_nothing(
    app: App, config: RunConfig, qtbot: QtBot, in_state: InState
) -> None:
    builder = app.builders["docker"]
    builder.ready = False
    builder.gate.clear()
    run_id = app.runs.start(config)
    qtbot.waitUntil(lambda: app.run(run_id).preparing != "")
    app.runs.cancel(run_id)
    app.runs.cancel(run_id)
    builder.gate.set()
    assert in_state(app, run_id, RunState.CANCELLED).failure is None
    assert app.engine.asked("start") == []


def test_a_trainer_that_does_not_come_to_a_step_is_hurried(
    app: App, started: str, qtbot: QtBot, in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(following_module.time, "monotonic", lambda: now)

    def look() -> None:
        before = len(app.engine.asked("find"))
        qtbot.waitUntil(lambda: len(app.engine.asked("find")) >= before + 2)

    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.runs.pause(started)
    now += following_module.GRACE_S - 1
    look()
    assert app.engine.asked("signal") == []
    now += 2
    look()
    assert app.engine.asked("signal") == [(started, "stop")]
    now += following_module.KILL_AFTER_S
    run = in_state(app, started, RunState.INTERRUPTED)
    assert (started, "kill") in app.engine.asked("signal")
    assert run.state.can_resume


def test_a_resumed_run_is_not_hurried_for_an_old_wish(
    app: App, started: str, qtbot: QtBot, in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(following_module.time, "monotonic", lambda: now)
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.runs.pause(started)
    trainer.pause(1)
    in_state(app, started, RunState.PAUSED)
    app.engine.exit(started, 0)
    app.runs.resume(started)
    qtbot.waitUntil(lambda: app.run(started).body is not None)
    trainer.hello(resumed_from=1)
    in_state(app, started, RunState.RUNNING)
    now += 10_000
    before = len(app.engine.asked("find"))
    qtbot.waitUntil(lambda: len(app.engine.asked("find")) >= before + 2)
    assert app.engine.asked("signal") == []


def test_resuming_what_runs_or_is_done(app: App, started: str, in_state: InState) -> None:
    app.trainer(started).begin()
    in_state(app, started, RunState.RUNNING)
    app.runs.resume(started)
    assert app.engine.asked("start") == [(started,)]
    app.trainer(started).finish(1)
    in_state(app, started, RunState.FINISHED)
    with pytest.raises(ConfigError, match="nothing to resume"):
        app.runs.resume(started)


def test_resuming_without_its_dataset_says_so(app: App, started: str, in_state: InState, dataset: Path) -> None:
    app.trainer(started).begin()
    in_state(app, started, RunState.RUNNING)
    del app.engine.bodies[started]
    in_state(app, started, RunState.INTERRUPTED)
    dataset.unlink()
    with pytest.raises(ConfigError, match="no dataset file"):
        app.runs.resume(started)
    assert app.run(started).state is RunState.INTERRUPTED


# Names, and the end of things


def test_a_new_name_is_kept_in_folder_and_catalogue(app: App, started: str) -> None:
    app.runs.rename(started, "  Second ")
    app.runs.rename(started, "   ")
    assert app.run(started).name == "Second"
    assert folders.read_launch(app.run(started).files).name == "Second"
    assert [record.name for record in app.store.run_records()] == ["Second"]


def test_a_run_is_deleted_with_its_folder_and_its_body(app: App, started: str, qtbot: QtBot, in_state: InState) -> None:
    with pytest.raises(ConfigError, match="Cancel it first"):
        app.runs.delete(started)
    app.trainer(started).fail()
    folder = in_state(app, started, RunState.FAILED).folder
    app.engine.exit(started, 1)
    with qtbot.waitSignal(app.runs.run_removed) as removed:
        app.runs.delete(started)
    assert removed.args == [started]
    assert not folder.exists()
    assert app.runs.get(started) is None
    assert app.store.run_records() == []
    qtbot.waitUntil(lambda: started not in app.engine.bodies)
    app.runs._catalogue.take_in()
    assert app.runs.all() == []


def test_a_body_that_still_runs_goes_with_its_run(app: App, started: str, qtbot: QtBot, in_state: InState) -> None:
    app.trainer(started).fail()
    in_state(app, started, RunState.FAILED)
    assert app.engine.bodies[started].state == "running"
    app.runs.delete(started)
    qtbot.waitUntil(lambda: started not in app.engine.bodies, timeout=60_000)


def test_a_search_saves_no_checkpoints(app: App, config: RunConfig, qtbot: QtBot, in_state: InState) -> None:
    run_id = app.runs.start(config.model_copy(update={"find_learning_rate": True}))
    trainer = app.trainer(run_id).begin().step(1)
    in_state(app, run_id, RunState.RUNNING)
    with pytest.raises(ConfigError, match="saves no checkpoints"):
        app.runs.checkpoint(run_id)
    assert trainer.requests() == []


def test_runs_are_found_by_id_name_or_a_part_of_the_id(app: App, config: RunConfig, qtbot: QtBot) -> None:
    with pytest.raises(ConfigError):
        app.runs.find("last")
    first = app.runs.start(config, name="First")
    second = app.runs.start(config, name="Same")
    third = app.runs.start(config.model_copy(update={"seed": 1}), name="Same")
    assert {run.id for run in app.runs.all()} == {first, second, third}
    assert app.runs.find(first).id == first
    assert app.runs.find("First").id == first
    assert app.runs.find(first[-4:]).id == first
    assert app.runs.find("last").id == app.runs.all()[0].id
    with pytest.raises(ConfigError, match="2 runs are called Same") as caught:
        app.runs.find("Same")
    assert second in caught.value.hint
    with pytest.raises(ConfigError, match="no run called nonsense"):
        app.runs.find("nonsense")


@pytest.mark.parametrize("word", ["", " "])
def test_an_empty_word_means_no_run(app: App, started: str, word: str) -> None:
    """`tunedeck runs delete "$RUN"` with nothing in the variable must not take the only run there is."""
    with pytest.raises(ConfigError, match="no run called"):
        app.runs.find(word)
