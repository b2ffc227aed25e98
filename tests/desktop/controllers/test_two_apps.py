"""Two apps over the same home."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from pytestqt.qtbot import QtBot

from desktop.core import folders
from desktop.core.run import Run, RunState
from desktop.errors import AppError
from tests.desktop.controllers.conftest import App, InState, OpenApp
from trainer_image.contract import (
    RunConfig,
)


def age(run: Run, by: timedelta = timedelta(minutes=5)) -> None:
    """Let a run have been started a while ago."""
    launch = folders.read_launch(run.files)
    older = launch.model_copy(update={"started": launch.started - by})
    run.files.launch.write_text(older.model_dump_json())


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


def test_an_end_that_is_seen_in_one_app_is_told_by_the_other_no_more(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    other = open_app(app.engines)
    other.runs.load()
    app.trainer(started).run(4)
    for each in (app, other):
        in_state(each, started, RunState.FINISHED)
        qtbot.waitUntil(lambda each=each: any(notice.is_end for notice in each.posted), timeout=60_000)
    with qtbot.waitSignal(other.runs.ends.was_seen, timeout=60_000) as seen:
        app.runs.ends.see(started)
    assert seen.args == [started]


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
