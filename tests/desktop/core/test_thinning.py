"""A million values on a thousand pixels: no spike and no gap is lost, wherever one looks."""

from __future__ import annotations

import numpy as np
import pytest

from desktop.core.thinning import Pyramid

MILLION = 1_000_000
PIXELS = 900


def test_every_single_spike_of_a_million_points_is_drawn() -> None:
    x, y = np.arange(float(MILLION)), np.random.default_rng(0).normal(0, 0.1, MILLION)
    places = np.random.default_rng(1).choice(MILLION, 60, replace=False)
    y[places] = np.where(np.arange(60) % 2, 1, -1) * (100.0 + np.arange(60))
    pyramid = Pyramid()
    pyramid.update(y)
    pixel = MILLION / PIXELS
    for left, right in ((0, MILLION), (123_456, 654_321), (places.min() - 40_000, places.min() + 40_000)):
        drawn_x, drawn_y = pyramid.thin(x, y, left, right, PIXELS)
        assert len(drawn_x) <= 3 * PIXELS + 8 or right - left < 4 * PIXELS
        for place in places[(places > left) & (places < right)]:
            column = np.abs(drawn_x - place) <= 1.3 * pixel
            spikes = drawn_y[column]
            # Two spikes in one pixel and to the same side are one line: the longer one is seen.
            assert np.nanmax(spikes * np.sign(y[place])) >= abs(y[place])


def test_a_gap_of_one_step_interrupts_the_line() -> None:
    x, y = np.arange(float(MILLION)), np.ones(MILLION)
    y[500_000] = np.nan
    pyramid = Pyramid()
    pyramid.update(y)
    drawn_x, drawn_y = pyramid.thin(x, y, 0, MILLION, PIXELS)
    assert np.isnan(drawn_y).sum() == 1
    assert drawn_x[np.isnan(drawn_y)][0] == pytest.approx(500_000, abs=MILLION / PIXELS)


def test_a_long_gap_stays_empty() -> None:
    x, y = np.arange(100_000.0), np.ones(100_000)
    y[30_000:60_000] = np.nan
    pyramid = Pyramid()
    pyramid.update(y)
    drawn_x, drawn_y = pyramid.thin(x, y, 0, 100_000, PIXELS)
    inside = (drawn_x > 30_200) & (drawn_x < 59_800)
    assert inside.any()
    assert np.isnan(drawn_y[inside]).all()


def test_near_enough_every_value_is_drawn_as_it_is() -> None:
    x, y = np.arange(float(MILLION)), np.random.default_rng(0).normal(0, 1, MILLION)
    pyramid = Pyramid()
    pyramid.update(y)
    drawn_x, drawn_y = pyramid.thin(x, y, 1000, 1200, PIXELS)
    assert drawn_x.tolist() == list(range(999, 1202))
    assert (drawn_y == y[999:1202]).all()


@pytest.mark.parametrize("part", [1, 17, 1000, 4096])
def test_a_growing_curve_is_thinned_as_if_it_had_always_been_whole(part: int) -> None:
    y = np.random.default_rng(3).normal(0, 1, 20_000)
    y[5::501] = np.nan
    x = np.arange(20_000.0)
    growing, whole = Pyramid(), Pyramid()
    for end in [*range(15_000, 20_000, part), 20_000]:
        growing.update(y[:end], same=max(0, end - part) if end > 15_000 else 0)
    whole.update(y)
    for one, other in zip(growing.thin(x, y, 0, 2e4, 300), whole.thin(x, y, 0, 2e4, 300), strict=True):
        np.testing.assert_array_equal(one, other)


def test_after_a_resume_the_steps_taken_back_are_gone() -> None:
    y = np.concatenate([np.zeros(50_000), np.full(50_000, 9.0)])
    pyramid = Pyramid()
    pyramid.update(y)
    again = np.zeros(60_000)
    pyramid.update(again, same=50_000)
    assert pyramid.bounds(again, 0, 60_000) == (0, 0)
    assert pyramid.thin(np.arange(6e4), again, 0, 6e4, 100)[1].max() == 0


def test_bounds_are_those_of_what_is_asked_for() -> None:
    y = np.arange(1000.0)
    y[500] = np.nan
    pyramid = Pyramid()
    pyramid.update(y)
    assert pyramid.bounds(y, 3, 998) == (3, 997)
    assert pyramid.bounds(y, 17, 18) == (17, 17)
    assert np.isnan(pyramid.bounds(y, 500, 501)).all()
    assert np.isnan(pyramid.bounds(y, 5, 5)).all()


def test_unequal_distances_are_thinned_by_place_and_not_by_count() -> None:
    x = np.concatenate([np.linspace(0, 1, 500_000), np.linspace(1, 100, 500)])
    y = np.zeros(500_500)
    y[500_100:] = np.arange(400.0)
    pyramid = Pyramid()
    pyramid.update(y)
    drawn_x, drawn_y = pyramid.thin(x, y, 0, 100, PIXELS)
    assert len(drawn_x[drawn_x > 50]) > 20
    assert np.nanmax(drawn_y) == 399
