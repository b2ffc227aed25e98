"""What every test stands on: no window on the screen, no home but a new one, nothing of the user's environment."""

from __future__ import annotations

import gc
import os
import warnings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything makes an application

os.environ["LC_ALL"] = "C.UTF-8"  # Qt warns of a locale without UTF-8

os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)  # no test speaks to the user's own desktop

os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"  # no test looks into the user's own keyring

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from pytestqt.wait_signal import MultiSignalBlocker, SignalBlocker

from desktop.controllers.jobs import Jobs
from desktop.core.store import Store
from desktop.paths import PROJECT, Home
from tests.fakes import write_small_model
from trainer_image.contract import RunConfig

PATIENCE_MS = 60_000
"""A machine that does other work too needs more than the five seconds of pytest-qt."""


class PatientBot(QtBot):
    """Waits long for what comes late."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(
        self,
        signal: Any,
        *,
        timeout: int = PATIENCE_MS,
        raising: bool | None = None,
        check_params_cb: Callable[..., bool] | None = None,
    ) -> SignalBlocker:
        return super().waitSignal(signal, timeout=timeout, raising=raising, check_params_cb=check_params_cb)

    def waitSignals(self, signals: Any, *, timeout: int = PATIENCE_MS, **rest: Any) -> MultiSignalBlocker:
        return super().waitSignals(signals, timeout=timeout, **rest)


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def qtbot(qapp: QCoreApplication, request: pytest.FixtureRequest) -> Iterator[QtBot]:
    """What drives a window, with patience; nothing that a test has made outlives it."""
    yield PatientBot(request)
    _clear_up()


def _clear_up() -> None:
    """Delete windows and controllers: their timers would go on for all tests to come, each a little slower.

    Python cannot see that they are garbage, where a signal of theirs is connected to a function that knows them.
    """
    application = QCoreApplication.instance()
    if not isinstance(application, QApplication):
        return
    for found in gc.get_objects():
        is_ours = isinstance(found, QObject) and type(found).__module__.startswith("desktop.")
        if is_ours and shiboken6.isValid(found) and found.parent() is None:
            found.deleteLater()
    for widget in QApplication.topLevelWidgets():
        widget.deleteLater()
    # Outside of an event loop nothing is deleted later.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    application.setStyleSheet("")  # as the next window finds it in a new process


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new home with its folders made."""
    made = Home(tmp_path / "home")
    made.make()
    return made


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    opened = Store(home.database)
    yield opened
    opened.close()


@pytest.fixture
def jobs(qapp: QCoreApplication) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset file of one row."""
    path = tmp_path / "captain.jsonl"
    path.write_text('{"prompt": "Hello", "completion": "Ahoy"}\n')
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets, which may stand beside the project and is no part of it."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real datasets is not beside the project")
    return folder


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """What passes for a model folder before anything is loaded."""
    folder = tmp_path / "tiny-model"
    folder.mkdir()
    write_small_model(folder)
    return folder


@pytest.fixture
def make_config(model_folder: Path, dataset: Path) -> Callable[..., RunConfig]:
    """Make a config on the small model and dataset, with knobs changed."""

    def make(**knobs: object) -> RunConfig:
        return RunConfig.model_validate({"model": str(model_folder), "dataset": str(dataset), **knobs})

    return make


@pytest.fixture
def config(make_config: Callable[..., RunConfig]) -> RunConfig:
    return make_config()


@pytest.fixture
def leaky_sockets() -> Iterator[None]:
    """Docker's SDK leaves the socket of a connection that failed to the garbage collector: let it complain to us."""
    warnings.simplefilter("ignore", ResourceWarning)  # until the test has ended: pytest puts its filters back then
    yield
    gc.collect()


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leaky_sockets: None) -> None:
    """Point the SDK at an engine that is not there, whatever runs on this machine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
