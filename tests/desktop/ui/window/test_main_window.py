"""The window itself: views and layouts, actions, the strip, notices, the doctor, and crashes."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import Check, GpuSample
from desktop.controllers.settings import Settings
from desktop.ui.machine.doctor_dialog import DoctorDialog
from desktop.ui.window.actions import DECLARED
from desktop.ui.window.command_palette import CommandPalette
from desktop.ui.window.crash_dialog import describe
from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.settings_dialog import SettingsDialog
from desktop.ui.window.shortcuts_dialog import ShortcutsDialog
from desktop.ui.window.views import LAYOUTS
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import RunConfig

GIB = 1024**3
CARD = GpuSample(0, "RTX 4090", 24 * GIB, int(7.4 * GIB), 93, 64, 312.0, 450.0, None)
SHOWN = {
    "setup": {"runs", "config"},
    "watch": {"runs", "gpus", "plots", "log", "samples", "tries"},
    "judge": {"runs", "chat"},
}


def shown_docks(window: MainWindow) -> set[str]:
    return {name for name, dock in window.docks.items() if dock.isVisible()}


@pytest.mark.parametrize(("key", "view"), [("1", "setup"), ("2", "watch"), ("3", "judge")])
def test_keys_arrange_the_docks(window: MainWindow, qtbot: QtBot, key: str, view: str) -> None:
    qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    assert window.views.current == view
    assert shown_docks(window) == SHOWN[view]
    assert window.tabs.tabData(window.tabs.currentIndex()) == view


def test_every_view_fits_a_small_screen(window: MainWindow, qtbot: QtBot) -> None:
    for view in LAYOUTS:
        window.views.show(view)
        window.resize(1280, 720)
        assert (window.width(), window.height()) == (1280, 720)
        for name in SHOWN[view]:
            assert window.docks[name].geometry().right() <= 1280


def test_a_failure_and_a_notice_fit_a_small_screen_too(window: MainWindow, bench: Bench) -> None:
    bench.services.notices.post("error", "It did not start.", "Look at the doctor, or at the log. " * 8)
    window.views.show("watch")
    window.plots_dock._stack.setCurrentIndex(1)
    window.plots_dock.failure.show_failure("The card is full.", "Lower Rows at once. " * 10, "line\n" * 40)
    window.plots_dock.failure.show_log.click()
    QApplication.processEvents()
    assert window.minimumSizeHint().width() <= 1280
    assert window.minimumSizeHint().height() <= 720
    assert (window.width(), window.height()) == (1280, 720)


def test_layout_is_remembered_and_reset(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    window.views.show("watch")
    window.docks["samples"].close()
    window.docks["gpus"].setFloating(True)
    window.close()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    again.show()
    qtbot.waitExposed(again)
    assert again.views.current == "watch"
    assert shown_docks(again) == SHOWN["watch"] - {"samples"}
    assert again.docks["gpus"].isFloating()
    # Of the size only the height tells: the offscreen screen is 800 wide, and Qt keeps a window on its screen.
    assert again.height() == 720
    again.actions_by_name["reset_layout"].trigger()
    assert shown_docks(again) == SHOWN["watch"]
    assert not again.docks["gpus"].isFloating()
    again.close()


def test_a_window_that_is_killed_comes_back_in_its_view(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    window.views.show("watch")
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    assert again.views.current == "watch"


def test_runs_are_compared_below_the_curves_in_a_layout_that_was_read_back_too(
    window: MainWindow, bench: Bench, qtbot: QtBot
) -> None:
    window.views.show("watch")
    window.close()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    again.show()
    qtbot.waitExposed(again)
    compare, curves = again.docks["compare"], again.docks["plots"]
    again.views.put_beside("compare", "log")
    qtbot.waitUntil(lambda: compare.geometry().left() == curves.geometry().left(), timeout=60_000)
    assert compare.geometry().top() > curves.geometry().bottom()
    again.close()


def test_each_view_keeps_its_own_layout(window: MainWindow) -> None:
    window.views.show("watch")
    window.docks["log"].close()
    window.views.show("judge")
    assert shown_docks(window) == SHOWN["judge"]
    window.views.show("watch")
    assert shown_docks(window) == SHOWN["watch"] - {"log"}


def test_a_damaged_layout_is_no_harm(bench: Bench, qtbot: QtBot) -> None:
    bench.services.settings.setValue("layout/2/setup", "nonsense")
    bench.services.settings.setValue("window/view", "elsewhere")
    bench.services.settings.setValue("window/geometry", "nonsense")
    window = MainWindow(bench.services)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    assert shown_docks(window) == SHOWN["setup"]


def test_no_key_does_two_things() -> None:
    keys = [declared.shortcut for declared in DECLARED if declared.shortcut]
    assert len(keys) == len(set(keys))
    assert len({declared.name for declared in DECLARED}) == len(DECLARED)


def test_every_action_does_something(window: MainWindow) -> None:
    for declared, action in window.actions_by_name.all():
        signal = "2toggled(bool)" if declared.name == "every_knob" else "2triggered(bool)"
        assert action.receivers(signal) > 0 or action.receivers("2triggered()") > 0, declared.name


def test_palette_finds_and_does(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_by_name["palette"].trigger()
    palette = next(made for made in window.findChildren(CommandPalette))
    qtbot.keyClicks(palette.search, "dark th")
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert window.theme.choice == "dark"
    assert window.theme.colours.name == "dark"


def test_find_goes_where_one_looks(window: MainWindow, qtbot: QtBot) -> None:
    for view, search in (("setup", window.config_dock.search), ("watch", window.log_dock.search)):
        window.views.show(view)  # type: ignore[arg-type]
        if view == "watch":
            window.log_dock.table.setFocus()
        window.begin_search()
        qtbot.waitUntil(search.hasFocus)


def test_strip_tells_the_truth(window: MainWindow, bench: Bench) -> None:
    hardware = bench.services.hardware
    hardware.sampled.emit([])
    assert window.strip.gpus.text() == "No GPU: training on CPU"
    assert "No NVIDIA GPU" in window.gpus_dock.absent.text()
    window.views.show("watch")
    hardware.history.append((1.0, [CARD]))
    hardware.samples = [CARD]
    hardware.sampled.emit([CARD])
    assert window.strip.gpus.text() == "GPU 7.4 of 24 GB"
    card = window.gpus_dock.cards[0]
    assert (card.load.text(), card.memory.whole_text()) == ("93 %", "7.4 of 24 GB")
    assert card.words.whole_text() == "64 °C · 312 of 450 W"
    hardware.engine_checked.emit(Check("Docker", "fail", "It does not answer.", "Start it."))
    assert window.strip.engine.text() == "No Docker engine"
    assert "It does not answer." in window.strip.engine.toolTip()


def test_offline_is_one_switch_for_everything(window: MainWindow, bench: Bench, config: RunConfig) -> None:
    dock, choices = window.config_dock, bench.services.choices
    dock.form.set_config(config)
    assert "no network" not in dock.panel.lines.text()
    window.strip.offline.click()
    assert choices.is_offline
    assert window.strip.offline.text() == "Offline"
    assert "no network" in dock.panel.lines.text()
    assert not dock.form.fields["offline"].editor.isEnabled()
    assert "Tunedeck is offline" in dock.form.fields["offline"].help.text()
    assert dock.form.values()["offline"] is False
    Settings(bench.store).set_offline(False)  # as the command line does it beside the window
    choices.look()
    assert window.strip.offline.text() == "Online"
    assert dock.form.fields["offline"].editor.isEnabled()
    assert "no network" not in dock.panel.lines.text()


def test_a_token_is_kept_and_forgotten_without_being_shown(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    token = "hf_" + "t" * 34
    window.actions_by_name["settings"].trigger()
    (dialog,) = window.findChildren(SettingsDialog)
    (section,) = dialog.tokens
    qtbot.waitUntil(lambda: "no token" in section.state.text())
    assert section.field.echoMode() == QLineEdit.EchoMode.Password
    assert not section.keep.isEnabled()
    qtbot.keyClicks(section.field, token)
    with qtbot.waitSignal(bench.services.secrets.changed):
        section.keep.click()
    assert "session only" in section.state.text()
    assert section.field.text() == ""
    assert bench.services.secrets.store.token("hub") == token
    assert token not in describe(RuntimeError(f"with {token} in it"))
    with qtbot.waitSignal(bench.services.secrets.changed):
        section.forget.click()
    assert "no token" in section.state.text()
    section.field.setText("two words")
    section.keep.click()
    qtbot.waitUntil(section.problem.isVisible)
    assert "not a token" in section.problem.text()
    dialog.network.offline.click()
    assert window.strip.offline.text() == "Offline"
    dialog.close()


def test_doctor_shows_every_check_in_words(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bench.services.hardware.checked):
        window.strip.engine.click()
    (dialog,) = window.findChildren(DoctorDialog)
    said = {made.text() for made in dialog.findChildren(QLabel)}
    for check in bench.doctor.checks:
        assert {check.name, check.detail} <= said
    assert {"fine", "look at this", "not there", "broken"} <= said
    # What is no command cannot be pasted into a terminal.
    names = {made.accessibleName() for made in dialog.findChildren(QAbstractButton)}
    assert not names & {"Copy the fix: Disk", "Copy the command: Disk"}
    dialog.close()


def test_notices_wait_to_be_read(window: MainWindow, bench: Bench) -> None:
    notices, bar = bench.services.notices, window.bar
    assert bar.is_empty
    notices.post("warning", "The disk is filling up.", "Free some space.")
    notices.post("error", "It did not start.", "Look at the doctor.")
    assert bar.sentence.whole_text() == "It did not start."
    assert bar.hint.whole_text() == "Look at the doctor."
    assert bar.more.text() == "and 1 more"
    bar.dismiss()
    assert bar.sentence.whole_text() == "The disk is filling up."
    bar.dismiss()
    assert bar.is_empty
    assert not bar.content.isVisible()


def test_a_crash_shows_its_report(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    bench.services.jobs.run("pool", lambda: 1 / 0)
    qtbot.waitUntil(lambda: window.crashes.dialog is not None)
    dialog = window.crashes.dialog
    assert dialog is not None
    assert "ZeroDivisionError" in dialog.report.toPlainText()
    assert "PySide6" in dialog.report.toPlainText()
    dialog.copy()
    assert "ZeroDivisionError" in QGuiApplication.clipboard().text()
    dialog.accept()
    assert window.crashes.dialog is None


def test_the_exception_hook_shows_the_same(
    window: MainWindow, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    restore = window.crashes.install()
    try:
        error = ValueError("oh")
        sys.excepthook(ValueError, error, None)
    finally:
        restore()
    assert window.crashes.dialog is not None
    assert "ValueError: oh" in window.crashes.dialog.report.toPlainText()
    assert "ValueError: oh" in capsys.readouterr().err
    window.crashes.dialog.accept()


def test_whatever_can_be_pressed_or_filled_has_a_name(window: MainWindow) -> None:
    for view in LAYOUTS:
        window.views.show(view)
        for made in window.findChildren(QAbstractButton):
            # Qt's own: dock title buttons, the corner of a table, arrows of the tab bar.
            if not made.isVisible():
                continue
            if made.objectName().startswith("qt_") or type(made) is QAbstractButton or made.parent() is window.tabs:
                continue
            assert made.text().strip() or made.accessibleName(), made
            assert not (len(made.text().strip()) == 1 and not made.accessibleName()), made.text()
        for edit in window.findChildren(QLineEdit):
            if edit.objectName() != "qt_spinbox_lineedit":
                assert edit.accessibleName(), edit


def test_shortcuts_are_listed(window: MainWindow) -> None:
    window.actions_by_name["shortcuts"].trigger()
    (dialog,) = window.findChildren(ShortcutsDialog)
    said = {made.text() for made in dialog.findChildren(QLabel)}
    assert "Ctrl+K" in said
    assert "Start" in said
    dialog.close()


def test_the_window_closes_without_a_trace(window: MainWindow) -> None:
    window.close()
    QApplication.processEvents()
    assert not window.isVisible()
