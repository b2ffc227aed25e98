from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.charts.ticks import NumberKind, numbers, short, ticks_between


def words(least: float, most: float, kind: NumberKind = "number", count: float = 4) -> list[str]:
    return [tick.words for tick in ticks_between(least, most, kind, count)]


def test_the_numbers_of_axes_can_be_read() -> None:
    assert words(0, 1000) == ["0", "500", "1000"]
    assert words(0, 1_000_000) == ["0", "0.5M", "1M"]
    assert words(0, 130, "minutes") == ["0", "1 h", "2 h"]
    assert words(0, 2, "minutes") == ["0", "30 s", "1:00", "1:30", "2:00"]
    assert words(-4, 3, "decades") == ["1e-4", "0.01", "1", "100"]
    assert words(-0.7, 16, count=1.3) == ["0", "10"]
    assert words(360, 440, count=3.4) == ["360", "380", "400", "420", "440"]
    assert short(1_234_567) == "1.235M"


def test_what_is_near_each_other_is_told_apart() -> None:
    assert words(500_000, 500_100) == ["500k", "500.05k", "500.1k"]
    assert words(0.00009, 0.0001, count=5) == ["9e-5", "9.2e-5", "9.4e-5", "9.6e-5", "9.8e-5", "1e-4"]
    assert words(math.log10(0.7), math.log10(1.1), "decades") == ["0.7", "0.8", "0.9", "1.0", "1.1"]
    assert words(1, 3, "whole", 9) == ["1", "2", "3"]
    assert numbers([0, 0.00012], 0.00001) == ["0", "1.2e-4"]


@given(
    st.floats(-1e9, 1e9),
    st.floats(1e-6, 1e9),
    st.sampled_from(["number", "whole", "minutes", "decades"]),
    st.floats(1, 30),
)
def test_whatever_is_shown_has_few_numbers_in_order_and_no_two_alike(
    least: float, span: float, kind: NumberKind, count: float
) -> None:
    if kind == "decades":
        least, span = least / 1e8, span / 1e8
    most = least + max(span, abs(least) * 1e-6)
    ticks = ticks_between(least, most, kind, count)
    slack = (most - least) * 1e-6
    assert len(ticks) <= 3 * count + 2
    assert all(least - slack <= tick.place <= most + slack for tick in ticks)
    assert [tick.place for tick in ticks] == sorted(tick.place for tick in ticks)
    assert kind == "minutes" or len({tick.words for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(("least", "most"), [(math.nan, 1.0), (1.0, 1.0), (2.0, 1.0), (-math.inf, math.inf)])
def test_nothing_sensible_to_show_has_no_numbers(least: float, most: float) -> None:
    assert ticks_between(least, most, "number", 5) == []
