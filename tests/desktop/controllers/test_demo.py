"""The built-in example: what it prepares, and what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from desktop.body import EngineName
from desktop.controllers.demo import Demo
from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import Setup
from desktop.core.inputs import check_inputs
from desktop.errors import AppError
from tests.fakes import FakeBuilder, app_error
from trainer_image.contract import RunConfig, check_config


class Model:
    """Stands for ExampleModel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: AppError | None = None
        self.made_by: list[EngineName] = []

    def ensure(self, engine: EngineName) -> Path:
        if self.error is not None:
            raise self.error
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


def test_offline_the_example_is_run_only_where_its_model_is_here(jobs: Jobs, qtbot: QtBot, model_folder: Path) -> None:
    setup = Setup({"docker": FakeBuilder()}, jobs)
    setup.is_offline = lambda: True
    model: Any = Model(model_folder)
    told: list[str] = []
    for is_there in (False, True):
        model.is_there = lambda is_there=is_there: is_there
        Demo(model, setup, jobs).prepare(
            "docker", lambda config: told.append("done"), lambda error: told.append(error.code)
        )
        qtbot.waitUntil(lambda wanted=is_there: len(told) == 1 + wanted)
    assert told == ["offline", "done"]
