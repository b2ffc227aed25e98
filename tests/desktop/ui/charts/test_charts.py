"""A chart is zoomed, pushed and read; what is drawn is what was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui import words
from desktop.ui.charts.chart import Chart, Curve
from desktop.ui.charts.marks import PinnedPoint
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.theme import Theme

CURVES = (Curve("raw", "faint"), Curve("smoothed"), Curve("evaluation", "points", 1), Curve("checkpoint", "marks"))


@pytest.fixture
def theme(qtbot: QtBot, tmp_path: Path) -> Theme:
    return Theme(QSettings(str(tmp_path / "settings"), QSettings.Format.IniFormat))


@pytest.fixture
def chart(qtbot: QtBot, theme: Theme) -> Chart:
    made = Chart("Loss", CURVES, theme, words.loss)
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show()
    qtbot.waitExposed(made)
    made.show_curve("raw", np.arange(1000.0), np.linspace(4, 1, 1000))
    made.draw()
    return made


def wheel(
    chart: Chart, notches: int, share: float = 0.5, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    viewport: QWidget = chart.plot.viewport()
    box = chart.view.sceneBoundingRect()
    place = QPointF(chart.plot.mapFromScene(QPointF(box.left() + share * box.width(), box.center().y())))
    event = QWheelEvent(
        place, QPointF(viewport.mapToGlobal(place.toPoint())), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, keys, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(viewport, event)


def drag(chart: Chart, qtbot: QtBot, one: tuple[float, float], other: tuple[float, float]) -> None:
    viewport: QWidget = chart.plot.viewport()
    box = chart.view.sceneBoundingRect()
    begin, end = (
        chart.plot.mapFromScene(QPointF(box.left() + x * box.width(), box.top() + y * box.height()))
        for x, y in (one, other)
    )
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=begin)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(viewport, begin + (end - begin) * share)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)


def shown(chart: Chart) -> tuple[float, float]:
    left, right = chart.view.viewRange()[0]
    return left, right


def test_the_crosshair_stays_below_a_pointer_that_stands_still_while_the_run_goes_on(
    chart: Chart, qtbot: QtBot
) -> None:
    heard: list[float | None] = []
    chart.hovered.connect(heard.append)
    box = chart.view.sceneBoundingRect()
    chart.plot.scene().sigMouseMoved.emit(QPointF(box.left() + 0.5 * box.width(), box.center().y()))
    assert heard == [pytest.approx(499.5, abs=5)]
    chart.show_curve("raw", np.arange(2000.0), np.linspace(4, 1, 2000), same=1000)
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=60_000)
    assert heard[1] == pytest.approx(999.5, abs=10)
    chart.plot.scene().sigMouseMoved.emit(QPointF(box.left() - 50, box.center().y()))
    chart.show_curve("raw", np.arange(3000.0), np.linspace(4, 1, 3000), same=2000)
    chart.draw()
    QApplication.processEvents()
    assert heard[2:] == [None]


def test_everything_is_shown_at_first(chart: Chart) -> None:
    left, right = shown(chart)
    assert left <= 0 < 999 <= right
    low, high = chart.view.viewRange()[1]
    assert low < 1 < 4 < high


def test_the_wheel_zooms_about_the_pointer_and_never_out_of_the_whole(chart: Chart) -> None:
    wheel(chart, 5)
    left, right = shown(chart)
    assert right - left < 600
    assert (left + right) / 2 == pytest.approx(500, abs=40)
    low, high = chart.view.viewRange()[1]
    assert high - low < 2.4  # the height follows what is seen
    wheel(chart, -30)
    assert shown(chart) == pytest.approx((-12, 1011), abs=2)


def test_with_control_the_wheel_zooms_the_height(chart: Chart, qtbot: QtBot) -> None:
    before = shown(chart)
    wheel(chart, 5, keys=Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: np.ptp(chart.view.viewRange()[1]) < 2)
    assert shown(chart) == before


def test_a_drawn_box_zooms_and_a_double_click_shows_all(chart: Chart, qtbot: QtBot) -> None:
    drag(chart, qtbot, (0.25, 0.5), (0.5, 0.52))
    left, right = shown(chart)
    assert left == pytest.approx(250, abs=30)
    assert right == pytest.approx(500, abs=30)
    viewport: QWidget = chart.plot.viewport()
    qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=viewport.rect().center())
    qtbot.waitUntil(lambda: shown(chart)[0] < 1 and shown(chart)[1] > 998)


def test_keys_zoom_push_and_go_home(chart: Chart, qtbot: QtBot) -> None:
    qtbot.keyClick(chart.plot, Qt.Key.Key_Plus)
    qtbot.keyClick(chart.plot, Qt.Key.Key_Plus)
    left, right = shown(chart)
    assert right - left < 500
    qtbot.keyClick(chart.plot, Qt.Key.Key_Right)
    assert shown(chart)[0] > left
    qtbot.keyClick(chart.plot, Qt.Key.Key_Home)
    assert shown(chart)[0] < 1


def test_charts_that_share_an_axis_move_together(chart: Chart, theme: Theme, qtbot: QtBot) -> None:
    other = Chart("Other", (Curve("raw"),), theme, words.loss, is_small=True)
    qtbot.addWidget(other)
    other.follow_axis_of(chart)
    other.resize(300, 200)
    other.show()
    other.show_curve("raw", np.arange(2000.0), np.ones(2000))
    other.draw()
    chart.axis.show(100, 200)
    qtbot.waitUntil(lambda: shown(chart) == shown(other) == pytest.approx((100, 200)))
    wheel(other, -40)
    qtbot.waitUntil(lambda: shown(chart) == shown(other))
    assert shown(chart)[1] >= 1999  # the whole is that of both


def test_a_spike_of_one_step_among_a_million_is_in_the_picture(chart: Chart) -> None:
    y = np.ones(1_000_000)
    y[654_321] = 50.0
    chart.show_curve("raw", np.arange(1e6), y)
    chart.draw()
    drawn = chart._items["raw"].drawn[1]
    assert len(drawn) < 4000
    assert np.nanmax(drawn) == 50
    assert chart.view.viewRange()[1][1] > 50
    chart.fit_to_smoothed(True)
    chart.show_curve("smoothed", np.arange(1e6), np.ones(1_000_000))
    chart.draw()
    assert chart.view.viewRange()[1][1] < 2  # it leaves the picture, as was asked for


def test_a_point_without_neighbours_is_a_dot(chart: Chart) -> None:
    """The first step of a run, and a value between two gaps: there is nothing to draw a line to."""

    def colours_at(x: float, y: float) -> str:
        picture = chart.plot.grab().toImage()
        place = chart.plot.mapFromScene(chart.view.mapViewToScene(QPointF(x, y)))
        return str(picture.pixelColor(place).name())

    colour = chart.colour_of(Curve("smoothed"))
    chart.show_curve("raw", np.empty(0), np.empty(0))
    chart.show_curve("smoothed", np.array([1.0]), np.array([3.4]))
    chart.draw()
    assert colours_at(1, 3.4) == colour
    gaps = np.array([3.0, np.nan, 2.0, np.nan, 1.0, 1.5])
    chart.show_curve("smoothed", np.arange(6.0), gaps)
    chart.draw()
    assert colours_at(2, 2.0) == colour
    assert colours_at(0, 3.0) == colour
    chart.show_curve("smoothed", np.arange(3.0), np.array([3.0, 1.0, 3.0]))
    chart.draw()
    assert colours_at(1, 2.5) != colour


def test_a_log_axis_shows_decades_and_leaves_out_what_is_not_above_zero(chart: Chart) -> None:
    chart.show_curve("raw", np.arange(4.0), np.array([100.0, 0.0, -1.0, 0.01]))
    chart.set_log(True)
    chart.draw()
    low, high = chart.view.viewRange()[1]
    assert low < -2 < 2 < high
    assert np.isnan(chart._items["raw"].drawn[1]).tolist() == [False, True, True, False]
    assert chart.data_of("raw")[1].tolist() == [100.0, 0.0, -1.0, 0.01]


def test_marks_and_pins_are_hit_where_they_stand(chart: Chart, qtbot: QtBot) -> None:
    chart.show_curve("checkpoint", np.array([250.0, 750.0]), np.full(2, np.nan))
    chart.show_curve("evaluation", np.array([500.0]), np.array([2.5]))
    chart.draw()
    pressed: list[tuple[str, float]] = []
    pinned: list[int] = []
    points: list[float] = []
    chart.mark_pressed.connect(lambda name, x: pressed.append((name, x)))
    chart.pin_pressed.connect(pinned.append)
    chart.point_pressed.connect(points.append)
    box = chart.view.sceneBoundingRect()
    chart.view.pressed.emit(QPointF(chart.view.mapViewToScene(QPointF(750, 0)).x() + 2, box.bottom() - 6))
    chart.view.pressed.emit(chart.view.mapViewToScene(QPointF(500, 2.5)))
    assert pressed == [("checkpoint", 750.0), ("evaluation", 500.0)]
    chart.show_pins([PinnedPoint(100, 3.7, "3.70 at 100", "#0072b2")])
    chart.view.pressed.emit(chart.view.mapViewToScene(QPointF(100, 3.7)))
    assert pinned == [0]
    chart.view.pressed.emit(chart.view.mapViewToScene(QPointF(300, 2)))
    qtbot.waitUntil(lambda: points == [pytest.approx(300)])  # it waits whether it is half of a double click


def test_charts_that_follow_another_take_turns(qtbot: QtBot) -> None:
    axis, drawn = XAxis(), []
    axis.turn_came.connect(drawn.append)
    charts = [object() for _ in range(4)]
    for chart in (*charts, charts[0]):
        axis.follow(chart)
    axis.has_drawn(charts[2])
    with qtbot.waitSignal(axis.turn_came, timeout=60_000):
        pass
    assert drawn == charts[:1]  # the next one does not come in the same turn of the loop
    axis.follow(charts[0])
    qtbot.waitUntil(lambda: len(drawn) == 4, timeout=60_000)
    assert drawn == [charts[0], charts[1], charts[3], charts[0]]


def test_a_chart_follows_the_one_that_is_zoomed(chart: Chart, qtbot: QtBot, theme: Theme) -> None:
    others = [Chart("Other", CURVES, theme, words.loss, is_small=True) for _ in range(3)]
    for other in others:
        qtbot.addWidget(other)
        other.follow_axis_of(chart)
        other.show_curve("raw", np.arange(1000.0), np.linspace(4, 1, 1000))
    chart.look_at(100, 200)
    assert chart.view.viewRange()[0] == pytest.approx([100, 200])
    for other in others:
        qtbot.waitUntil(lambda other=other: other.view.viewRange()[0] == pytest.approx([100, 200]), timeout=60_000)
