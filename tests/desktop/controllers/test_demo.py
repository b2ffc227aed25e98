"""The built-in example: what it prepares, and what it runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from desktop.body import EngineName
from desktop.controllers.demo import Demo, Doing
from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import Setup
from desktop.core.inputs import check_inputs
from desktop.engine.example_model import CONVERTING, Tell
from desktop.engine.steps import Fetched
from desktop.errors import AppError, EngineError
from tests.fakes import FakeBuilder, app_error
from trainer_image.contract import RunConfig, check_config

WAIT_MS = 60_000


class Model:
    """Stands for ExampleModel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: AppError | None = None
        self.made_by: list[EngineName] = []
        self.is_here = False
        self.is_slow = False
        self.gate = threading.Event()
        self.gate.set()
        """Cleared, it holds up the conversion."""

    def is_there(self) -> bool:
        return self.is_here

    def ensure(self, engine: EngineName, tell: Tell, given_up: threading.Event) -> Path:
        if self.error is not None:
            raise self.error
        if self.is_here:
            return self.folder
        tell("fetching the model", Fetched(50, 200, 10))
        if self.is_slow:
            assert given_up.wait(60)
            raise EngineError("The example is no longer wanted.", code="cancelled")
        tell(CONVERTING, None)
        assert self.gate.wait(60)
        self.made_by.append(engine)
        return self.folder


def make(jobs: Jobs, folder: Path, builder: FakeBuilder) -> tuple[Demo, Model]:
    model: Any = Model(folder)
    return Demo(model, Setup({"docker": builder, "process": builder}, jobs), jobs), model


def test_engine_and_model_are_made_ready_and_the_config_can_start(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder = FakeBuilder(is_ready=False)
    demo, model = make(jobs, model_folder, builder)
    came: list[RunConfig] = []
    demo.prepare("process", came.append, lambda error: None)
    qtbot.waitUntil(lambda: bool(came))
    assert builder.builds == 1
    assert model.made_by == ["process"]
    check_inputs(came[0])
    assert check_config(came[0].model_dump())[1] == []
    assert came[0].offline
    assert came[0] == demo.config()


def test_what_goes_wrong_is_told(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    demo, model = make(jobs, model_folder, FakeBuilder(is_ready=False, error=app_error("disk_full")))
    told: list[str] = []
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: told == ["disk_full"])
    assert model.made_by == []
    demo, model = make(jobs, model_folder, FakeBuilder())
    model.error = AppError("The example's model cannot be downloaded.", "Check the network.", "model_missing")
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: told == ["disk_full", "model_missing"])


def test_it_says_how_far_it_is(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder = FakeBuilder(is_ready=False)
    builder.gate.clear()
    demo, model = make(jobs, model_folder, builder)
    model.is_slow = True
    told: list[Doing | None] = []
    demo.changed.connect(lambda: told.append(demo.doing))
    demo.prepare("process", lambda config: None, lambda error: None)
    assert told == [Doing("looking whether the trainer is ready")]
    qtbot.waitUntil(lambda: Doing("step 1 of 2: copying") in told, timeout=WAIT_MS)
    builder.gate.set()
    wanted = Doing("fetching the model · 0 kB of 0 kB at 0 kB/s, 15 s left to fetch", 0.25)
    qtbot.waitUntil(lambda: demo.doing == wanted, timeout=WAIT_MS)
    demo.cancel()
    assert told[-1] is None


def test_while_the_trainer_is_built_it_is_given_up_at_once(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder = FakeBuilder(is_ready=False)
    builder.gate.clear()
    demo, _ = make(jobs, model_folder, builder)
    told: list[str] = []
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: builder.builds == 1, timeout=WAIT_MS)
    demo.cancel()
    assert told == ["cancelled"]
    demo.cancel()
    builder.gate.set()
    # It can be wanted again, and what was given up does not come after all.
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: told == ["cancelled", "done"], timeout=WAIT_MS)
    assert builder.builds == 2


