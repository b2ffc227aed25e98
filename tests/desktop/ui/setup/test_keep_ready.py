"""The choice to keep a trainer ready, and the form that says for what."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.settings_dialog import SettingsDialog
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import RunConfig, RunFolder

WAIT_MS = 60_000


def test_start_takes_the_trainer_that_was_made_ready_for_the_form(
    window: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot
) -> None:
    keep = bench.services.keep_ready
    window.config_dock.form.set_config(config)
    dialog = SettingsDialog(bench.services, window)
    qtbot.addWidget(dialog)
    assert not dialog.trainer.keep.isChecked()
    dialog.trainer.keep.click()
    qtbot.waitUntil(lambda: keep.run_id in bench.engine.bodies, timeout=WAIT_MS)
    run_id = keep.run_id
    RunFolder(bench.home.runs / str(run_id)).log.touch()
    assert window.runs_dock.model.rowCount() == 0
    qtbot.mouseClick(window.config_dock.panel.start, Qt.MouseButton.LeftButton)
    (run,) = bench.services.runs.all()
    assert (run.id, run.config) == (run_id, config)
    assert keep.run_id is None


def test_the_choice_is_kept_and_ends_what_stands_ready(
    window: MainWindow, bench: Bench, config: RunConfig, qtbot: QtBot
) -> None:
    keep = bench.services.keep_ready
    keep.choose(True)
    window.config_dock.form.set_config(config)
    qtbot.waitUntil(lambda: keep.run_id in bench.engine.bodies, timeout=WAIT_MS)
    dialog = SettingsDialog(bench.services, window)
    qtbot.addWidget(dialog)
    assert dialog.trainer.keep.isChecked()
    dialog.trainer.keep.click()
    assert keep.run_id is None
    assert not keep.is_wanted
    qtbot.waitUntil(lambda: list(bench.home.runs.iterdir()) == [], timeout=WAIT_MS)
