"""The first start: what the window says of the machine, where it leads, and that it gets out of the way."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import Check
from desktop.controllers.notices import Notice
from desktop.engine.gpus import GpuSample
from desktop.ui.machine.doctor_dialog import DoctorDialog
from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.welcome import Welcome
from tests.desktop.ui.setup.test_presets import CARDS, WAIT_MS
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import Problem


@pytest.fixture
def card(window: MainWindow) -> Welcome:
    return window.config_dock.panel.welcome


def shown_dialogs() -> list[DoctorDialog]:
    return [found for found in QApplication.topLevelWidgets() if isinstance(found, DoctorDialog) and found.isVisible()]


def test_the_four_steps_are_in_sight_in_a_small_window(window: MainWindow, qtbot: QtBot) -> None:
    steps = window.config_dock.steps
    qtbot.waitUntil(lambda: steps.viewport().height() > 400)
    qtbot.wait(50)
    bottom = steps.presets.mapTo(steps.viewport(), QPoint(0, steps.presets.height())).y()
    assert 0 < bottom <= steps.viewport().height()
    assert not steps.model.pages.isVisible()
    qtbot.mouseClick(steps.model.tabs[0], Qt.MouseButton.LeftButton)
    assert steps.model.starting_points.isVisible()
    assert steps.model.starting_points.table.rows.rows
    qtbot.mouseClick(steps.model.done, Qt.MouseButton.LeftButton)
    assert not steps.model.pages.isVisible()


def test_a_tall_window_has_the_good_starts_open(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1920, 1200)
    starts = window.config_dock.steps.model.starting_points
    qtbot.waitUntil(lambda: starts.isVisible() and bool(starts.table.rows.rows))


def test_while_a_name_is_typed_its_field_stays(window: MainWindow, qtbot: QtBot) -> None:
    model = window.config_dock.steps.model
    editor = window.config_dock.form.fields["model"].editor
    qtbot.keyClicks(editor, "maker/small")
    window.config_dock.form.check_now()
    assert editor.isVisible()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert not editor.isVisible()
    assert model.title.isVisible()


def test_it_says_what_is_there(card: Welcome, bench: Bench, qtbot: QtBot) -> None:
    hardware = bench.services.hardware
    with qtbot.waitSignal(bench.services.images.listed):
        hardware.engine_checked.emit(Check("engine", "ok", "Docker 28.3.2 answers."))
    assert card.engine.whole_words() == "Docker 28.3 answers"
    assert card.image.whole_words() == "Trainer image: ready"
    assert "No graphics card" in card.cards.whole_words()
    hardware.sampled.emit(list[GpuSample](CARDS))
    assert card.cards.whole_words() == "2 × GeForce RTX 3060, 24 GB"
    assert card.cards.accessibleName().endswith("(fine)")


def test_an_old_image_is_no_ready_one(card: Welcome, bench: Bench, qtbot: QtBot) -> None:
    bench.image.there = [bench.image.there[1]]
    bench.image.use(bench.image.there[0].tag)
    with qtbot.waitSignal(bench.services.images.listed):
        bench.services.images.refresh()
    assert "old" in card.image.whole_words()
    bench.image.there = []
    with qtbot.waitSignal(bench.services.images.listed):
        bench.services.images.refresh()
    assert "the first start builds it" in card.image.whole_words()


def test_without_docker_it_says_what_happens_then(card: Welcome, bench: Bench) -> None:
    bench.services.hardware.engine_checked.emit(Check("engine", "fail", "No engine answers.", "Start Docker."))
    assert "without a container" in card.engine.whole_words()
    assert "Start Docker." in card.engine.toolTip()
    assert card.image.isHidden()


def test_no_line_widens_the_card(card: Welcome, window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    bench.services.hardware.engine_checked.emit(Check("engine", "ok", "Docker 28.3.2 answers."))
    before = card.minimumSizeHint().width()
    long = " and ".join(["Trainer image: much too old"] * 9)
    card.image.set_words(long, "More of it.")
    assert card.minimumSizeHint().width() == before
    qtbot.waitUntil(lambda: card.image.text().endswith("…"))
    assert card.image.toolTip() == f"{long}\nMore of it."
    assert card.image.accessibleName() == long


def test_a_long_problem_leaves_the_panel_its_width(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.config_dock.panel
    width = panel.width()
    sentence = "This file holds rows that could be meant in several ways " * 4
    panel.show_config(None, [Problem("dataset", sentence)])
    qtbot.waitUntil(lambda: panel.problems.links[0].text().endswith("…"))
    assert panel.width() == width
    assert panel.missing() == [f"→ {sentence.rstrip('.')}"]
    assert sentence in panel.problems.links[0].toolTip()


@pytest.mark.parametrize(("line", "check"), [("engine", "engine"), ("cards", "gpus"), ("image", "image")])
def test_each_line_leads_to_the_doctor(card: Welcome, qtbot: QtBot, line: str, check: str) -> None:
    with qtbot.waitSignal(card.doctor_requested) as asked:
        qtbot.mouseClick(getattr(card, line), Qt.MouseButton.LeftButton)
    assert asked.args == [check]
    (dialog,) = shown_dialogs()
    dialog.close()


def test_a_file_can_be_chosen_there(
    card: Welcome, window: MainWindow, bench: Bench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(bench.dataset), ""))
    qtbot.mouseClick(card.choose, Qt.MouseButton.LeftButton)
    assert window.config_dock.form.values()["dataset"] == str(bench.dataset)


def test_the_example_says_how_far_it_is_and_can_be_cancelled(
    card: Welcome, window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    line, lower, posted = card.preparing, window.config_dock.panel.example, list[Notice]()
    bench.services.notices.posted.connect(posted.append)
    assert not line.isVisible()
    bench.example.gate.clear()
    qtbot.mouseClick(card.example, Qt.MouseButton.LeftButton)
    assert line.isVisible()
    assert line.bar.maximum() == 0
    assert not card.example.isEnabled()
    qtbot.waitUntil(lambda: line.bar.maximum() > 0, timeout=WAIT_MS)
    assert line.bar.value() / line.bar.maximum() == 0.25
    wanted = "Fetching the model · 60 MB of 240 MB at 3 MB/s, 60 s left to fetch · "
    assert line.says.text().startswith(wanted)
    assert line.says.text().endswith(" so far")
    # One line says so: with the first steps gone it is the one above the start.
    assert not lower.isVisible()
    window.config_dock.panel.show_welcome(False)
    assert lower.isVisible()
    window.config_dock.panel.show_welcome(True)
    qtbot.mouseClick(line.cancel, Qt.MouseButton.LeftButton)
    assert not line.isVisible()
    assert card.example.isEnabled()
    assert posted == []
    assert bench.services.runs.all() == []
    # The next try begins anew, and this one comes to a run.
    bench.example.gate.set()
    with qtbot.waitSignal(bench.services.runs.run_added):
        qtbot.mouseClick(card.example, Qt.MouseButton.LeftButton)
    assert not line.isVisible()


def test_a_closed_doctor_hears_nothing_more(card: Welcome, window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bench.services.hardware.checked):
        window.open_doctor("engine")
    (dialog,) = shown_dialogs()
    dialog.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shown_dialogs()
    bench.services.setup.changed.emit("docker")
    bench.services.images.busy_changed.emit(False)


def test_rows_that_wait_for_a_choice_are_named_beside_the_start(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text('{"question": "How deep?", "answer": "Deep."}\n{"question": "How far?", "answer": ""}\n')
    dock = window.config_dock
    dock.set_dataset(str(file))
    qtbot.waitUntil(lambda: dock.panel.dataset.report is not None)
    leave_out = dock.panel.dataset.choice.leave_out
    qtbot.waitUntil(lambda: "→ 1 row cannot be used" in dock.panel.missing() and leave_out.isVisible())
    leave_out.click()
    dock.form.check_now()
    qtbot.waitUntil(lambda: not any("cannot be used" in line for line in dock.panel.missing()))
