"""Runs that start after another one: in one app, in the next one, in two at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers import queue as queue_module
from desktop.core.run import RunState
from desktop.errors import ConfigError, EngineError
from tests.desktop.controllers.conftest import App, InState, OpenApp
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import RunConfig


@pytest.fixture(autouse=True)
def bodies_that_stay_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake engine's bodies go only when they are told to."""
    monkeypatch.setattr(queue_module, "FREE_AFTER_S", 0.05)


@pytest.fixture
def rlhf(make_config: Callable[..., RunConfig]) -> RunConfig:
    return make_config(method="rlhf")


@pytest.fixture
def chained(app: App, rlhf: RunConfig, qtbot: QtBot) -> tuple[str, str]:
    """The two runs of RLHF: the first has a body, the second waits."""
    first = app.runs.start(rlhf, name="Captain")
    qtbot.waitUntil(lambda: app.run(first).body is not None)
    (second,) = app.runs.followers(first)
    return first, second.id


def look_twice(app: App, qtbot: QtBot) -> None:
    for _ in range(2):
        with qtbot.waitSignal(app.runs.looked):
            pass


def test_both_runs_are_there_at_once_and_the_first_has_started(app: App, chained: tuple[str, str]) -> None:
    first, second = (app.run(run_id) for run_id in chained)
    assert (first.name, first.config.method) == ("Captain (1 of 2: reward model)", "reward")
    assert (second.name, second.config.method) == ("Captain (2 of 2: policy)", "rloo")
    assert (second.state, second.after, second.started) == (RunState.WAITING, first.id, None)
    assert second.waiting_for == "waits for Captain (1 of 2: reward model)"
    assert second.config.reward_model == str(first.files.adapter)
    assert RunConfig.model_validate_json(second.files.config.read_bytes()) == second.config
    assert app.engine.asked("start") == [(first.id,)]
    assert [run.id for run in app.runs.all()] == [second.id, first.id]


def test_an_rlhf_that_cannot_work_starts_and_leaves_nothing(app: App, make_config: Callable[..., RunConfig]) -> None:
    for broken in (make_config(method="rlhf", dataset="/nowhere"), make_config(method="rlhf", gpus=[7])):
        with pytest.raises(ConfigError):
            app.runs.start(broken)
    assert app.runs.all() == []
    assert list(app.home.runs.iterdir()) == []


def test_the_second_starts_when_the_first_has_finished_and_is_gone(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "FREE_AFTER_S", 1e9)
    first, second = chained
    app.trainer(first).run(2)
    in_state(app, first, RunState.FINISHED)
    look_twice(app, qtbot)
    assert app.run(second).state is RunState.WAITING  # the first one's body still holds the card
    app.engine.exit(first, 0)
    qtbot.waitUntil(lambda: second in app.engine.bodies)
    assert app.run(second).waiting_for == ""
    assert app.run(second).started is not None
    app.trainer(second).run(2)
    assert in_state(app, second, RunState.FINISHED).adapter is not None
    assert app.engine.asked("start") == [(first,), (second,)]


