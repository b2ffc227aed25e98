"""Runs from the first click to the end, in one app, in the next one, and in two at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.body import Body
from desktop.controllers import following as following_module
from desktop.controllers import long_runs
from desktop.core import curves, folders
from desktop.core.run import Run, RunState
from desktop.core.saved_configs import SavedConfigs
from desktop.errors import AppError, ConfigError, EngineError
from tests.desktop.controllers.conftest import App
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import (
    CheckpointRequest,
    Event,
    Failed,
    PauseRequest,
    RunConfig,
    StopRequest,
)

InState = Callable[[App, str, RunState], Run]
OpenApp = Callable[..., App]


def age(run: Run, by: timedelta = timedelta(minutes=5)) -> None:
    """Let a run have been started a while ago."""
    launch = folders.read_launch(run.files)
    older = launch.model_copy(update={"started": launch.started - by})
    run.files.launch.write_text(older.model_dump_json())


# Starting


def test_a_start_writes_the_folder_and_starts_the_engine(app: App, config: RunConfig, qtbot: QtBot) -> None:
    with qtbot.waitSignal(app.runs.run_added) as added:
        run_id = app.runs.start(config, name=" First ")
    assert added.args == [run_id]
    run = app.run(run_id)
    assert (run.name, run.state, run.engine) == ("First", RunState.STARTING, "docker")
    assert run.folder == app.home.runs / run_id
    assert RunConfig.model_validate_json(run.files.config.read_bytes()) == config
    assert folders.read_launch(run.files).name == "First"
    assert [record.id for record in app.store.run_records()] == [run_id]
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    assert app.run(run_id).body == Body("running", handle=f"body-of-{run_id}")
    assert app.run(run_id).state is RunState.STARTING
    spec = app.engine.specs[run_id]
    assert (spec.folder, spec.role) == (run.folder, "train")


def test_the_launch_names_the_chosen_cards(open_app: OpenApp, make_config: Callable[..., RunConfig]) -> None:
    app = open_app(gpus=(0, 1, 2))
    chosen = app.runs.start(make_config(gpus=[2]))
    every = app.runs.start(make_config())
    none = app.runs.start(make_config(gpus=[]))
    assert folders.read_launch(app.run(chosen).files).gpus == [2]
    assert folders.read_launch(app.run(every).files).gpus == [0, 1, 2]
    assert folders.read_launch(app.run(none).files).gpus == []


def test_a_config_that_cannot_work_starts_nothing(app: App, make_config: Callable[..., RunConfig]) -> None:
    for broken in (make_config(dataset="/nowhere.jsonl"), make_config(gpus=[0]), make_config(model="/nowhere")):
        with pytest.raises(ConfigError):
            app.runs.start(broken)
    assert app.runs.all() == []
    assert list(app.home.runs.iterdir()) == []


def test_the_engine_is_made_ready_first_and_the_run_says_so(app: App, config: RunConfig, qtbot: QtBot) -> None:
    builder = app.builders["docker"]
    builder.ready = False
    builder.gate.clear()
    run_id = app.runs.start(config)
    qtbot.waitUntil(lambda: app.run(run_id).preparing == "step 1 of 2: copying")
    with qtbot.waitSignal(app.runs.looked):
        pass
    with qtbot.waitSignal(app.runs.looked):
        pass
    # The engine knows of no body yet: that is no reason to believe that there was one.
    assert (app.run(run_id).state, app.run(run_id).body) == (RunState.STARTING, None)
    assert app.engine.asked("start") == []
    builder.gate.set()
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    assert app.run(run_id).preparing == ""
    assert app.engine.asked("start") == [(run_id,)]


@pytest.mark.parametrize("where", ["build", "start"])
def test_a_start_that_fails_is_told_once_and_can_be_tried_again(
    app: App, config: RunConfig, qtbot: QtBot, in_state: InState, where: str
) -> None:
    error = EngineError("The disk is full.", "Free some.", "disk_full")
    if where == "build":
        app.builders["docker"].ready, app.builders["docker"].error = False, error
    else:
        app.engine.refusals["start"] = error
    run_id = app.runs.start(config, name="First")
    run = in_state(app, run_id, RunState.FAILED)
    assert run.failure is not None
    assert (run.failure.code, run.failure.sentence, run.failure.hint) == (
        "not_started",
        "The disk is full.",
        "Free some.",
    )
    (event,) = events_of(FakeTrainer(run.files))
    assert isinstance(event, Failed)
    with qtbot.waitSignal(app.runs.looked):
        pass
    assert [notice.sentence for notice in app.posted] == ["First: The disk is full."]
    assert run.ended is not None

    app.builders["docker"].error = None
    app.engine.refusals.clear()
    app.runs.resume(run_id)
    assert (app.run(run_id).state, app.run(run_id).failure) == (RunState.STARTING, None)
    qtbot.waitUntil(lambda: run_id in app.engine.bodies)
    app.trainer(run_id).run(2)
    assert in_state(app, run_id, RunState.FINISHED).failure is None


def test_a_mistake_of_ours_at_the_start_ends_the_run(open_app: OpenApp, config: RunConfig, in_state: InState) -> None:
    app = open_app()
    app.builders["docker"].ready, app.builders["docker"].error = False, ZeroDivisionError("oh")
    app.runs.load()
    run_id = app.runs.start(config)
    assert in_state(app, run_id, RunState.FAILED).failure is not None
    assert [type(crash) for crash in app.crashes] == [ZeroDivisionError]
    app.crashes.clear()


# Following


def test_a_run_is_followed_to_its_end(app: App, started: str, qtbot: QtBot, in_state: InState) -> None:
    heard: list[Event] = []
    app.runs.advanced.connect(lambda run_id, events: heard.extend(events))
    trainer = app.trainer(started).begin()
    run = in_state(app, started, RunState.RUNNING)
    assert run.total_steps == 4
    trainer.step(1).step(2).checkpoint(2)
    qtbot.waitUntil(lambda: app.run(started).step == 2)
    assert app.run(started).loss == 1.5
    trainer.step(3).step(4).finish(4)
    run = in_state(app, started, RunState.FINISHED)
    assert heard == events_of(trainer)
    assert run.adapter == run.folder / "adapter"
    assert run.ended == events_of(trainer)[-1].time
    assert app.runs.series(started).column("step").tolist() == [1, 2, 3, 4]
    assert app.runs.events(started) == events_of(trainer)
    assert [notice.sentence for notice in app.posted] == ["First is finished."]
    qtbot.waitUntil(lambda: app.run(started).size_bytes > 0)
    (record,) = app.store.run_records()
    assert (record.state, record.step, record.total_steps, record.loss) == (RunState.FINISHED, 4, 4, 0.75)


def test_what_a_run_takes_on_the_disk_is_known_after_each_checkpoint(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    assert app.run(started).size_bytes == 0
    trainer.checkpoint(1)
    qtbot.waitUntil(lambda: app.run(started).size_bytes > 0)
    before = app.run(started).size_bytes
    assert app.store.run_records()[0].size_bytes == before
    trainer.step(2)
    (app.run(started).folder / "a-large-file").write_bytes(b"\0" * 100_000)
    trainer.checkpoint(2)
    qtbot.waitUntil(lambda: app.run(started).size_bytes >= before + 100_000)
    assert app.run(started).state is RunState.RUNNING


def test_the_body_of_a_finished_run_is_cleared_away_once_it_has_gone(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    """The trainer says Finished a second before its process has ended."""
    app.trainer(started).run(2)
    in_state(app, started, RunState.FINISHED)
    qtbot.waitUntil(lambda: bool(app.engine.asked("remove")[1:]))
    assert started in app.engine.bodies
    app.engine.exit(started, 0)
    qtbot.waitUntil(lambda: started not in app.engine.bodies)
    with qtbot.waitSignal(app.runs.looked):
        pass
    asked = len(app.engine.asked("find"))
    with qtbot.waitSignals([app.runs.looked] * 3):
        pass
    assert len(app.engine.asked("find")) <= asked + 1  # nothing is live: the engine is left alone


@pytest.mark.parametrize(
    ("code", "out_of_memory", "state", "failure"),
    [
        (1, False, RunState.FAILED, "crashed"),
        (137, False, RunState.INTERRUPTED, "killed"),
        (137, True, RunState.FAILED, "out_of_memory"),
        (255, False, RunState.INTERRUPTED, "interrupted"),
    ],
)
def test_a_body_that_ends_without_a_word(
    app: App, started: str, in_state: InState, code: int, out_of_memory: bool, state: RunState, failure: str
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.engine.exit(started, code, out_of_memory=out_of_memory)
    run = in_state(app, started, state)
    assert run.failure is not None
    assert run.failure.code == failure
    assert run.ended is not None
    assert len(app.posted) == 1


def test_what_a_body_said_to_the_engine_becomes_its_log(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    app.engine.outputs[started] = "ModuleNotFoundError: unsloth\n"
    app.engine.exit(started, 1)
    run = in_state(app, started, RunState.FAILED)
    qtbot.waitUntil(run.files.log.exists)
    assert "ModuleNotFoundError" in run.files.log.read_text()
    assert started in app.engine.bodies  # kept for a look


def test_a_body_that_is_gone_is_interrupted_and_resumes(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1).step(2).checkpoint(2).step(3)
    in_state(app, started, RunState.RUNNING)
    del app.engine.bodies[started]
    run = in_state(app, started, RunState.INTERRUPTED)
    last = events_of(trainer)[-1].seq

    app.runs.resume(started)
    run = app.run(started)
    assert (run.state, run.failure, run.ended, run.body) == (RunState.STARTING, None, None, None)
    launch = folders.read_launch(run.files)
    assert launch.after_seq == last
    assert run.started == launch.started
    qtbot.waitUntil(lambda: started in app.engine.bodies)
    trainer.phase("import", 1.0)
    trainer.hello(resumed_from=2)
    in_state(app, started, RunState.RUNNING)
    assert app.run(started).step == 2
    assert app.run(started).ended is None
    assert app.runs.series(started).column("step").tolist() == [1, 2]
    trainer.step(3).step(4).finish(4)
    in_state(app, started, RunState.FINISHED)
    assert app.runs.series(started).column("step").tolist() == [1, 2, 3, 4]


def test_the_last_words_of_a_body_are_heard_before_its_end_is_judged(app: App, started: str, in_state: InState) -> None:
    app.runs._following.polling.stop()
    app.trainer(started).run(2)
    app.engine.exit(started, 0)
    assert in_state(app, started, RunState.FINISHED).failure is None


def test_nothing_is_concluded_while_the_engine_is_silent(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.engine.refusals["find"] = EngineError("No Docker engine answers.")
    del app.engine.bodies[started]
    for _ in range(3):
        with qtbot.waitSignal(app.runs.looked):
            pass
    assert app.run(started).state is RunState.RUNNING
    trainer.step(2).finish(2)
    in_state(app, started, RunState.FINISHED)


# Asking


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


# The next app


def test_the_next_app_finds_a_running_run_and_its_whole_curve(
    app: App, started: str, open_app: OpenApp, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.close()
    trainer.step(2).step(3)
    later = open_app(app.engines)
    later.runs.load()
    run = in_state(later, started, RunState.RUNNING)
    assert (run.name, run.step) == ("First", 3)
    assert later.runs.series(started).column("step").tolist() == [1, 2, 3]
    trainer.step(4).finish(4)
    in_state(later, started, RunState.FINISHED)
    assert later.engine.asked("start") == [(started,)]


def test_a_long_run_at_work_is_read_beside_the_window_and_then_followed_without_a_gap(
    app: App,
    started: str,
    open_app: OpenApp,
    qtbot: QtBot,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "LONG", 0)
    trainer = app.trainer(started, total_steps=9).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.close()
    trainer.step(2).step(3)
    later = open_app(app.engines)
    gate, reading = threading.Event(), long_runs.read_whole

    def read_late(*arguments: object) -> object:
        found = reading(*arguments)  # type: ignore[arg-type]
        assert gate.wait(60)
        return found

    monkeypatch.setattr(long_runs, "read_whole", read_late)
    later.runs.load(aside=True)
    told: list[str] = []
    later.runs.open_aside(started, lambda _: None, lambda: told.append("again"))
    assert later.run(started).state is RunState.RUNNING
    assert not later.runs.can_open_at_once(started)
    with qtbot.waitSignal(later.runs.looked, timeout=60_000):
        pass
    trainer.step(4)
    later.runs.pause(started)
    gate.set()
    qtbot.waitUntil(lambda: later.run(started).step == 4, timeout=60_000)
    assert told == ["again"]
    assert later.run(started).asked == "pause"
    trainer.step(5)
    qtbot.waitUntil(lambda: later.run(started).step == 5, timeout=60_000)
    assert later.runs.series(started).column("step").tolist() == [1, 2, 3, 4, 5]
    trainer.pause(5)
    in_state(later, started, RunState.PAUSED)


def test_a_long_run_that_ended_meanwhile_is_settled_when_it_has_been_read(
    app: App,
    started: str,
    open_app: OpenApp,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "LONG", 0)
    trainer = app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.close()
    trainer.step(2).finish(2)
    later = open_app(app.engines)
    later.runs.load(aside=True)
    in_state(later, started, RunState.FINISHED)
    assert [notice.sentence for notice in later.posted] == ["First is finished."]


def test_a_long_run_that_cannot_be_read_is_tried_again_until_it_can(
    app: App,
    started: str,
    open_app: OpenApp,
    qtbot: QtBot,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "LONG", 0)
    monkeypatch.setattr(following_module, "READ_AGAIN_S", 0.0)
    trainer = app.trainer(started, total_steps=9).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.close()
    events = trainer.folder.events
    aside = events.rename(events.with_name("aside"))
    events.symlink_to(events.parent)
    readings, reading = [], long_runs.read_whole

    def count(*arguments: object) -> object:
        readings.append(1)
        return reading(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(long_runs, "read_whole", count)
    later = open_app(app.engines)
    later.runs.load(aside=True)
    told: list[str] = []
    later.runs.open_aside(started, lambda _: None, lambda: told.append("read"))
    qtbot.waitUntil(lambda: len(readings) > 3, timeout=60_000)
    assert told == []
    assert ["cannot be read" in notice.sentence for notice in later.posted] == [True]
    aside.replace(events)
    qtbot.waitUntil(lambda: told == ["read"], timeout=60_000)
    trainer.step(2)
    qtbot.waitUntil(lambda: later.run(started).step == 2, timeout=60_000)
    assert later.runs.series(started).column("step").tolist() == [1, 2]


def test_who_waits_for_a_reading_is_told_though_taking_it_up_fails(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no")

    app.trainer(started).begin().step(1)
    run = in_state(app, started, RunState.RUNNING)
    reader = long_runs.LongRuns(app.jobs, app.notices, refuse)
    told: list[str] = []
    with qtbot.captureExceptions() as mistakes:
        reader.read(run, lambda _: None, lambda: told.append("first"))
        qtbot.waitUntil(lambda: told == ["first"], timeout=60_000)
    assert [str(mistake[1]) for mistake in mistakes] == ["no"]
    assert reader.unread == []


def test_a_run_that_another_app_resumes_while_it_is_read_is_not_paused(
    app: App,
    started: str,
    open_app: OpenApp,
    qtbot: QtBot,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = app.trainer(started).begin().step(1).checkpoint(1)
    in_state(app, started, RunState.RUNNING)
    monkeypatch.setattr(curves, "LONG", 0)
    gate, has_read, reading = threading.Event(), threading.Event(), long_runs.read_whole

    def read_late(*arguments: object) -> object:
        found = reading(*arguments)  # type: ignore[arg-type]
        has_read.set()
        assert gate.wait(60)
        return found

    monkeypatch.setattr(long_runs, "read_whole", read_late)
    other = open_app(app.engines)
    other.runs.load(aside=True)
    qtbot.waitUntil(has_read.is_set, timeout=60_000)
    trainer.pause(1)
    in_state(app, started, RunState.PAUSED)
    app.engine.exit(started, 0)
    app.runs.resume(started)
    qtbot.waitUntil(lambda: app.run(started).body is not None, timeout=60_000)
    gate.set()
    qtbot.waitUntil(lambda: other.runs.can_open_at_once(started), timeout=60_000)
    assert other.run(started).state is RunState.STARTING
    trainer.begin(resumed_from=1).step(2)
    in_state(other, started, RunState.RUNNING)


@pytest.mark.parametrize(
    ("ending", "state", "failure"),
    [
        (lambda trainer: trainer.step(4).finish(4), RunState.FINISHED, None),
        (lambda trainer: trainer.fail(), RunState.FAILED, "out_of_memory"),
        (lambda trainer: trainer.pause(2), RunState.PAUSED, None),
        (lambda trainer: trainer, RunState.INTERRUPTED, "interrupted"),
    ],
)
def test_the_next_app_says_how_a_run_ended_meanwhile(
    app: App,
    started: str,
    open_app: OpenApp,
    in_state: InState,
    ending: Callable[[FakeTrainer], FakeTrainer],
    state: RunState,
    failure: str | None,
) -> None:
    trainer = app.trainer(started).begin().step(1).step(2)
    in_state(app, started, RunState.RUNNING)
    app.close()
    ending(trainer)
    del app.engine.bodies[started]
    for number in range(2):  # the second finds what the first has written down
        later = open_app(app.engines)
        later.runs.load()
        run = in_state(later, started, state)
        assert (run.failure.code if run.failure else None) == failure, f"app {number}"
        later.close()


def test_the_next_app_remembers_that_the_machine_ran_out_of_memory(
    app: App, started: str, open_app: OpenApp, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.engine.exit(started, 137, out_of_memory=True)
    before = in_state(app, started, RunState.FAILED).failure
    app.close()
    app.engine.bodies.clear()
    later = open_app(app.engines)
    later.runs.load()
    assert later.run(started).failure == before
    assert before is not None
    assert before.code == "out_of_memory"


def test_the_next_app_remembers_that_a_run_crashed(
    app: App, started: str, open_app: OpenApp, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    app.engine.exit(started, 3)
    in_state(app, started, RunState.FAILED)
    app.close()
    later = open_app(app.engines)
    later.runs.load()
    run = later.run(started)
    assert run.state is RunState.FAILED
    assert run.failure is not None
    assert run.failure.code == "crashed"


def test_a_lost_database_is_read_back_from_the_folders(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).run(4)
    in_state(app, started, RunState.FINISHED)
    failed = app.runs.start(config, name="Second")
    qtbot.waitUntil(lambda: app.run(failed).body is not None)
    app.trainer(failed).begin().step(1).fail()
    in_state(app, failed, RunState.FAILED)
    app.runs.rename(failed, "Renamed")
    app.close()
    for path in app.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()
    (app.home.runs / "no-run").mkdir()
    (app.home.runs / "a-file").touch()

    later = open_app(app.engines)
    later.runs.load()
    assert later.runs.found_in_folders == 2
    assert [notice.sentence for notice in later.posted] == [
        "2 runs were not in the database and read back from the folders."
    ]
    assert later.runs.rebuild() == 0
    first, second = later.run(started), later.run(failed)
    assert (first.name, first.state, first.step, first.loss) == ("First", RunState.FINISHED, 4, 0.75)
    assert (second.name, second.state, second.step) == ("Renamed", RunState.FAILED, 1)
    assert second.failure is not None
    assert first.config == config
    assert {record.id for record in later.store.run_records()} == {started, failed}
    assert later.runs.series(started).column("step").tolist() == [1, 2, 3, 4]


def lose(app: App) -> None:
    for path in app.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()


def lost_notices(app: App) -> list[str]:
    return [f"{one.sentence} {one.hint}" for one in app.posted if "database" in one.sentence]


def test_a_database_that_is_deleted_under_an_open_app_is_written_anew(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    SavedConfigs(app.store).save("mine", config)
    lose(app)
    app.runs.rename(started, "Renamed")
    waiting = app.runs.start(config, name="Second", not_before=datetime.now(UTC) + timedelta(hours=1))
    qtbot.waitUntil(lambda: bool(lost_notices(app)))
    assert lost_notices(app) == [
        "The database was deleted while Tunedeck was open. It was written anew with all that it held."
    ]
    app.trainer(started).step(2).finish(2)
    in_state(app, started, RunState.FINISHED)
    later = open_app(app.engines)
    later.runs.load()
    assert (later.run(started).name, later.run(started).state) == ("Renamed", RunState.FINISHED)
    assert (later.run(waiting).name, later.run(waiting).state) == ("Second", RunState.WAITING)
    assert [saved.name for saved in SavedConfigs(later.store).all()] == ["mine"]
    assert not later.posted
    assert len(lost_notices(app)) == 1


def test_two_apps_under_which_the_database_is_deleted_agree_on_another_one(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    other = open_app(app.engines)
    other.runs.load()
    lose(app)
    for each in (app, other):
        qtbot.waitUntil(lambda each=each: bool(lost_notices(each)))
    assert [record.id for record in app.store.run_records()] == [started]
    again = other.runs.start(config, name="Seen by both", not_before=datetime.now(UTC) + timedelta(hours=1))
    qtbot.waitUntil(lambda: app.runs.get(again) is not None)
    assert not app.store.is_lost()
    assert not other.store.is_lost()


def test_rubbish_in_the_place_of_the_database_is_said_once_and_the_app_goes_on(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    lose(app)
    app.home.database.write_bytes(b"not a database at all" * 100)
    qtbot.waitUntil(lambda: bool(lost_notices(app)))
    app.trainer(started).run(2)
    in_state(app, started, RunState.FINISHED)
    assert len(lost_notices(app)) == 1
    assert "cannot be read" in lost_notices(app)[0]
    app.home.database.unlink()
    qtbot.waitUntil(lambda: len(lost_notices(app)) == 2)
    assert [record.id for record in app.store.run_records()] == [started]


def test_a_run_of_an_unreadable_config_is_told_once_and_the_others_are_shown(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot
) -> None:
    broken = app.run(started).config.model_copy(update={"lora_r": -1})
    run = app.run(started)
    app.store.save_run(Run("broken", "Broken", "docker", run.folder, broken, run.created, RunState.FAILED))
    later = open_app(app.engines)
    later.runs.load()
    for _ in range(2):
        with qtbot.waitSignal(later.runs.looked):
            pass
    assert [one.id for one in later.runs.all()] == [started]
    assert len([notice for notice in later.posted if "Broken" in notice.sentence]) == 1


# Two apps


def test_the_run_of_another_app_appears(
    app: App, open_app: OpenApp, config: RunConfig, qtbot: QtBot, in_state: InState
) -> None:
    other = open_app(app.engines)
    other.runs.load()
    with qtbot.waitSignal(other.runs.run_added) as added:
        run_id = app.runs.start(config, name="First")
    assert added.args == [run_id]
    app.trainer(run_id).run(4)
    in_state(other, run_id, RunState.FINISHED)
    assert other.runs.series(run_id).column("step").tolist() == [1, 2, 3, 4]


def test_a_run_that_another_app_is_about_to_start_is_not_given_up(
    app: App, open_app: OpenApp, config: RunConfig, qtbot: QtBot, in_state: InState
) -> None:
    """Between the folder and the body lie seconds, in which the engine knows of nothing."""
    app.engine.gate = threading.Event()
    run_id = app.runs.start(config)
    other = open_app({**app.engines, "docker": _Sibling(app.engine)})
    other.runs.load()
    for _ in range(3):
        with qtbot.waitSignal(other.runs.looked):
            pass
    assert other.run(run_id).state is RunState.STARTING
    app.engine.gate.set()
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    app.trainer(run_id).begin()
    in_state(other, run_id, RunState.RUNNING)
    in_state(app, run_id, RunState.RUNNING)


def test_a_start_that_another_app_did_not_live_to_make_is_given_up_in_the_end(
    app: App, started: str, open_app: OpenApp, in_state: InState
) -> None:
    age(app.run(started))
    app.close()
    app.engine.bodies.clear()
    later = open_app(app.engines)
    later.runs.load()
    assert in_state(later, started, RunState.INTERRUPTED).state.can_resume


def test_a_run_that_another_app_resumes_is_followed_again(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().step(1).pause(1)
    in_state(app, started, RunState.PAUSED)
    app.engine.exit(started, 0)
    other = open_app(app.engines)
    other.runs.load()
    assert other.run(started).state is RunState.PAUSED
    app.runs.resume(started)
    qtbot.waitUntil(lambda: other.run(started).state is RunState.STARTING)
    trainer.begin(resumed_from=1).step(2)
    in_state(other, started, RunState.RUNNING)
    trainer.finish(2)
    in_state(other, started, RunState.FINISHED)
    in_state(app, started, RunState.FINISHED)


class _Sibling:
    """The same bodies through another client, which does not wait at the first one's gate."""

    def __init__(self, engine: object) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)


def test_ids_tell_when(app: App, config: RunConfig) -> None:
    run_id = app.runs.start(config)
    assert run_id.startswith(f"{datetime.now(UTC):%Y%m%d-}")


def test_an_error_is_an_app_error() -> None:
    assert str(AppError("A.", "B.")) == "A. B."
