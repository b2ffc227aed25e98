"""The queue in the window: shown only while something waits, moved and stopped by clicking."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.core.run import RunState
from desktop.ui.main_window import MainWindow
from desktop.ui.queue_panel import QueuePanel
from desktop.ui.trouble_settings import TroubleSection
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import RunConfig


@pytest.fixture
def panel(window: MainWindow) -> QueuePanel:
    return window.runs_dock.queue


@pytest.fixture
def add(bench: Bench, config: RunConfig) -> Callable[[str], str]:
    return lambda name: bench.services.runs.start(config, name=name)


def shown(panel: QueuePanel) -> list[str]:
    return [panel.list.item(row).text() for row in range(panel.list.count())]


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
    panel.take_out.click()
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
    panel.after_failure.setCurrentIndex(1)
    panel.after_failure.activated.emit(1)
    assert bench.services.runs.queue.after_failure == "stop"


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
