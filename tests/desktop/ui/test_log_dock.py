"""A log of any length opens at once, follows its end, and finds words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from desktop.ui.log_model import LogModel, find_in_file
from desktop.ui.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench

LINES = 200_000


def lines_of(model: LogModel) -> list[str]:
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_model_keeps_qt_s_rules_and_grows(tmp_path: Path, qtmodeltester: ModelTester) -> None:
    path = tmp_path / "train.log"
    model = LogModel()
    qtmodeltester.check(model)
    model.open(path)
    assert lines_of(model) == []
    append(path, "one\ntwo\nthr")
    assert model.poll() == 3
    assert lines_of(model) == ["one", "two", "thr"]
    append(path, "ee")
    assert model.poll() == 0
    assert lines_of(model) == ["one", "two", "three"]
    append(path, "\n\nfive é\n")
    assert model.poll() == 2
    assert lines_of(model) == ["one", "two", "three", "", "five é"]
    path.write_text("new\n")
    assert model.poll() == 1
    assert lines_of(model) == ["new"]
    qtmodeltester.check(model)


def test_a_progress_bar_is_its_latest_state(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_bytes(b"".join(b"\r%d%%" % number for number in range(3000)) + b"\r100%\nend\n")
    model = LogModel()
    model.open(path)
    assert lines_of(model) == ["100%", "end"]


def test_finding_goes_round(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("Loss\nother\nloss\n")
    assert find_in_file(path, "LOSS", 0) == 0
    assert find_in_file(path, "loss", 1) == 11
    assert find_in_file(path, "loss", 12) == 0
    assert find_in_file(path, "loss", 11, backwards=True) == 0
    assert find_in_file(path, "loss", 0, backwards=True) == 11
    assert find_in_file(path, "gain", 0) is None


def test_two_hundred_thousand_lines_open_and_follow(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    run_id = start_run()
    log, dock = bench.trainer(run_id).files.log, window.log_dock
    window.views.show("watch")
    with log.open("w") as file:
        file.writelines(f"step {number} loss 1.2345 of a line as long as they are\n" for number in range(LINES))
    began = time.monotonic()
    window.selection.select("")
    window.selection.select(run_id)
    assert dock.model.rowCount() == LINES
    assert time.monotonic() - began < 2
    bar = dock.table.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    append(log, "the very last\n")
    qtbot.waitUntil(lambda: dock.model.rowCount() == LINES + 1 and bar.value() == bar.maximum())
    assert dock.model.text(LINES) == "the very last"
    assert len(dock.model._cache) < 2100

    bar.setValue(100)
    bar.triggerAction(bar.SliderAction.SliderPageStepSub)
    qtbot.waitUntil(lambda: not dock.follow.isChecked())
    stands = bar.value()
    append(log, "and one more\n")
    qtbot.waitUntil(lambda: dock.model.rowCount() == LINES + 2)
    assert bar.value() == stands

    qtbot.keyClicks(dock.search, "STEP 123456 ")
    qtbot.keyClick(dock.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.found.text() == "line 123,457")
    dock._copy()
    assert QGuiApplication.clipboard().text().startswith("step 123456 loss")


def test_an_empty_log_says_so(window: MainWindow, start_run: Callable[..., str]) -> None:
    start_run()
    window.views.show("watch")
    assert window.log_dock.stack.currentIndex() == 0
    assert "trainer prints" in window.log_dock.empty.text()