def test_a_body_that_does_not_go_is_not_waited_for_for_ever(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    app.trainer(first).run(2)
    in_state(app, first, RunState.FINISHED)
    qtbot.waitUntil(lambda: second in app.engine.bodies)


def test_an_app_opened_later_starts_the_second(
    open_app: OpenApp, rlhf: RunConfig, qtbot: QtBot, in_state: InState
) -> None:
    app = open_app()
    app.runs.load()
    first = app.runs.start(rlhf, name="Captain")
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    (second,) = app.runs.followers(first)
    app.close()
    FakeTrainer(app.run(first).files).run(2)
    app.engine.exit(first, 0)

    later = open_app(app.engines)
    later.runs.load()
    assert later.run(second.id).after == first
    qtbot.waitUntil(lambda: second.id in later.engine.bodies)
    assert later.run(first).state is RunState.FINISHED


def test_of_two_apps_one_starts_the_second_and_both_follow_it(
    app: App, chained: tuple[str, str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    other = open_app(app.engines)
    other.runs.load()
    app.trainer(first).run(2)
    app.engine.exit(first, 0)
    qtbot.waitUntil(lambda: second in app.engine.bodies)
    app.trainer(second).begin()
    for each in (app, other):
        in_state(each, second, RunState.RUNNING)
        assert each.run(second).waiting_for == ""
    look_twice(other, qtbot)
    assert app.engine.asked("start") == [(first,), (second,)]


def test_an_app_may_start_those_runs_only_that_it_is_told_to(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    """A word of the command line that does not stay would leave a start half done."""
    first, second = chained
    app.runs.start_only([first])
    app.trainer(first).run(2)
    in_state(app, first, RunState.FINISHED)
    look_twice(app, qtbot)
    assert app.run(second).state is RunState.WAITING
    app.runs.start_only([second])
    qtbot.waitUntil(lambda: second in app.engine.bodies)


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_the_second_is_cancelled_with_a_sentence_when_the_first_ends_badly(
    app: App, chained: tuple[str, str], open_app: OpenApp, qtbot: QtBot, in_state: InState, end: str
) -> None:
    first, second = chained
    trainer = app.trainer(first).begin().step(1)
    trainer.fail() if end == "fail" else trainer.cancel(1)
    run = in_state(app, second, RunState.CANCELLED)
    assert run.failure is not None
    assert "Captain (2 of 2: policy) was not started: Captain (1 of 2: reward model)" in run.failure.sentence
    assert run.failure.sentence in [notice.sentence for notice in app.posted]
    assert app.engine.asked("start") == [(first,)]
    assert [event.kind for event in events_of(FakeTrainer(run.files))] == ["warning", "cancelled"]

    later = open_app(app.engines)
    later.runs.load()
    assert (later.run(second).state, later.run(second).failure) == (RunState.CANCELLED, run.failure)


@pytest.mark.parametrize("how", ["pause", "interrupt"])
def test_the_second_goes_on_waiting_for_a_first_that_can_go_on(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState, how: str
) -> None:
    first, second = chained
    trainer = app.trainer(first).begin().step(1)
    in_state(app, first, RunState.RUNNING)
    if how == "pause":
        trainer.pause(1)
        in_state(app, first, RunState.PAUSED)
    else:
        del app.engine.bodies[first]
        in_state(app, first, RunState.INTERRUPTED)
    look_twice(app, qtbot)
    assert app.run(second).state is RunState.WAITING
    app.engine.bodies.pop(first, None)
    app.runs.resume(first)
    qtbot.waitUntil(lambda: first in app.engine.bodies)
    trainer.begin(resumed_from=1).step(2).finish(2)
    qtbot.waitUntil(lambda: second in app.engine.bodies)


def test_what_waits_can_be_cancelled_at_once(
    app: App, chained: tuple[str, str], open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    other = open_app(app.engines)
    other.runs.load()
    app.runs.cancel(second)
    assert (app.run(second).state, app.run(second).failure) == (RunState.CANCELLED, None)
    in_state(other, second, RunState.CANCELLED)
    app.trainer(first).run(2)
    in_state(app, first, RunState.FINISHED)
    look_twice(app, qtbot)
    assert app.engine.asked("start") == [(first,)]


def test_a_cancelled_second_waits_again_when_it_is_resumed(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    app.runs.cancel(second)
    app.runs.resume(second)
    assert (app.run(second).state, app.run(second).ended) == (RunState.WAITING, None)
    app.trainer(first).run(2)
    qtbot.waitUntil(lambda: second in app.engine.bodies)
    app.trainer(second).run(2)
    in_state(app, second, RunState.FINISHED)


def test_a_second_whose_first_has_failed_cannot_be_resumed_before_it(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    trainer = app.trainer(first).begin().step(1).fail()
    in_state(app, second, RunState.CANCELLED)
    with pytest.raises(ConfigError, match="has failed") as caught:
        app.runs.resume(second)
    assert "Resume that one first" in caught.value.hint
    app.engine.exit(first, 1)
    app.runs.resume(first)
    qtbot.waitUntil(lambda: app.run(first).body is not None)
    trainer.begin().step(1).finish(1)
    in_state(app, first, RunState.FINISHED)
    app.runs.resume(second)
    qtbot.waitUntil(lambda: second in app.engine.bodies)


def test_a_first_that_is_needed_is_not_deleted(app: App, chained: tuple[str, str], in_state: InState) -> None:
    first, second = chained
    app.trainer(first).begin().pause(1)
    in_state(app, first, RunState.PAUSED)
    with pytest.raises(ConfigError, match="needs what"):
        app.runs.delete(first)
    with pytest.raises(ConfigError, match="is waiting"):
        app.runs.delete(second)
    app.runs.cancel(second)
    app.runs.delete(second)
    app.runs.delete(first)
    assert app.runs.all() == []


def test_a_second_whose_reward_model_has_gone_says_so(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    app.runs.start_only([])
    app.trainer(first).run(2)
    run = in_state(app, first, RunState.FINISHED)
    shutil.rmtree(run.files.adapter)
    app.runs.start_only([second])
    failure = in_state(app, second, RunState.FAILED).failure
    assert failure is not None
    assert "no reward model" in failure.sentence


def test_a_second_that_cannot_be_started_fails_like_any_run(
    app: App, chained: tuple[str, str], qtbot: QtBot, in_state: InState
) -> None:
    first, second = chained
    app.trainer(first).run(2)
    app.engine.refusals["start"] = EngineError("The disk is full.", "Free some.", "disk_full")
    failure = in_state(app, second, RunState.FAILED).failure
    assert failure is not None
    assert failure.sentence == "The disk is full."


def test_a_rebuilt_catalogue_knows_what_waits(
    app: App, chained: tuple[str, str], open_app: OpenApp, qtbot: QtBot
) -> None:
    first, second = chained
    app.trainer(first).begin()
    for run_id in chained:
        app.store.delete_run(run_id)
    later = open_app(app.engines)
    later.runs.load()
    assert later.runs.found_in_folders == 2
    assert (later.run(second).state, later.run(second).after) == (RunState.WAITING, first)
    qtbot.waitUntil(lambda: later.run(second).waiting_for != "")


def test_completions_grow_and_the_earlier_ones_are_read_back(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    trainer = app.trainer(started).begin().completion(1, text="one")
    in_state(app, started, RunState.RUNNING)
    latest = app.runs.completions(started)
    trainer.completion(1, text="two")
    qtbot.waitUntil(lambda: len(latest) == 2)
    assert [one.text for one in latest.all()] == ["one", "two"]
    assert [one.text for one in app.runs.earlier_completions(started).read(5)] == ["two", "one"]


def test_a_model_that_judges_is_not_talked_to(app: App, chained: tuple[str, str], in_state: InState) -> None:
    first, _ = chained
    app.trainer(first).run(2)
    run = in_state(app, first, RunState.FINISHED)
    with pytest.raises(ConfigError, match="judges answers"):
        app.chat.open(run)
    with pytest.raises(ConfigError, match="judges answers"):
        app.chat.open(run, 2)
