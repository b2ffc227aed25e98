"""The queue at work: in one app, in the next one, in two at once, through failures and second clicks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers import queue as queue_module
from desktop.controllers import runs as runs_module
from desktop.core import folders
from desktop.core.run import RunState
from desktop.errors import ConfigError, EngineError
from tests.desktop.controllers.conftest import App, InState, OpenApp
from trainer_image.contract import RunConfig

LONG_MS = 60_000


@pytest.fixture(autouse=True)
def bodies_that_stay_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake engine's bodies go only when they are told to."""
    monkeypatch.setattr(queue_module, "FREE_AFTER_S", 0.05)


@pytest.fixture
def start(app: App, config: RunConfig) -> Callable[[str], str]:
    return lambda name: app.runs.start(config, name=name)


def look_twice(app: App, qtbot: QtBot) -> None:
    for _ in range(2):
        with qtbot.waitSignal(app.runs.looked):
            pass


def names(app: App) -> list[str]:
    return [run.name for run in app.runs.queue.order()]


def test_a_start_while_the_machine_is_busy_waits_its_turn(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    first, second, third = (start(name) for name in "ABC")
    assert [app.run(one).state for one in (first, second, third)] == ["starting", "waiting", "waiting"]
    assert app.run(second).waiting_for == "waits for A"
    assert [notice.sentence for notice in app.posted] == [
        "B is in the queue: it waits for A.",
        "C is in the queue: it waits for B, which is before it.",
    ]
    assert app.run(second).started is None
    for run_id in (first, second):
        qtbot.waitUntil(lambda run_id=run_id: run_id in app.engine.bodies)
        app.trainer(run_id).run(2)
        in_state(app, run_id, RunState.FINISHED)
    qtbot.waitUntil(lambda: third in app.engine.bodies)
    assert app.engine.asked("start") == [(first,), (second,), (third,)]
    assert app.run(third).position is None
    assert folders.read_launch(app.run(third).files).position is None


def test_what_a_start_would_wait_for_is_known_before(
    app: App, start: Callable[[str], str], config: RunConfig, qtbot: QtBot, in_state: InState
) -> None:
    assert app.runs.queue.would_wait_for(config, "docker") == ""
    first, second = start("A"), start("B")
    assert app.runs.queue.would_wait_for(config, "docker") == "waits for B, which is before it"
    for run_id in (first, second):
        qtbot.waitUntil(lambda run_id=run_id: run_id in app.engine.bodies)
        app.trainer(run_id).run(2)
        in_state(app, run_id, RunState.FINISHED)
    assert app.runs.queue.would_wait_for(config, "docker") == ""
    assert names(app) == []


def test_runs_on_different_cards_run_side_by_side(
    open_app: OpenApp, make_config: Callable[..., RunConfig], qtbot: QtBot
) -> None:
    app = open_app(gpus=(0, 1))
    app.runs.load()
    ids = {name: app.runs.start(make_config(gpus=gpus), name=name) for name, gpus in {"A": [0], "B": [1]}.items()}
    both = app.runs.start(make_config(), name="Both")
    assert [app.run(one).state for one in (*ids.values(), both)] == ["starting", "starting", "waiting"]
    assert app.run(both).waiting_for in ("waits for A (GPU 0)", "waits for B (GPU 1)")


def test_two_clicks_on_start_are_one_run(
    app: App, config: RunConfig, make_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = app.runs.start(config)
    assert app.runs.start(config) == first
    assert len(app.runs.all()) == 1
    assert app.runs.start(make_config(seed=7)) != first
    monkeypatch.setattr(runs_module, "DOUBLE_CLICK_S", 0.0)
    assert app.runs.start(make_config(seed=7)) not in {first}
    assert len(app.runs.all()) == 3


def test_a_second_click_is_none_although_the_trainer_greets_at_once(
    app: App, config: RunConfig, qtbot: QtBot, in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "DOUBLE_CLICK_S", 600.0)
    first = app.runs.start(config, name="A")
    qtbot.waitUntil(lambda: first in app.engine.bodies, timeout=LONG_MS)
    app.trainer(first).begin().step(1)
    in_state(app, first, RunState.RUNNING)
    assert app.runs.start(config, name="A") == first
    app.trainer(first).step(2).finish(2)
    in_state(app, first, RunState.FINISHED)
    assert app.runs.start(config, name="A") != first


def test_the_order_can_be_changed_and_is_kept(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot
) -> None:
    ids = {name: start(name) for name in "ABCD"}
    app.runs.queue.move(ids["D"], "first")
    app.runs.queue.move(ids["B"], "down")
    assert names(app) == ["D", "C", "B"]
    with pytest.raises(ConfigError, match="does not wait in the queue: it is starting"):
        app.runs.queue.move(ids["A"], "up")
    other = open_app(app.engines)
    other.runs.load()
    assert names(other) == ["D", "C", "B"]
    app.runs.queue.move(ids["B"], "first")
    qtbot.waitUntil(lambda: names(other) == ["B", "D", "C"])
    assert folders.read_launch(app.run(ids["B"]).files).position == app.run(ids["B"]).position


def test_the_queue_survives_the_app_and_the_database(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    first, second, third = (start(name) for name in "ABC")
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    app.runs.queue.move(third, "first")
    app.close()
    for path in app.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()
    later = open_app(app.engines)
    later.runs.load()
    assert names(later) == ["C", "B"]
    app.trainer(first).run(2)
    in_state(later, first, RunState.FINISHED)
    qtbot.waitUntil(lambda: third in app.engine.bodies)
    assert later.run(second).state is RunState.WAITING


def test_of_two_apps_each_run_is_started_by_one(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    ids = [start(name) for name in "ABCD"]
    other = open_app(app.engines)
    other.runs.load()
    for run_id in ids:
        qtbot.waitUntil(lambda run_id=run_id: run_id in app.engine.bodies)
        live = [one for one in app.runs.all() if one.state.is_live]
        assert {one.id for one in live} <= {run_id}
        app.trainer(run_id).run(2)
        app.engine.exit(run_id, 0)
        for each in (app, other):
            in_state(each, run_id, RunState.FINISHED)
    assert app.engine.asked("start") == [(run_id,) for run_id in ids]


def test_a_failure_lets_the_queue_go_on_or_stops_it(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    first, second, third = (start(name) for name in "ABC")
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    app.trainer(first).begin().fail()
    qtbot.waitUntil(lambda: second in app.engine.bodies)

    app.runs.queue.choose_after_failure("stop")
    app.trainer(second).begin().fail()
    in_state(app, second, RunState.FAILED)
    qtbot.waitUntil(lambda: app.run(third).waiting_for == "waits: the queue is stopped, because B did not finish")
    assert "The queue is stopped, because B did not finish." in [notice.sentence for notice in app.posted]
    assert not app.runs.queue.has_prospects
    look_twice(app, qtbot)
    assert third not in app.engine.bodies
    app.runs.queue.go_on()
    qtbot.waitUntil(lambda: third in app.engine.bodies)


def test_a_stopped_queue_does_not_hold_a_start_by_hand(app: App, start: Callable[[str], str], qtbot: QtBot) -> None:
    app.runs.queue.pause()
    assert app.run(start("A")).state is RunState.STARTING
    second = start("B")
    look_twice(app, qtbot)
    assert app.run(second).waiting_for == "waits: the queue is stopped"


def test_a_run_starts_later(app: App, config: RunConfig, qtbot: QtBot, open_app: OpenApp) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    run_id = app.runs.start(config, name="A", not_before=soon)
    assert app.run(run_id).waiting_for.startswith("starts at ")
    assert folders.read_launch(app.run(run_id).files).not_before == soon
    other = open_app(app.engines)
    other.runs.load()
    assert other.run(run_id).not_before == soon
    qtbot.waitUntil(lambda: run_id in app.engine.bodies)
    assert datetime.now(UTC) >= soon


def test_a_run_that_waits_is_given_another_hour(app: App, start: Callable[[str], str], open_app: OpenApp) -> None:
    first, second = start("A"), start("B")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    app.runs.queue.start_at(second, tomorrow)
    assert app.run(second).waiting_for.startswith("starts on ")
    assert folders.read_launch(app.run(second).files).not_before == tomorrow
    other = open_app(app.engines)
    other.runs.load()
    assert other.run(second).not_before == tomorrow
    app.runs.queue.start_at(second, None)
    assert app.run(second).waiting_for == "waits for A"
    with pytest.raises(ConfigError, match="A has begun already"):
        app.runs.queue.start_at(first, tomorrow)


def test_a_run_that_waits_is_given_other_cards_in_every_app(
    open_app: OpenApp, make_config: Callable[..., RunConfig], qtbot: QtBot
) -> None:
    app = open_app(gpus=(0, 1))
    app.runs.load()
    first, second = (app.runs.start(make_config(gpus=[0]), name=name) for name in "AB")
    other = open_app(app.engines, gpus=(0, 1))
    other.runs.load()
    app.runs.queue.pause()  # it is moved, and not started yet
    app.runs.queue.run_on(second, (1,))
    assert folders.read_run(app.run(second).folder).config.gpus == (1,)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: other.run(second).config.gpus == (1,), timeout=LONG_MS)
    later = open_app(app.engines, gpus=(0, 1))
    later.runs.load()
    assert later.run(second).config.gpus == (1,)
    app.runs.queue.go_on()
    qtbot.waitUntil(lambda: second in app.engine.bodies, timeout=LONG_MS)
    for wrong, gpus in ((first, (1,)), (second, (0,)), (second, (7,))):
        with pytest.raises(ConfigError, match=r"has begun already|This machine has no GPU 7"):
            app.runs.queue.run_on(wrong, gpus)


def test_what_waits_can_be_started_at_once(app: App, start: Callable[[str], str], qtbot: QtBot) -> None:
    first, second = start("A"), start("B")
    app.runs.queue.start_now(second)
    assert app.run(second).state is RunState.STARTING
    qtbot.waitUntil(lambda: {first, second} <= set(app.engine.bodies))


def test_an_engine_that_does_not_answer_is_named_and_waited_for(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = start("A"), start("B")
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    app.engine.refusals["find"] = EngineError("No Docker engine answers.", "Start it.")
    app.trainer(first).run(2)
    in_state(app, first, RunState.FINISHED)
    qtbot.waitUntil(lambda: app.run(second).waiting_for == "waits for the Docker engine, which does not answer")
    app.engine.refusals.clear()
    qtbot.waitUntil(lambda: second in app.engine.bodies)


def test_a_paused_run_waits_to_go_on_and_is_paused_again_when_taken_out(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState, open_app: OpenApp
) -> None:
    first = start("A")
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    app.trainer(first).begin().step(1).pause(1)
    in_state(app, first, RunState.PAUSED)
    app.engine.exit(first, 0)
    second = start("B")
    qtbot.waitUntil(lambda: second in app.engine.bodies)
    for _ in range(2):
        app.runs.resume(first)
        assert (app.run(first).state, app.run(first).waiting_for) == (RunState.WAITING, "waits for B")
        app.runs.cancel(first)
        assert (app.run(first).state, app.run(first).position) == (RunState.PAUSED, None)
    app.runs.resume(first)
    app.close()
    app.store.delete_run(first)
    later = open_app(app.engines)
    later.runs.load()
    assert later.run(first).state is RunState.WAITING
    app.trainer(second).run(2)
    in_state(later, second, RunState.FINISHED)
    qtbot.waitUntil(lambda: app.engine.asked("start")[-1] == (first,))


def test_a_new_run_that_is_taken_out_is_cancelled(app: App, start: Callable[[str], str], open_app: OpenApp) -> None:
    start("A")
    second = start("B")
    app.runs.cancel(second)
    assert app.run(second).state is RunState.CANCELLED
    app.store.delete_run(second)
    later = open_app(app.engines)
    later.runs.load()
    assert later.run(second).state is RunState.CANCELLED


def test_a_start_that_died_with_its_app_is_made_by_the_next_one(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the run folder and the database, or between the database and the engine's first word."""
    monkeypatch.setattr(app.runs.queue, "enter", lambda run_id: None)
    in_the_database, in_its_folder_only = start("A"), start("B")
    app.store.delete_run(in_its_folder_only)
    app.close()
    later = open_app(app.engines)
    later.runs.load()
    qtbot.waitUntil(lambda: in_the_database in app.engine.bodies)
    assert later.run(in_its_folder_only).waiting_for == "waits for A"


# Cards that a container has lost


def test_a_container_that_lost_its_card_is_made_anew_a_few_times(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    run_id = start("A")
    for number in range(1, 5):
        qtbot.waitUntil(lambda number=number: len(app.engine.asked("start")) == number)
        qtbot.waitUntil(lambda: app.run(run_id).body is not None)
        trainer = app.trainer(run_id)
        trainer.now = datetime.now(UTC)
        trainer.begin().step(1).pause(1)  # it could still save; then its launcher says why
        qtbot.waitUntil(lambda: app.run(run_id).state is RunState.PAUSED)
        trainer.fail("gpu_lost", "The trainer lost its GPU.")
        app.engine.exit(run_id, 1)
    run = in_state(app, run_id, RunState.FAILED)
    look_twice(app, qtbot)
    assert app.run(run_id).state is RunState.FAILED
    assert run.failure is not None
    assert run.failure.code == "gpu_lost"
    assert len([notice for notice in app.posted if "made anew" in notice.sentence]) == 3
    app.runs.resume(run_id)
    assert folders.read_launch(app.run(run_id).files).restarts == 0


# Folders that go away


def test_a_run_folder_that_is_moved_away_is_said_and_found_again(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    run_id = start("A")
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    app.trainer(run_id).begin().step(1)
    in_state(app, run_id, RunState.RUNNING)
    folder = app.run(run_id).folder
    aside = folder.rename(app.home.path / "elsewhere")
    qtbot.waitUntil(lambda: app.run(run_id).is_away)
    assert app.posted[-1].sentence == f"The folder of A is not at {folder}."
    assert app.run(run_id).state is RunState.RUNNING
    later = open_app(app.engines)
    later.runs.load()
    qtbot.waitUntil(lambda: later.run(run_id).is_away)
    aside.rename(folder)
    for each in (app, later):
        qtbot.waitUntil(lambda each=each: not each.run(run_id).is_away)
        assert each.posted[-1].sentence == "The folder of A is back."
    app.trainer(run_id).step(2).finish(2)
    for each in (app, later):
        in_state(each, run_id, RunState.FINISHED)
    folder.rename(app.home.path / "elsewhere")
    qtbot.waitUntil(lambda: app.run(run_id).is_away)
    assert app.run(run_id).state is RunState.FINISHED
    (app.home.path / "elsewhere").rename(folder)
    qtbot.waitUntil(lambda: not app.run(run_id).is_away)


def test_a_run_whose_folder_is_away_cannot_be_resumed(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    run_id = start("A")
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    app.trainer(run_id).begin().fail()
    folder = in_state(app, run_id, RunState.FAILED).folder
    folder.rename(app.home.path / "elsewhere")
    with pytest.raises(ConfigError, match="The folder of A is not at"):
        app.runs.resume(run_id)


def test_nothing_can_be_asked_of_a_run_whose_folder_is_away(
    app: App, start: Callable[[str], str], qtbot: QtBot, in_state: InState
) -> None:
    run_id = start("A")
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    app.trainer(run_id).begin().step(1)
    folder = in_state(app, run_id, RunState.RUNNING).folder
    aside = folder.rename(app.home.path / "elsewhere")
    for ask in (app.runs.pause, app.runs.checkpoint, app.runs.cancel):
        with pytest.raises(ConfigError, match="The folder of A is not at") as caught:
            ask(run_id)
        assert caught.value.hint.startswith("Put it back")
    assert not folder.exists()
    aside.rename(folder)
    qtbot.waitUntil(lambda: not app.run(run_id).is_away)
    app.runs.pause(run_id)
    assert app.run(run_id).asked == "pause"


# Clocks that jump


def test_a_clock_set_back_keeps_no_start_young_for_ever(
    app: App, start: Callable[[str], str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    run_id = start("A")
    qtbot.waitUntil(lambda: app.run(run_id).body is not None)
    run = app.run(run_id)
    launch = folders.read_launch(run.files)
    later_by_the_clock = launch.model_copy(update={"started": launch.started + timedelta(hours=5)})
    run.files.launch.write_text(later_by_the_clock.model_dump_json())
    app.close()
    app.engine.bodies.clear()
    later = open_app(app.engines)
    later.runs.load()
    failure = in_state(later, run_id, RunState.INTERRUPTED).failure
    assert failure is not None
    assert failure.sentence == "Tunedeck was ended while it started this run."
