"""With the keyboard alone: Tab goes through the form as it is read, also to what appeared later."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import Problem

WAIT_MS = 60_000
MOST_STEPS = 80


def focused() -> QWidget:
    found: QWidget | None = QApplication.focusWidget()
    assert found is not None
    return found


def walk(start: QWidget, end: QWidget, qtbot: QtBot) -> list[QWidget]:
    """Press Tab from one widget to another, and return what the focus was on, both with it."""
    start.setFocus()
    seen = [focused()]
    for _ in range(MOST_STEPS):
        if seen[-1] is end:
            return seen
        qtbot.keyClick(seen[-1], Qt.Key.Key_Tab)
        seen.append(focused())
    names = [widget.accessibleName() or type(widget).__name__ for widget in seen]
    raise AssertionError(f"Tab never came to {end.accessibleName()}: {names}")


def show(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)


def test_what_is_missing_comes_right_before_the_start(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot)
    dock = window.config_dock
    panel, fields = dock.panel, dock.form.fields
    qtbot.waitUntil(lambda: len(panel.missing()) == 2, timeout=WAIT_MS)
    seen = walk(fields["model"].editor, panel.start, qtbot)
    assert seen[-3:] == [*panel.problems.links[:2], panel.start]
    assert seen.index(fields["model"].editor) < seen.index(fields["dataset"].editor) < seen.index(panel.welcome.example)
    assert panel.problems.links[0].accessibleName() == "Model is missing. Go to it"
    # Back from the button that does not start, and on to what is missing.
    qtbot.keyClick(panel.start, Qt.Key.Key_Backtab)
    assert focused() is panel.problems.links[1]
    qtbot.keyClick(focused(), Qt.Key.Key_Space)
    assert focused() is fields["dataset"].editor


def test_a_link_keeps_the_focus_while_others_come_and_go(window: MainWindow, qtbot: QtBot) -> None:
    show(window, qtbot)
    panel = window.config_dock.panel
    qtbot.waitUntil(lambda: len(panel.missing()) == 2, timeout=WAIT_MS)
    first = panel.problems.links[0]
    first.setFocus()
    panel.show_config(None, [Problem("model", "Model is wrong."), *[Problem("seed", f"No {n}.") for n in range(4)]])
    assert panel.missing() == ["→ Model is wrong", "→ No 0", "→ No 1"]
    assert panel.problems.more.text() == "and 2 more"
    assert focused() is first
    panel.show_config(None, [])
    assert not panel.problems.isVisible()


def test_what_is_said_of_a_model_comes_before_the_data(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    show(window, qtbot)
    dock = window.config_dock
    model, dataset = dock.steps.model, dock.form.fields["dataset"].editor
    bench.services.choices.set_offline(True)
    model.pick("maker/chat")

    def go_online() -> list[QWidget]:
        return [one for one in model.findChildren(QWidget) if getattr(one, "text", str)() == "Go online"]

    qtbot.waitUntil(lambda: any(one.isVisible() for one in go_online()), timeout=WAIT_MS)
    seen = walk(model.change, dataset, qtbot)
    (button,) = (one for one in go_online() if one.isVisible())
    assert button in seen
