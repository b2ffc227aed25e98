"""A window over fakes, for every test in this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot

from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import RunConfig


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = make_bench(tmp_path)
    made.services.runs.load()
    yield made
    made.close()


@pytest.fixture
def window(bench: Bench, qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(bench.services)
    made.resize(1280, 720)
    made.show()
    qtbot.waitExposed(made)
    yield made
    # What jobs still have to say comes while there is somebody to hear it.
    bench.close()
    QCoreApplication.processEvents()
    made.close()
    made.deleteLater()
    # Outside of an event loop nothing is deleted later; and every window that is left takes on each new style sheet.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def config(bench: Bench) -> RunConfig:
    return RunConfig(model=str(bench.model), dataset=str(bench.dataset))


@pytest.fixture
def start_run(bench: Bench, config: RunConfig, qtbot: QtBot) -> Callable[..., str]:
    """Start a run whose trainer is up and has planned 100 steps."""

    def start(name: str = "first", **changes: object) -> str:
        run_id = bench.services.runs.start(config.model_copy(update=changes), name=name, engine="docker", at_once=True)
        trainer = bench.trainer(run_id)
        trainer.hello()
        trainer.plan(100)
        qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "running")
        return run_id

    return start
