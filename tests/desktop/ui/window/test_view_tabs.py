"""Docks that share a place have tabs, and those tabs leave with their docks."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabBar
from pytestqt.qtbot import QtBot

from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench


def shown_tabs(window: MainWindow) -> list[list[str]]:
    bars = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return [[bar.tabText(number) for number in range(bar.count())] for bar in bars if bar.isVisible()]


def test_the_tabs_of_a_view_are_not_left_over_the_next_one(
    window: MainWindow, bench: Bench, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    start_run(sample_prompts=("Who are you?",))
    window.actions_by_name["view_watch"].trigger()
    qtbot.waitUntil(lambda: ["Log", "Samples", "Tries"] in shown_tabs(window))
    window.close()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    again.show()
    qtbot.waitExposed(again)
    for _ in range(2):
        again.actions_by_name["view_watch"].trigger()
        qtbot.waitUntil(lambda: shown_tabs(again) == [["Log", "Samples", "Tries"]])
        for view in ("setup", "judge"):
            again.actions_by_name[f"view_{view}"].trigger()
            qtbot.waitUntil(lambda: not shown_tabs(again))
