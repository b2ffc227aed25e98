"""The tries: newest first, found, read whole, calm while they pour in, and taken back by a resume."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from desktop.core.completions import KEPT
from desktop.ui.runs.tries_dock import TriesDock
from desktop.ui.runs.tries_model import MOST_KEPT, SHARE_ROLE, Column, TriesModel
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import Completion

StartRun = Callable[..., str]


def a_try(step: int, text: str = "It is 4.", reward: float | None = 1.0, seq: int = 0, **rewards: float) -> Completion:
    return Completion(
        seq=seq,
        step=step,
        prompt="Two and two?",
        text=text,
        answer="4",
        reward=reward,
        rewards=rewards or {"number": 1.0},
    )


def shown_steps(dock: TriesDock) -> list[int]:
    return [int(dock.shown.index(row, Column.STEP).data().replace(",", "")) for row in range(dock.shown.rowCount())]


@pytest.fixture
def watching(window: MainWindow) -> MainWindow:
    window.views.show("watch")
    return window


def test_model_keeps_qt_s_rules(qtmodeltester: ModelTester) -> None:
    model = TriesModel()
    qtmodeltester.check(model)
    model.add_newer([a_try(1), a_try(2)])
    model.add_newer([a_try(3, format=0.5)])
    model.add_earlier([a_try(0)])
    qtmodeltester.check(model)
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["3", "2", "1", "0"]
    titles = [model.headerData(at, Qt.Orientation.Horizontal) for at in range(model.columnCount())]
    assert titles == ["Step", "Prompt", "Answer", "Right answer", "Reward", "Right number", "Format"]


def test_bars_are_as_long_as_their_share(qtbot: QtBot) -> None:
    model = TriesModel()
    model.show_tries([a_try(1, reward=-1.0, mine=0.0), a_try(2, reward=3.0, mine=4.0), a_try(3, reward=None, mine=1.0)])
    shares = [model.index(row, Column.REWARD).data(SHARE_ROLE) for row in range(3)]
    assert shares == [None, 1.0, 0.0]
    assert [model.index(row, Column.REWARD + 1).data(SHARE_ROLE) for row in range(3)] == [0.25, 1.0, 0.0]
    assert model.headerData(Column.REWARD + 1, Qt.Orientation.Horizontal) == "Mine"


def test_the_table_does_not_grow_without_end(qtbot: QtBot) -> None:
    model = TriesModel()
    model.show_tries([a_try(step) for step in range(MOST_KEPT)])
    model.add_newer([a_try(MOST_KEPT + step) for step in range(100)])
    assert model.rowCount() == MOST_KEPT
    assert model.completion(0).step == MOST_KEPT + 99
    assert model.completion(MOST_KEPT - 1).step == 100


def test_tries_come_in_newest_first(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id, dock = start_run(method="grpo"), watching.tries_dock
    assert "will stand here" in dock.empty.text()
    for step in (1, 2, 3):
        bench.trainer(run_id).say(a_try(step, number=1.0, format=0.5))
    qtbot.waitUntil(lambda: shown_steps(dock) == [3, 2, 1])
    assert dock.count.text() == "3 tries"
    # It tells most of such a run, so it is the one that is seen of those that share its place.
    assert dock.visibleRegion().boundingRect().height() > 0
    assert watching.log_dock.visibleRegion().isEmpty()


def test_a_try_can_be_found_and_read_whole(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id, dock = start_run(method="grpo"), watching.tries_dock
    long = "It is a long story. " * 60 + "The answer is whale."
    bench.trainer(run_id).say(a_try(1), a_try(2, text=long), a_try(3))
    qtbot.waitUntil(lambda: dock.shown.rowCount() == 3)
    qtbot.keyClicks(dock.search, "WHALE")
    qtbot.waitUntil(lambda: dock.shown.rowCount() == 1)
    assert dock.count.text() == "1 of 3 tries"
    place = dock.table.visualRect(dock.shown.index(0, Column.ANSWER)).center()
    qtbot.mouseClick(dock.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dock.detail.isVisible()
    said = dock.detail.text.toPlainText()
    assert "Two and two?" in said
    assert long in said
    assert "RIGHT ANSWER\n4" in said
    assert "reward 1" in dock.detail.title.text()


def test_columns_sort(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id, dock = start_run(method="rloo"), watching.tries_dock
    bench.trainer(run_id).say(a_try(1, reward=0.5), a_try(2, reward=None), a_try(3, reward=2.0))
    qtbot.waitUntil(lambda: dock.shown.rowCount() == 3)
    dock.table.sortByColumn(Column.REWARD, Qt.SortOrder.DescendingOrder)
    assert shown_steps(dock) == [3, 1, 2]


def test_what_one_reads_stays_where_it_is(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id, dock = start_run(method="grpo"), watching.tries_dock
    trainer = bench.trainer(run_id)
    trainer.say(*(a_try(step) for step in range(1, 201)))
    qtbot.waitUntil(lambda: dock.shown.rowCount() == 200)
    dock.table.verticalScrollBar().setValue(100)
    top = dock.table.viewport().rect().topLeft()
    read = dock.table.indexAt(top).data()
    trainer.say(*(a_try(step) for step in range(201, 401)))
    qtbot.waitUntil(lambda: dock.shown.rowCount() == 400)
    assert dock.table.indexAt(top).data() == read
    dock.table.verticalScrollBar().setValue(0)
    trainer.say(a_try(401))
    qtbot.waitUntil(lambda: dock.table.indexAt(top).data() == "401")


def test_a_resume_takes_back_tries(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id, dock = start_run(method="grpo"), watching.tries_dock
    trainer = bench.trainer(run_id)
    trainer.say(a_try(1), a_try(2), a_try(3))
    qtbot.waitUntil(lambda: shown_steps(dock) == [3, 2, 1])
    trainer.hello(resumed_from=1)
    trainer.say(a_try(2, text="again"))
    qtbot.waitUntil(lambda: shown_steps(dock) == [2, 1])
    assert dock.shown.index(0, Column.ANSWER).data() == "again"


def test_earlier_tries_are_read_from_the_folder(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id, dock = start_run(method="grpo"), watching.tries_dock
    bench.trainer(run_id).say(*(a_try(step) for step in range(1, KEPT + 101)))
    qtbot.waitUntil(lambda: bench.services.runs.completions(run_id).total == KEPT + 100)
    watching.selection.select("")
    watching.selection.select(run_id)
    assert dock.model.rowCount() == KEPT
    assert dock.earlier.isVisible()
    dock.earlier.click()
    qtbot.waitUntil(lambda: dock.model.rowCount() == KEPT + 100)
    assert shown_steps(dock) == list(range(KEPT + 100, 0, -1))
    dock.earlier.click()
    qtbot.waitUntil(lambda: not dock.earlier.isVisible())


def test_other_methods_say_that_they_try_nothing(watching: MainWindow, start_run: StartRun) -> None:
    start_run()
    assert "tries no answers" in watching.tries_dock.empty.text()
