"""The dialog that pushes a model: prefilled, followed to its address, and honest about what is missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from desktop.ui.runs.push_dialog import PushDialog, suggested_name
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from tests.hub import FakeHub

WAIT_MS = 60_000


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path: Path, qtbot: QtBot, hub: FakeHub) -> Iterator[Bench]:
    made = make_bench(tmp_path, hub=hub.address)
    made.services.runs.load()
    yield made
    made.close()


@pytest.fixture
def finished(bench: Bench, window: MainWindow, start_run: Callable[..., str], qtbot: QtBot) -> str:
    """A run that has finished and is looked at."""
    run_id = start_run("Sea captain")
    window.selection.select(run_id)
    assert not window.actions_by_name["push"].isEnabled()
    bench.trainer(run_id).step(100, 1.5).finish(100)
    (bench.home.runs / run_id / "adapter" / "adapter_model.safetensors").write_bytes(b"weights" * 100_000)
    qtbot.waitUntil(lambda: window.actions_by_name["push"].isEnabled(), timeout=WAIT_MS)
    return run_id


def open_dialog(window: MainWindow) -> PushDialog:
    window.actions_by_name["push"].trigger()
    (dialog,) = [one for one in window.findChildren(PushDialog) if one.isVisible()]
    return dialog


def press(dialog: PushDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(dialog.send, Qt.MouseButton.LeftButton)


def keep_a_token(bench: Bench, hub: FakeHub) -> None:
    bench.services.models.pushes._token = lambda: hub.token


def test_a_model_goes_to_the_hub_and_its_address_can_be_copied(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    keep_a_token(bench, hub)
    dialog = open_dialog(window)
    assert dialog.repo.text() == "Sea-captain"
    assert dialog.private.isChecked()
    assert dialog.where.whole_text() == "It goes to huggingface.co/YOU/Sea-captain"
    dialog.repo.setText("ada/my-captain")
    assert dialog.where.whole_text() == "It goes to huggingface.co/ada/my-captain"
    hub.held = threading.Event()
    press(dialog, qtbot)
    qtbot.waitUntil(lambda: " of " in dialog.says.text(), timeout=WAIT_MS)
    assert not dialog.send.isEnabled()
    assert dialog.stop.isVisible()
    hub.held.set()
    qtbot.waitUntil(dialog.address.isVisible, timeout=WAIT_MS)
    assert dialog.address.text() == f"{hub.address}/ada/my-captain"
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == dialog.address.text()
    assert hub.models["ada/my-captain"].private
    dialog.accept()
    again = open_dialog(window)
    assert again.repo.text() == "ada/Sea-captain"
    again.accept()


def test_a_stopped_push_can_begin_anew(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    keep_a_token(bench, hub)
    dialog = open_dialog(window)
    hub.held = threading.Event()
    press(dialog, qtbot)
    qtbot.waitUntil(lambda: " of " in dialog.says.text(), timeout=WAIT_MS)
    qtbot.mouseClick(dialog.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.says.text().startswith("Stopped. Nothing was added"), timeout=WAIT_MS)
    assert dialog.send.isEnabled()
    dialog.accept()


def test_what_is_missing_is_said_in_the_dialog(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    dialog = open_dialog(window)
    press(dialog, qtbot)
    qtbot.waitUntil(lambda: "needs a token" in dialog.problem.text(), timeout=WAIT_MS)
    assert dialog.settings.isVisible()
    dialog.repo.setText("a/b/c")
    press(dialog, qtbot)
    assert "is no name on the Hub" in dialog.problem.text()
    bench.services.choices.set_offline(True)
    assert "Tunedeck is offline" in dialog.problem.text()
    assert not dialog.send.isEnabled()
    dialog.accept()
    assert hub.asked == []


def test_closed_the_push_goes_on_and_a_notice_tells_of_its_end(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    keep_a_token(bench, hub)
    dialog = open_dialog(window)
    hub.held = threading.Event()
    press(dialog, qtbot)
    dialog.accept()
    with qtbot.waitSignal(bench.services.notices.posted, timeout=WAIT_MS) as posted:
        hub.held.set()
    assert posted.args[0].sentence == "Sea captain is on the Hub."
    assert posted.args[0].hint == f"{hub.address}/ada/Sea-captain"


def test_opened_again_it_shows_what_is_going(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    keep_a_token(bench, hub)
    dialog = open_dialog(window)
    dialog.repo.setText("ada/another-name")
    dialog.private.setChecked(False)
    hub.held = threading.Event()
    press(dialog, qtbot)
    dialog.accept()
    again = open_dialog(window)
    assert (again.repo.text(), again.private.isChecked()) == ("ada/another-name", False)
    assert again.where.whole_text() == "It goes to huggingface.co/ada/another-name"
    assert not again.repo.isEnabled()
    hub.held.set()
    qtbot.waitUntil(again.address.isVisible, timeout=WAIT_MS)
    assert again.address.text() == f"{hub.address}/ada/another-name"
    again.accept()


def test_offline_stops_the_push_that_is_going(
    bench: Bench, window: MainWindow, hub: FakeHub, finished: str, qtbot: QtBot
) -> None:
    keep_a_token(bench, hub)
    dialog = open_dialog(window)
    hub.held = threading.Event()
    press(dialog, qtbot)
    qtbot.waitUntil(lambda: " of " in dialog.says.text(), timeout=WAIT_MS)
    bench.services.choices.set_offline(True)
    qtbot.waitUntil(lambda: dialog.says.text().startswith("Stopped. Nothing was added"), timeout=WAIT_MS)
    assert "Tunedeck is offline" in dialog.problem.text()
    dialog.accept()


def test_it_says_what_goes_up(window: MainWindow, finished: str) -> None:
    dialog = open_dialog(window)
    (told,) = [one.text() for one in dialog.findChildren(QLabel) if one.text().startswith("What goes up")]
    assert "figures, the names of model, data and GPUs, and the data's checksum" in told
    assert "machine" not in told
    dialog.accept()


def test_names_of_runs_become_names_of_repositories() -> None:
    assert suggested_name("Größe (2): ok") == "Gr-e-2-ok"
    assert suggested_name("...") == "tuned-model"
