"""Making an engine ready, once for everybody who waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import NeededModel, Setup
from desktop.engine.steps import BuildStep
from desktop.errors import AppError, EngineError
from tests.fakes import FakeBuilder


def test_an_engine_that_is_ready_is_not_built(jobs: Jobs, qtbot: QtBot) -> None:
    builder = FakeBuilder()
    setup = Setup({"docker": builder}, jobs)
    told: list[str] = []
    setup.ensure("docker", lambda: told.append("done"), lambda error: told.append(str(error)))
    assert setup.is_building("docker")
    qtbot.waitUntil(lambda: told == ["done"])
    assert builder.builds == 0
    assert not setup.is_building("docker")


def test_two_who_ask_wait_for_one_build(jobs: Jobs, qtbot: QtBot) -> None:
    builder = FakeBuilder(is_ready=False)
    builder.gate.clear()
    setup = Setup({"docker": builder}, jobs)
    told: list[str] = []
    steps: list[tuple[str, BuildStep]] = []
    setup.progressed.connect(lambda engine, step: steps.append((engine, step)))
    with qtbot.waitSignal(setup.progressed):
        setup.ensure("docker", lambda: told.append("first"), lambda error: told.append(str(error)))
    setup.ensure("docker", lambda: told.append("second"), lambda error: told.append(str(error)))
    assert told == []
    builder.gate.set()
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told == ["first", "second"]
    assert builder.builds == 1
    assert next((engine, step.sentence) for engine, step in steps) == ("docker", "step 1 of 2: copying")


def test_a_build_that_fails_is_told_to_everybody_and_tried_again(jobs: Jobs, qtbot: QtBot) -> None:
    error = EngineError("The disk is full.", "Free some.", "disk_full")
    builder = FakeBuilder(is_ready=False, error=error)
    setup = Setup({"docker": builder}, jobs)
    told: list[AppError] = []
    for _ in range(2):
        setup.ensure("docker", lambda: told.append(AppError("done?")), told.append)
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told == [error, error]
    builder.error = None
    done: list[str] = []
    setup.ensure("docker", lambda: done.append("done"), told.append)
    qtbot.waitUntil(lambda: done == ["done"])
    assert builder.builds == 2


def test_a_builder_that_crashes_leaves_nobody_waiting(jobs: Jobs, qtbot: QtBot) -> None:
    builder = FakeBuilder(is_ready=False, error=ZeroDivisionError("oh"))
    setup = Setup({"docker": builder}, jobs)
    told: list[AppError] = []
    with qtbot.waitSignal(jobs.crashed):
        setup.ensure("docker", lambda: told.append(AppError("done?")), told.append)
    qtbot.waitUntil(lambda: len(told) == 1)
    assert "ZeroDivisionError" in told[0].sentence
    assert not setup.is_building("docker")


def test_engines_are_made_ready_on_their_own(jobs: Jobs, qtbot: QtBot) -> None:
    docker, process = FakeBuilder(is_ready=False), FakeBuilder()
    setup = Setup({"docker": docker, "process": process}, jobs)
    told: list[str] = []
    setup.ensure("docker", lambda: told.append("docker"), lambda error: None)
    setup.ensure("process", lambda: told.append("process"), lambda error: None)
    qtbot.waitUntil(lambda: sorted(told) == ["docker", "process"])
    assert (docker.builds, process.builds) == (1, 0)


def test_a_build_that_is_given_up_tells_at_once_and_ends_by_itself(jobs: Jobs, qtbot: QtBot) -> None:
    builder = FakeBuilder(is_ready=False)
    builder.gate.clear()
    setup = Setup({"docker": builder}, jobs)
    failures: list[AppError] = []
    with qtbot.waitSignal(setup.progressed):
        setup.build("docker", failures.append)
    setup.cancel("docker")
    assert [error.code for error in failures] == ["cancelled"]
    assert not setup.is_building("docker")
    setup.cancel("docker")  # once more is fine
    done: list[str] = []
    setup.ensure("docker", lambda: done.append("done"), failures.append)
    builder.gate.set()
    qtbot.waitUntil(lambda: done == ["done"])
    assert len(failures) == 1
    assert builder.builds == 2, "had the first gone on to its end, there would have been nothing to build"


class Models:
    """Stands for ModelFetch: what is here, and what was fetched."""

    def __init__(self, *here: str) -> None:
        self.here = set(here)
        self.asked: list[str] = []

    def is_here(self, id: str, revision: str | None) -> bool:
        return id in self.here

    def bring(
        self, id: str, revision: str | None, tell: Callable[[str], object], is_wanted: Callable[[], bool]
    ) -> None:
        self.asked.append(id)
        tell(f"fetching {id}")


def bring(setup: Setup, model: str, *, offline: bool = False) -> list[object]:
    told: list[object] = []
    setup.bring_model(NeededModel(model, None, False, offline), told.append, told.append, told.append)
    return told


def test_a_model_of_the_hub_is_fetched_by_the_app_before_a_start(jobs: Jobs, qtbot: QtBot) -> None:
    setup = Setup({}, jobs)
    models = Models("org/here")
    setup.models = models  # type: ignore[assignment]
    assert bring(setup, "/models/own") == [False]
    told = bring(setup, "org/missing")
    qtbot.waitUntil(lambda: len(told) == 2)
    assert told == ["fetching org/missing", True]
    assert models.asked == ["org/missing"]


@pytest.mark.parametrize("is_offline", [False, True])
def test_in_4_bits_no_copy_of_a_model_is_fetched_that_is_here(jobs: Jobs, qtbot: QtBot, is_offline: bool) -> None:
    setup = Setup({}, jobs)
    models = Models("Qwen/Qwen3-8B")
    setup.models = models  # type: ignore[assignment]
    told: list[object] = []
    setup.bring_model(NeededModel("Qwen/Qwen3-8B", None, True, is_offline), told.append, told.append, told.append)
    qtbot.waitUntil(lambda: True in told, timeout=60_000)
    assert "fetching unsloth/Qwen3-8B-unsloth-bnb-4bit" not in told


@pytest.mark.parametrize("by_the_switch", [False, True])
def test_offline_nothing_is_fetched_and_what_is_here_works(jobs: Jobs, by_the_switch: bool) -> None:
    setup = Setup({}, jobs)
    models = Models("org/here")
    setup.models = models  # type: ignore[assignment]
    setup.is_offline = lambda: by_the_switch
    assert bring(setup, "org/here", offline=not by_the_switch) == [True]
    (error,) = bring(setup, "org/missing", offline=not by_the_switch)
    assert isinstance(error, AppError)
    assert error.code == "offline"
    assert models.asked == []


def test_offline_nothing_is_built(jobs: Jobs, qtbot: QtBot) -> None:
    builder = FakeBuilder(is_ready=False)
    setup = Setup({"docker": builder}, jobs)
    setup.is_offline = lambda: True
    told: list[AppError] = []
    setup.ensure("docker", lambda: None, told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert (told[0].code, builder.builds) == ("offline", 0)
    builder.ready = True
    done: list[str] = []
    setup.ensure("docker", lambda: done.append("done"), told.append)
    qtbot.waitUntil(lambda: done == ["done"])
