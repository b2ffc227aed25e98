"""What a curve paints: all of a mass, every point, and what there is now."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from desktop.core.series import Floats
from desktop.ui.charts.curve_items import Curve, CurveItem, Look
from desktop.ui.charts.pixel_layer import Frame

WIDTH, HEIGHT = 400, 120
INK = "#102030"


def item_of(look: Look, x: Floats, y: Floats) -> CurveItem:
    item = CurveItem(Curve("loss", look))
    item.dress(INK, "#ffffff")
    item.set_points(x, y, 0, log_x=False, log_y=False)
    return item


def painted(item: CurveItem, left: float, right: float, low: float, high: float) -> QImage:
    """The curve between two places and two heights, on white."""
    picture = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    picture.fill(QColor("white"))
    item.draw(item.part(left, right, WIDTH), is_soft=False)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    item.paint(painter, Frame(left, right, low, high, WIDTH, HEIGHT))
    painter.end()
    return picture


def has_ink(picture: QImage, across: int, down: int) -> bool:
    return QColor(picture.pixel(across, down)).lightness() < 200


@pytest.mark.parametrize("first", [0.0, 3_333.3, 51_234.5])
def test_a_long_lively_curve_leaves_no_pixel_across_empty(qtbot: QtBot, first: float) -> None:
    y = np.random.default_rng(3).uniform(0, 1, 200_000)
    picture = painted(item_of("faint", np.arange(200_000.0), y), first, first + 90_000, -0.1, 1.1)
    assert all(has_ink(picture, across, HEIGHT // 2) for across in range(WIDTH))


def test_one_high_value_in_a_mass_is_painted_to_its_top(qtbot: QtBot) -> None:
    y = np.random.default_rng(4).uniform(0, 1, 200_000)
    y[120_000] = 1.8
    picture = painted(item_of("faint", np.arange(200_000.0), y), 0, 200_000, 0, 2)
    near = range(WIDTH * 120 // 200 - 2, WIDTH * 120 // 200 + 3)
    assert any(has_ink(picture, across, round(HEIGHT * 0.12)) for across in near)


def test_every_point_has_its_shape(qtbot: QtBot) -> None:
    x, y = np.arange(1.0, 40.0), np.full(39, 0.5)
    picture = painted(item_of("points", x, y), 0, 40, 0, 1)
    assert all(has_ink(picture, 10 * place, HEIGHT // 2 - 2) for place in range(1, 40))
    assert not any(has_ink(picture, 10 * place + 5, HEIGHT // 2 - 2) for place in range(1, 39))


def test_what_was_written_over_in_its_place_is_painted_anew(qtbot: QtBot) -> None:
    x, y = np.arange(11.0), np.full(11, 0.25)
    item = item_of("line", x, y)
    assert has_ink(painted(item, 0, 10, 0, 1), WIDTH // 2, HEIGHT * 3 // 4)
    y[:] = 0.75  # a run that goes back to a checkpoint writes its steps where the old ones were
    picture = painted(item, 0, 10, 0, 1)
    assert has_ink(picture, WIDTH // 2, HEIGHT // 4)
    assert not has_ink(picture, WIDTH // 2, HEIGHT * 3 // 4)
    y += np.linspace(0, 0.1, 11)
    assert not has_ink(painted(item, 0, 10, 0, 1), WIDTH - 2, HEIGHT // 4)


def test_the_ground_of_a_curve_goes_with_it(qtbot: QtBot) -> None:
    x, y = np.arange(11.0), np.full(11, 0.25)
    item = item_of("line", x, y)
    item.ground = QColor("#405060")
    assert not has_ink(painted(item, 0, 10, 0, 1), WIDTH // 2, HEIGHT // 2)
    assert has_ink(painted(item, 0, 10, 0, 1), WIDTH // 2, HEIGHT * 9 // 10)
    y[:] = 0.75
    assert has_ink(painted(item, 0, 10, 0, 1), WIDTH // 2, HEIGHT // 2)
    assert not has_ink(painted(item, 0, 10, 0, 2), WIDTH // 2, HEIGHT // 2)


@pytest.mark.parametrize("sharpness", [1, 2])
def test_the_ground_has_no_seams_and_shows_where_nothing_was_measured(qtbot: QtBot, sharpness: int) -> None:
    y = 0.6 + np.random.default_rng(5).uniform(0, 0.3, 5000)
    y[2500:3000] = np.nan
    item = item_of("line", np.arange(5000.0), y)
    item.ground = QColor("#405060")
    item.sharpen(sharpness)
    picture = painted(item, 0, 5000, 0, 1)
    row = [has_ink(picture, across, HEIGHT * 9 // 10) for across in range(1, WIDTH - 2)]
    assert all(row[: WIDTH // 2 - 4])
    assert not any(row[WIDTH // 2 + 4 : WIDTH * 3 // 5 - 4])
    assert all(row[WIDTH * 3 // 5 + 4 :])
