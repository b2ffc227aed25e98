"""What the next app finds of the runs of the last one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers import following as following_module
from desktop.controllers import long_runs
from desktop.core import curves
from desktop.core.run import RunState
from tests.desktop.controllers.conftest import App, InState, OpenApp
from tests.fakes import FakeTrainer


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


def test_the_time_of_every_start_is_known_before_a_long_run_is_opened(
    app: App,
    started: str,
    open_app: OpenApp,
    qtbot: QtBot,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "LONG", 0)
    trainer = FakeTrainer(app.run(started).files, now=datetime.now(UTC))
    trainer.begin().step(1).wait(600).step(2).pause(2)
    in_state(app, started, RunState.PAUSED)
    app.engine.exit(started, 0)
    app.runs.resume(started)
    in_state(app, started, RunState.STARTING)
    trainer.wait(7200).begin(resumed_from=2).step(3).wait(60).finish(3)
    run = in_state(app, started, RunState.FINISHED)
    worked = run.seconds_of_work(run.ended)
    assert run.earlier_s is not None
    assert run.earlier_s >= 600
    app.close()
    later = open_app(app.engines)
    later.runs.load(aside=True)
    unread = later.run(started)
    assert unread.progress.last_seq < 0, "it has not been read"
    assert unread.seconds_of_work(unread.ended) == worked


@pytest.mark.parametrize("how", ["opened", "rebuilt"])
def test_a_catalogue_of_before_learns_the_time_when_a_long_run_is_read(
    how: str,
    app: App,
    started: str,
    open_app: OpenApp,
    qtbot: QtBot,
    in_state: InState,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(curves, "LONG", 0)
    app.trainer(started).begin().step(1).wait(600).step(2).pause(2)
    in_state(app, started, RunState.PAUSED)
    app.store.save_run(replace(app.run(started), earlier_s=None))
    app.close()
    later = open_app(app.engines)
    later.runs.load(aside=True)
    assert later.run(started).earlier_s is None
    if how == "opened":
        later.runs.open_aside(started, lambda _: None, lambda: None)
    else:
        assert later.runs.rebuild() == 0
    qtbot.waitUntil(lambda: later.store.run_records()[0].earlier_s is not None, timeout=60_000)
    assert later.store.run_records()[0].earlier_s == later.run(started).earlier_s
