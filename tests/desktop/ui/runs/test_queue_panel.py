"""The queue in the window: shown only while something waits, moved and stopped by clicking."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from desktop.core.run import RunState
from desktop.ui.runs.queue_panel import QueuePanel
from desktop.ui.runs.selection import Selection
from desktop.ui.setup.start_time import StartTimeDialog
from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.trouble_settings import TroubleSection
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import RunConfig

LONG_MS = 60_000


@pytest.fixture
def panel(window: MainWindow) -> QueuePanel:
    return window.runs_dock.queue


@pytest.fixture
def add(bench: Bench, config: RunConfig) -> Callable[[str], str]:
    return lambda name: bench.services.runs.start(config, name=name)


def shown(panel: QueuePanel) -> list[str]:
    return [panel.list.item(row).text() for row in range(panel.list.count())]


def entry(panel: QueuePanel, *words: str) -> QAction:
    """Return what stands under these words in the menu of the queue."""
    menu = panel.make_menu()
    for word in words:
        action = next(action for action in menu.actions() if action.text() == word)
        menu = action.menu() if isinstance(action.menu(), QMenu) else menu
    return action


def asked_for_time(window: MainWindow) -> StartTimeDialog:
    return next(one for one in window.findChildren(StartTimeDialog) if one.isVisible())


def click(qtbot: QtBot, panel: QueuePanel, row: int, button: int) -> None:
    panel.list.setCurrentRow(row)
    qtbot.mouseClick(panel.moves[button], Qt.MouseButton.LeftButton)


def test_it_is_there_only_while_something_waits(
    bench: Bench, window: MainWindow, panel: QueuePanel, add: Callable[[str], str]
) -> None:
    window.views.show("watch")
    assert panel.isHidden()
    add("A")
    assert panel.isHidden()
    second = add("B")
    assert not panel.isHidden()
    assert panel.title.text() == "Queue: 1"
    assert shown(panel) == ["1  B\n     waits for A"]
    panel.list.setCurrentRow(0)
    entry(panel, "Take out of the queue").trigger()
    assert panel.isHidden()
    run = bench.services.runs.get(second)
    assert run is not None
    assert run.state is RunState.CANCELLED


def test_start_says_what_it_would_wait_for(
    window: MainWindow, config: RunConfig, add: Callable[[str], str], qtbot: QtBot
) -> None:
    window.config_dock.form.set_config(config)
    state = window.config_dock.panel.state
    assert state.text() == ""
    add("A")
    qtbot.waitUntil(lambda: state.text() == "Start adds it to the queue: it waits for A.")


def test_runs_are_moved_and_the_chosen_one_stays_chosen(
    window: MainWindow, panel: QueuePanel, add: Callable[[str], str], qtbot: QtBot
) -> None:
    window.views.show("watch")
    for name in "ABCD":
        add(name)
    first, up, down = range(3)
    click(qtbot, panel, 2, first)
    assert [line.split()[1] for line in shown(panel)] == ["D", "B", "C"]
    assert panel.list.currentRow() == 0
    assert [one.isEnabled() for one in panel.moves] == [False, False, True]
    click(qtbot, panel, 0, down)
    click(qtbot, panel, 2, up)
    assert [line.split()[1] for line in shown(panel)] == ["B", "C", "D"]


def test_the_queue_is_stopped_and_goes_on(
    bench: Bench, window: MainWindow, panel: QueuePanel, add: Callable[[str], str], qtbot: QtBot
) -> None:
    add("A")
    add("B")
    panel.switch.click()
    assert (panel.state.whole_text(), panel.switch.text()) == ("stopped", "Go on")
    qtbot.waitUntil(lambda: "the queue is stopped" in shown(panel)[0])
    panel.switch.click()
    assert panel.switch.text() == "Stop"
    assert entry(panel, "If a run fails", "Start the next").isChecked()
    entry(panel, "If a run fails", "Stop the queue").trigger()
    assert bench.services.runs.queue.after_failure == "stop"
    assert panel.state.whole_text() == "stops after a failure"


def test_a_run_of_the_form_is_started_later(
    bench: Bench, window: MainWindow, panel: QueuePanel, config: RunConfig, qtbot: QtBot
) -> None:
    window.config_dock.form.set_config(config)
    qtbot.mouseClick(window.config_dock.panel.later, Qt.MouseButton.LeftButton)
    dialog = asked_for_time(window)
    when = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    dialog.show_moment(datetime.now(UTC) - timedelta(minutes=1))
    assert not dialog.keep.isEnabled()
    assert dialog.sentence.text().startswith("That moment has passed")
    dialog.show_moment(when)
    assert dialog.keep.text() == f"Start on {when.astimezone():%d %b at %H:%M}"
    qtbot.mouseClick(dialog.keep, Qt.MouseButton.LeftButton)
    (run,) = bench.services.runs.all()
    assert (run.state, run.not_before) == (RunState.WAITING, when)
    assert not panel.isHidden()
    assert "starts on " in shown(panel)[0]


def test_the_hour_is_not_asked_for_a_form_that_cannot_start(window: MainWindow) -> None:
    window.actions_by_name["start_later"].trigger()
    assert not window.findChildren(StartTimeDialog)


def test_a_run_that_waits_gets_another_hour_and_none_again(
    bench: Bench, window: MainWindow, panel: QueuePanel, add: Callable[[str], str], qtbot: QtBot
) -> None:
    add("A")
    second = add("B")
    panel.list.setCurrentRow(0)
    entry(panel, "Start at…").trigger()
    dialog = asked_for_time(window)
    assert dialog.at_once.isHidden()
    for choice in dialog.quick:
        choice.click()
        assert dialog.moment() > datetime.now(UTC)
    dialog.keep.click()
    run = bench.services.runs.get(second)
    assert run is not None
    assert run.not_before == dialog.moment()
    assert "starts on " in shown(panel)[0]
    qtbot.waitUntil(lambda: not any(one.isVisible() for one in window.findChildren(StartTimeDialog)), timeout=LONG_MS)
    entry(panel, "Start at…").trigger()
    asked_for_time(window).at_once.click()
    assert shown(panel) == ["1  B\n     waits for A"]


@pytest.fixture
def two_cards(tmp_path: Path, qtbot: QtBot) -> Iterator[Bench]:
    made = make_bench(tmp_path / "two", gpus=(0, 1))
    made.services.runs.load()
    yield made
    made.close()


def test_a_run_that_waits_is_moved_to_the_free_card(two_cards: Bench, qtbot: QtBot) -> None:
    services = two_cards.services
    panel = QueuePanel(services.runs, services.notices, Selection())
    qtbot.addWidget(panel)
    one_card = RunConfig(model=str(two_cards.model), dataset=str(two_cards.dataset), gpus=(0,))
    services.runs.start(one_card, name="A")
    second = services.runs.start(one_card.model_copy(update={"gpus": None}), name="B")
    assert shown(panel) == ["1  B\n     both cards · waits for A (GPU 0)"]
    panel.list.setCurrentRow(0)
    assert entry(panel, "Run on", "Both cards").isChecked()
    entry(panel, "Run on", "GPU 0").trigger()
    assert shown(panel) == ["1  B\n     GPU 0 · waits for A (GPU 0)"]
    panel.list.setCurrentRow(0)
    entry(panel, "Run on", "GPU 1").trigger()
    qtbot.waitUntil(lambda: second in two_cards.engine.bodies, timeout=LONG_MS)
    assert two_cards.engine.started[-1].gpus == (1,)
    assert json.loads((two_cards.home.runs / second / "config.json").read_text())["gpus"] == [1]
    assert panel.isHidden()


def test_a_run_is_started_beside_the_others(
    bench: Bench, panel: QueuePanel, add: Callable[[str], str], qtbot: QtBot
) -> None:
    add("A")
    second = add("B")
    panel.list.setCurrentRow(0)
    panel.start_now.click()
    qtbot.waitUntil(lambda: second in bench.engine.bodies)
    assert panel.isHidden()


def test_what_is_done_about_trouble_is_chosen_in_the_settings(bench: Bench, qtbot: QtBot) -> None:
    services = bench.services
    section = TroubleSection(services.troubles, services.runs.queue)
    qtbot.addWidget(section)
    assert {name: box.currentText() for name, box in section.choices.items()} == {
        "stall": "say it",
        "heat": "say it",
        "queue": "start the next",
    }
    for name, place in (("stall", 1), ("heat", 2), ("queue", 1)):
        section.choices[name].setCurrentIndex(place)
        section.choices[name].activated.emit(place)
    assert (services.troubles.reaction("stall"), services.troubles.reaction("heat")) == ("pause", "stop")
    assert services.runs.queue.after_failure == "stop"
