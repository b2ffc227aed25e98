"""Moving averages: right at the start, at gaps and after a resume, and the same however they were added up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from desktop.core.smoothing import Floats, Smoothed, smooth, weight_for


def plainly(values: Floats, weight: float) -> list[float]:
    """The same average, value by value."""
    total = seen = 0.0
    found = []
    for value in values.tolist():
        if math.isnan(value):
            found.append(math.nan)
            continue
        total, seen = weight * total + value, weight * seen + 1
        found.append(total / seen)
    return found


@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 5000])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.99])
def test_blocks_give_what_one_value_after_the_other_gives(count: int, weight: float) -> None:
    values = np.random.default_rng(count).normal(3, 1, count)
    values[3::7] = np.nan
    np.testing.assert_allclose(smooth(values, weight), plainly(values, weight), rtol=1e-9)


def test_the_value_after_a_gap_is_not_pulled_to_zero_or_to_nan() -> None:
    values = np.array([2.0, 2.0, np.nan, np.inf, 2.0, 2.0])
    smoothed = smooth(values, 0.9)
    assert np.isnan(smoothed).tolist() == [False, False, True, True, False, False]
    assert smoothed[4:].tolist() == pytest.approx([2.0, 2.0])


def test_a_growing_curve_is_averaged_as_if_it_had_always_been_whole() -> None:
    values = np.random.default_rng(1).normal(3, 1, 3000)
    values[100:140] = np.nan
    x = np.arange(3000.0)
    for by_distance in (False, True):
        growing = Smoothed(0.95, by_distance=by_distance)
        known = 0
        for end in (1, 2, 90, 120, 700, 701, 2999, 3000):
            seen = growing.of(values[:end], x[:end], known)
            known = end
        np.testing.assert_allclose(seen, smooth(values, 0.95, x if by_distance else None), rtol=1e-9)


def test_after_a_resume_what_was_taken_back_has_no_say() -> None:
    growing = Smoothed(0.9)
    growing.of(np.array([1.0, 1.0, 100.0, 100.0]), np.arange(4.0))
    again = growing.of(np.array([1.0, 1.0, 1.0]), np.arange(3.0), same=2)
    assert again.tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_by_distance_equal_steps_are_as_by_count() -> None:
    values = np.random.default_rng(2).normal(3, 1, 1500)
    np.testing.assert_allclose(smooth(values, 0.9, np.arange(1500.0) * 7), smooth(values, 0.9), rtol=1e-9)


def test_by_distance_nothing_is_smeared_over_a_long_gap() -> None:
    values = np.array([10.0] * 50 + [1.0] * 5)
    x = np.concatenate([np.arange(50.0), 1000 + np.arange(5.0)])
    assert smooth(values, 0.9)[50] > 8
    assert smooth(values, 0.9, x)[50] == pytest.approx(1.0)


@pytest.mark.parametrize("count", [5, 10, 20, 30, 60, 100, 1000, 100_000])
def test_a_falling_curve_smoothed_by_its_length_ends_where_its_values_end(count: int) -> None:
    values = 1.2 + 1.3 * np.exp(-np.arange(count) / (count / 4))
    smoothed = smooth(values, weight_for(count))
    assert smoothed[-1] - values[-1] < 0.02 * (values[0] - values[-1])


def test_longer_curves_are_smoothed_more_and_usual_ones_as_ever() -> None:
    weights = [weight_for(count) for count in range(2_000)] + [weight_for(10**power) for power in range(4, 8)]
    assert weights == sorted(weights)
    assert (weights[0], weight_for(120), weight_for(1000), weights[-1]) == (0.0, 0.85, 0.85, 0.99)