def test_a_build_that_others_wait_for_goes_on_without_the_example(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder, told = FakeBuilder(is_ready=False), list[str]()
    builder.gate.clear()
    model: Any = Model(model_folder)
    setup = Setup({"docker": builder}, jobs)
    demo = Demo(model, setup, jobs)
    demo.prepare("docker", lambda config: told.append("example"), lambda error: told.append(error.code))
    setup.ensure("docker", lambda: told.append("run"), lambda error: told.append(error.code))
    demo.cancel()
    assert setup.is_building("docker")
    builder.gate.set()
    qtbot.waitUntil(lambda: told == ["cancelled", "run"], timeout=WAIT_MS)
    assert model.made_by == []


def test_while_its_model_is_made_it_is_given_up_too(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    demo, model = make(jobs, model_folder, FakeBuilder())
    model.is_slow = True
    told: list[str] = []
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: demo.doing is not None and demo.doing.share is not None, timeout=WAIT_MS)
    demo.cancel()
    assert told == ["cancelled"]
    model.is_slow = False
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    qtbot.waitUntil(lambda: told == ["cancelled", "done"], timeout=WAIT_MS)


def test_going_offline_stops_what_is_fetched_and_says_so(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    demo, model = make(jobs, model_folder, FakeBuilder())
    model.is_slow = True
    told: list[str] = []
    demo.follow_offline(True)
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    demo.follow_offline(False)
    qtbot.waitUntil(lambda: demo.doing is not None and demo.doing.share is not None, timeout=WAIT_MS)
    demo.follow_offline(True)
    assert told == ["offline"]
    assert demo.doing is None


def test_going_offline_stops_the_build_that_it_waits_for(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder, told = FakeBuilder(is_ready=False), list[str]()
    builder.gate.clear()
    demo, model = make(jobs, model_folder, builder)
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.sentence))
    qtbot.waitUntil(lambda: demo.doing == Doing("step 1 of 2: copying"), timeout=WAIT_MS)
    demo.follow_offline(True)
    builder.gate.set()
    (sentence,) = told
    assert "what it needs has to be fetched" in sentence
    assert model.made_by == []


def test_going_offline_stops_nothing_that_is_here(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    demo, model = make(jobs, model_folder, FakeBuilder())
    model.gate.clear()
    told: list[str] = []
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    demo.follow_offline(True)  # nobody knows yet whether anything is missing
    assert demo.doing is not None
    qtbot.waitUntil(lambda: demo.doing == Doing(CONVERTING), timeout=WAIT_MS)
    demo.follow_offline(True)
    assert demo.doing == Doing(CONVERTING)
    model.gate.set()
    qtbot.waitUntil(lambda: told == ["done"], timeout=WAIT_MS)


def test_what_turns_out_to_be_missing_once_it_is_offline_stops_it(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    builder, told, is_offline = FakeBuilder(is_ready=False), list[str](), False
    builder.gate.clear()
    model: Any = Model(model_folder)
    setup = Setup({"docker": builder}, jobs)
    setup.is_offline = lambda: is_offline
    demo = Demo(model, setup, jobs)
    demo.prepare("docker", lambda config: told.append("done"), lambda error: told.append(error.code))
    is_offline = True
    demo.follow_offline(True)
    assert told == []
    qtbot.waitUntil(lambda: told == ["offline"], timeout=WAIT_MS)
    builder.gate.set()


def test_offline_the_example_is_run_only_where_its_model_is_here(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    setup = Setup({"docker": FakeBuilder()}, jobs)
    setup.is_offline = lambda: True
    model: Any = Model(model_folder)
    told: list[str] = []
    for is_there in (False, True):
        model.is_here = is_there
        Demo(model, setup, jobs).prepare(
            "docker", lambda config: told.append("done"), lambda error: told.append(error.code)
        )
        qtbot.waitUntil(lambda wanted=is_there: len(told) == 1 + wanted)
    assert told == ["offline", "done"]
