"""How strongly is smoothed: by the length of the run, until somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from desktop.ui.charts.curve_controls import CurveControls


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings"), QSettings.Format.IniFormat)


def controls_of(qtbot: QtBot, settings: QSettings) -> CurveControls:
    made = CurveControls(settings)
    qtbot.addWidget(made)
    return made


def test_the_slider_says_what_the_length_of_the_run_asks_for(qtbot: QtBot, settings: QSettings) -> None:
    controls = controls_of(qtbot, settings)
    assert controls.look.smoothing is None
    controls.show_automatic(0.5)
    assert controls.smoothing.value() == 50
    assert controls.percent.text() == "auto 0.50"
    assert controls.look.smoothing is None  # that was no wish of anybody
    assert controls_of(qtbot, settings).look.smoothing is None


def test_a_slider_that_was_moved_stays_where_it_is(qtbot: QtBot, settings: QSettings) -> None:
    controls = controls_of(qtbot, settings)
    controls.show_automatic(0.5)
    with qtbot.waitSignal(controls.look_changed):
        controls.smoothing.setValue(70)
    assert controls.look.smoothing == 0.7
    controls.show_automatic(0.85)
    assert (controls.smoothing.value(), controls.percent.text()) == (70, "0.70")
    assert not controls.automatic.isChecked()
    assert controls_of(qtbot, settings).look.smoothing == 0.7


def test_the_length_of_the_run_can_decide_again(qtbot: QtBot, settings: QSettings) -> None:
    controls = controls_of(qtbot, settings)
    controls.smoothing.setValue(0)
    with qtbot.waitSignal(controls.look_changed):
        controls.automatic.trigger()
    assert controls.look.smoothing is None
    assert controls_of(qtbot, settings).look.smoothing is None
    with qtbot.waitSignal(controls.look_changed):
        controls.automatic.trigger()
    assert controls_of(qtbot, settings).look.smoothing == controls.smoothing.value() / 100
