"""What is worked out in C is what numpy works out, whatever stands in a curve."""

from __future__ import annotations

import numpy as np
import pytest

from desktop.core import long_curves
from desktop.core.smoothing import Floats, Smoothed
from desktop.core.thinning import Pyramid

pytestmark = pytest.mark.skipif(long_curves._LIBRARY is None, reason="there was no C compiler when it was installed")

ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e100, -1e100, 5e-324)


def curve(seed: int) -> Floats:
    """Return values of which none, some or nearly all are odd, in stretches and alone."""
    dice = np.random.default_rng(seed)
    values = dice.normal(0, 10.0 ** dice.integers(-3, 6), int(dice.integers(0, 900)))
    odd = dice.random(len(values)) < (0.0, 0.02, 0.95)[seed % 3]
    values[odd] = dice.choice(ODD if seed % 2 else ODD[:1], int(odd.sum()))
    values[len(values) // 3 : len(values) // 3 + int(dice.integers(0, 60))] = np.nan
    return values


@pytest.mark.parametrize("seed", range(60))
def test_both_ways_of_working_a_curve_out_give_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = curve(seed)
    half = len(values) // 2
    found = []
    for library in (long_curves._LIBRARY, None):
        monkeypatch.setattr(long_curves, "_LIBRARY", library)
        smoothed, pyramid = Smoothed(0.9), Pyramid()
        smoothed.of(values[:half], values[:half])
        pyramid.update(values[:half])
        pyramid.update(values, half)
        found.append((smoothed.of(values, values, half), pyramid._levels))
    (average, levels), (expected, expected_levels) = found
    spread = np.ptp(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
    np.testing.assert_allclose(average, expected, rtol=1e-9, atol=1e-9 * spread)
    for level, other in zip(levels, expected_levels, strict=True):
        for folded, expected_folded in zip(level, other, strict=True):
            np.testing.assert_array_equal(folded, expected_folded)


def test_a_curve_that_is_a_row_or_a_part_of_another_is_read_where_it_stands() -> None:
    table = np.random.default_rng(1).normal(3, 1, (200, 3))
    least, most, gaps = long_curves.fold(table[:, 1], 16) or ((), (), ())
    assert list(least) == [table[first : first + 16, 1].min() for first in range(0, 200, 16)]
    assert list(most) == [table[first : first + 16, 1].max() for first in range(0, 200, 16)]
    assert not any(gaps)
