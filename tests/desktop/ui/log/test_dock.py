"""A log of any length opens at once, follows its end, and finds words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from desktop.core.log_index import find_all
from desktop.core.log_levels import Level
from desktop.ui.log.model import LogModel
from desktop.ui.window.main_window import MainWindow
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


def test_every_line_with_the_words_is_found(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("Loss loss\nother\nloss\n")
    model = LogModel()
    model.open(path)
    assert model.index_of is not None
    assert model.index_of.rows_at(find_all(path, "LOSS")).tolist() == [0, 2]
    assert find_all(path, "gain").tolist() == []
    path.write_bytes(b"x" * (2**20 - 2) + b"\nneedle over the edge of two parts\n" + b"y" * 2**20)
    assert find_all(path, "needle").tolist() == [2**20 - 1]


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
    qtbot.waitUntil(lambda: dock.found.text() == "1 of 1 line")
    assert dock.table.currentIndex().row() == 123_456
    dock._copy()
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("step 123456 loss"))


def test_an_empty_log_says_so(window: MainWindow, start_run: Callable[..., str]) -> None:
    start_run()
    window.views.show("watch")
    assert window.log_dock.stack.currentIndex() == 0
    assert "trainer prints" in window.log_dock.empty.text()


TRACE = """fine
UserWarning: slow
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    go()
ValueError: bad

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "train.py", line 5, in <module>
RuntimeError: worse
fine again
ERROR no room
"""


def test_a_stack_trace_is_its_last_line_until_it_is_opened(tmp_path: Path, qtmodeltester: ModelTester) -> None:
    path = tmp_path / "train.log"
    path.write_text(TRACE)
    model = LogModel()
    qtmodeltester.check(model)
    model.open(path)
    assert lines_of(model) == ["fine", "UserWarning: slow", "RuntimeError: worse", "fine again", "ERROR no room"]
    assert [model.level(row) for row in range(5)] == [0, Level.WARNING, Level.ERROR, 0, Level.ERROR]
    assert model.lines_of([2]) == list(range(2, 12))
    model.opened.add(11)
    model.show_again()
    assert lines_of(model) == TRACE.splitlines()
    assert model.folded(11) is None
    model.opened.clear()
    model.least = Level.ERROR
    model.show_again()
    assert lines_of(model) == ["RuntimeError: worse", "ERROR no room"]
    append(path, "still fine\nWARNING hot\nERROR ag")
    assert model.poll() == 0
    append(path, "ain\n")
    assert model.poll() == 1
    assert lines_of(model)[-1] == "ERROR again"
    qtmodeltester.check(model)


def test_a_stack_trace_is_folded_when_its_end_is_written(tmp_path: Path, qtmodeltester: ModelTester) -> None:
    path = tmp_path / "train.log"
    head, _, tail = TRACE.partition("ValueError")
    path.write_text(head)
    model = LogModel()
    qtmodeltester.check(model)
    model.open(path)
    assert model.rowCount() == 5
    append(path, "ValueError" + tail)
    model.poll()
    assert lines_of(model)[2] == "RuntimeError: worse"
    qtmodeltester.check(model)


def test_errors_are_counted_gone_to_and_opened_by_a_click(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    run_id = start_run()
    dock = window.log_dock
    window.views.show("watch")
    assert dock.first_error.text() == "No errors"
    append(bench.trainer(run_id).files.log, "fine\n" * 500 + TRACE)
    qtbot.waitUntil(lambda: dock.first_error.text() == "2 errors")
    qtbot.mouseClick(dock.first_error, Qt.MouseButton.LeftButton)
    row = dock.table.currentIndex().row()
    assert dock.model.text(row) == "RuntimeError: worse"
    place = dock.table.visualRect(dock.model.index(row, 0)).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dock.model.text(dock.table.currentIndex().row() - 9).startswith("Traceback")
    place = dock.table.visualRect(dock.table.currentIndex()).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dock.model.text(dock.table.currentIndex().row() - 1) == "UserWarning: slow"

    dock.levels.setCurrentIndex(1)
    dock.levels.activated.emit(1)
    assert dock.levels.currentText() == "Warnings and errors (3)"
    assert lines_of(dock.model) == ["UserWarning: slow", "RuntimeError: worse", "ERROR no room"]
    qtbot.keyClicks(dock.search, "fine again")
    qtbot.keyClick(dock.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.found.text() == "1 of 1 line")
    assert dock.model.text(dock.table.currentIndex().row()) == "fine again"
    assert dock.levels.currentIndex() == 0
    dock.search.setText("file")
    qtbot.waitUntil(lambda: dock.found.text() == "2 lines")
    qtbot.keyClick(dock.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dock.found.text() == "1 of 2 lines")
    assert "line 3" in dock.model.text(dock.table.currentIndex().row())


def test_a_large_log_is_looked_through_a_little_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    with path.open("w") as file:
        file.writelines("step loss 1.2345 of a line as long as they are\n" for _ in range(120_000))
        file.write(TRACE)
    model = LogModel()
    model.open(path)
    assert model.rowCount() == 120_014
    while model.look_on():
        pass
    assert model.rowCount() == 120_005
    model.least = Level.ERROR
    model.show_again()
    assert lines_of(model) == ["RuntimeError: worse", "ERROR no room"]
