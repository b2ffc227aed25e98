"""A screen of 1280 x 720 is enough: no sentence, name or change of view makes the window wider, and the guide fits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.views import ROOM_FOR_NO_RUNS
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import RunConfig

SMALL = (1280, 720)
LONG = "a-name-with-every-knob-in-it-lr2e-4-r64-alpha128-length4096-" * 3
WAIT_MS = 60_000
SLACK = 16
"""Qt shares widths out with what it needs between docks."""


def size_of(window: MainWindow) -> tuple[int, int]:
    return (window.width(), window.height())


def test_long_notices_and_names_make_no_window_wider(
    window: MainWindow, bench: Bench, config: RunConfig, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    start_run(f"{LONG} first")
    later = datetime.now(UTC) + timedelta(hours=30)
    for number in range(4):
        bench.services.runs.start(config, name=f"{LONG} {number}", engine="docker", not_before=later)
    qtbot.waitUntil(window.runs_dock.queue.isVisible, timeout=WAIT_MS)
    bench.services.notices.post("error", f"{LONG} did not start.", "Look at the doctor, or at the log. " * 8)
    for view in ("watch", "judge", "setup"):
        window.views.show(view)
        qtbot.wait(50)
        assert window.minimumSizeHint().width() <= SMALL[0], view
        assert size_of(window) == SMALL, view
    assert window.docks["config"].geometry().right() <= SMALL[0]


def test_a_notice_has_its_hint_beside_or_below(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    notices, bar = bench.services.notices, window.bar
    notices.post("warning", "The disk is filling up.", "Free some space.")
    qtbot.waitUntil(lambda: bar.hint.x() > bar.sentence.x() and bar.hint.y() == bar.sentence.y(), timeout=WAIT_MS)
    notices.post("warning", "The disk is filling up. " * 12, "Free some space.")
    qtbot.waitUntil(lambda: bar.hint.y() > bar.sentence.y(), timeout=WAIT_MS)
    assert bar.hint.text() == "Free some space."
    assert bar.sentence.text().endswith("…")
    assert bar.sentence.toolTip() == bar.sentence.whole_text()


def test_the_runs_have_their_width_once_there_is_one(
    window: MainWindow, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    runs = window.docks["runs"]
    qtbot.waitUntil(lambda: runs.width() <= ROOM_FOR_NO_RUNS + SLACK, timeout=WAIT_MS)
    start_run()
    qtbot.waitUntil(lambda: runs.width() >= 300, timeout=WAIT_MS)
    window.resizeDocks([runs, window.docks["config"]], [500, 700], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: runs.width() > 450, timeout=WAIT_MS)
    start_run("second")
    qtbot.wait(50)
    assert runs.width() > 450, "what the user has chosen stays"


def test_the_whole_guide_can_be_seen(
    window: MainWindow, bench: Bench, config: RunConfig, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    steps, guide = window.config_dock.steps, window.config_dock.steps.guide
    window.config_dock.form.set_config(config)

    def is_seen(part: QWidget) -> bool:
        top = part.mapTo(steps.viewport(), QPoint()).y()
        return top >= 0 and top + part.height() <= steps.viewport().height()

    for has_runs in (False, True):
        if has_runs:
            start_run()
            qtbot.waitUntil(lambda: window.docks["runs"].width() >= 300, timeout=WAIT_MS)
        steps.verticalScrollBar().setValue(0)
        steps.guide_button.click()
        for goal in guide.goals.buttons:
            goal.click()
            parts = (guide.goals, guide.ways, guide.outcome, guide.fill)
            qtbot.waitUntil(lambda parts=parts: all(is_seen(part) for part in parts), timeout=WAIT_MS)
        guide.closed.emit()
    assert size_of(window) == SMALL
