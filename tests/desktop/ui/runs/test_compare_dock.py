"""Runs beside each other: their results, what was set differently, and what leaves the window."""

from __future__ import annotations

import csv
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication
from pytestqt.qtbot import QtBot

from desktop.ui.runs.compare_model import CompareModel
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import RunConfig

StartRun = Callable[..., str]


@pytest.fixture
def runs(bench: Bench, start_run: StartRun, window: MainWindow) -> list[str]:
    """Two runs that differ in rank and loss; the window watches them."""
    ids = [start_run("one", lora_r=8), start_run("two", lora_r=32)]
    for index, run_id in enumerate(ids):
        bench.trainer(run_id).step(10, 2.0 - index / 2)
        bench.services.runs.refresh(run_id)
    window.views.show("watch")
    window.runs_dock.choose(ids)
    window.selection.select(ids[0])
    window.runs_dock.choose(ids)
    return ids


def cells(model: CompareModel, title: str) -> list[str]:
    row = next(at for at, row in enumerate(model.rows) if row.title == title)
    return [model.index(row, column).data() for column in range(1, model.columnCount())]


def test_chosen_runs_stand_beside_each_other(window: MainWindow, runs: list[str]) -> None:
    assert not window.docks["compare"].isVisible()
    assert window.actions_by_name["compare_runs"].text() == "Compare 2"
    window.actions_by_name["compare_runs"].trigger()
    model = window.compare_dock.model
    names = [model.headerData(at, Qt.Orientation.Horizontal).strip() for at in (1, 2)]
    assert sorted(names) == ["one", "two"]
    by_name = dict(zip(names, cells(model, "Loss"), strict=True))
    assert by_name == {"one": "2.00", "two": "1.50"}
    titles = [row.title for row in model.rows]
    differing = titles[titles.index("Set differently") + 1 :]
    assert len(differing) == 1
    assert sorted(cells(model, differing[0])) == ["32", "8"]
    assert window.docks["compare"].isVisible()
    assert sorted(chip.text() for chip in window.plots_dock.curves.legend.chips) == ["one", "two"]
    assert set(window.selection.chosen) == set(runs)


def test_the_best_of_one_method_is_marked_in_words_too(window: MainWindow, runs: list[str]) -> None:
    window.selection.compare(runs)
    model = window.compare_dock.model
    row = next(at for at, row in enumerate(model.rows) if row.title == "Loss")
    best = model.index(row, 2)
    assert best.data(Qt.ItemDataRole.FontRole).weight() == QFont.Weight.DemiBold
    assert best.data(Qt.ItemDataRole.AccessibleTextRole) == "1.50, the best"
    assert model.index(row, 1).data(Qt.ItemDataRole.FontRole) is None


def test_it_follows_what_goes_on(window: MainWindow, runs: list[str], bench: Bench, qtbot: QtBot) -> None:
    window.selection.compare(runs)
    bench.trainer(runs[0]).step(11, 1.0)
    qtbot.waitUntil(lambda: cells(window.compare_dock.model, "Loss") == ["1.00", "1.50"])


def test_it_is_copied_as_text_and_as_csv(window: MainWindow, runs: list[str]) -> None:
    window.selection.compare(runs)
    dock = window.compare_dock
    dock.text.click()
    text = QGuiApplication.clipboard().text()
    assert "one" in text.splitlines()[0]
    assert any(line.split() == ["Loss", "2.00", "1.50"] for line in text.splitlines())
    dock.csv.click()
    rows = list(csv.reader(QGuiApplication.clipboard().text().splitlines()))
    assert rows[0] == ["what", "one", "two"]
    assert ["Loss", "2.0", "1.5"] in rows


def test_a_deleted_run_is_compared_no_longer(
    window: MainWindow, runs: list[str], bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    third = start_run("three")
    window.selection.compare([*runs, third])
    assert window.compare_dock.model.columnCount() == 4
    window.compare_dock._run_removed(third)
    assert window.compare_dock.model.columnCount() == 3
    window.compare_dock._run_removed(runs[1])
    assert window.compare_dock.stack.currentIndex() == 0


def test_what_runs_were_made_of_is_said_in_words(
    window: MainWindow, bench: Bench, config: RunConfig, runs: list[str], qtbot: QtBot
) -> None:
    bare = bench.services.runs.start(config, name="bare", engine="process", at_once=True)
    bench.trainer(bare).hello()
    qtbot.waitUntil(lambda: bench.services.runs.get(bare).state == "running", timeout=60_000)
    window.selection.compare([runs[0], bare])
    model = window.compare_dock.model
    assert [row.title for row in model.rows].count("Made of something else") == 1
    assert cells(model, "Engine") == ["in a container", "without a container"]
