"""Runs from the first click to the end: started, followed, asked, named, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from desktop.body import Body
from desktop.core import folders
from desktop.core.run import RunState
from desktop.errors import ConfigError, EngineError
from tests.desktop.controllers.conftest import App, InState, OpenApp
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import (
    Clock,
    Event,
    Failed,
    Phase,
    RunConfig,
)


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


def test_runs_without_a_name_of_their_own_are_told_apart(app: App, make_config: Callable[..., RunConfig]) -> None:
    first, second, third = (app.run(app.runs.start(make_config(seed=seed))).name for seed in (1, 2, 3))
    assert (second, third) == (f"{first} 2", f"{first} 3")
    assert [app.run(app.runs.start(make_config(seed=seed), name="Mine")).name for seed in (4, 5)] == ["Mine", "Mine"]


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


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_no_run_longer(
    app: App, started: str, qtbot: QtBot, in_state: InState, by: float
) -> None:
    """Neither while the model loads and nothing is heard, nor when the trainer says it, nor at the end."""
    wrong = [0.0]
    app.runs._book.clock = Clock(lambda: time.time() + wrong[0])
    trainer = app.trainer(started)
    began = app.run(started).started
    assert began is not None
    trainer.now = began
    trainer.phase("import", 2.5).hello().open_phase("load")
    in_state(app, started, RunState.RUNNING)
    qtbot.waitUntil(lambda: app.run(started).progress.phase is not None)
    opened = trainer.now
    wrong[0] = by
    later = timedelta(seconds=by)

    def phase_began() -> datetime:
        phase = app.run(started).progress.phase
        assert phase is not None
        return phase.time

    def is_near(moment: datetime | None, other: datetime) -> bool:
        return moment is not None and abs(moment - other) < timedelta(seconds=60)

    qtbot.waitUntil(lambda: is_near(phase_began(), opened + later))
    qtbot.waitUntil(lambda: is_near(app.run(started).started, began + later))
    trainer.set_clock(by).plan().say(Phase(name="load", seconds=20.0)).open_phase("train").step(1)
    qtbot.waitUntil(lambda: app.run(started).step == 1)
    assert is_near(phase_began(), opened + later)
    assert is_near(app.run(started).started, began + later)
    trainer.finish(1)
    app.engine.exit(started, 0)
    run = in_state(app, started, RunState.FINISHED)
    assert run.started is not None
    assert is_near(run.ended, run.started)
    (record,) = app.store.run_records()
    assert is_near(record.started, run.started)


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
