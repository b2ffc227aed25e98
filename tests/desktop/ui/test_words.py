"""Numbers as people read them."""

from __future__ import annotations

import pytest

from desktop.ui import words


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (words.count(7473), "7,473"),
        (words.plural(1, "row"), "1 row"),
        (words.plural(7473, "row"), "7,473 rows"),
        (words.duration(4.04), "4.0 s"),
        (words.duration(59.7), "1 min"),
        (words.duration(720), "12 min"),
        (words.duration(4830), "1 h 20 min"),
        (words.duration(86400 * 2), "2 d"),
        (words.time_left(720), "12 min left"),
        (words.time_left(0), "almost done"),
        (words.time_left_between(720, (600, 900)), "12 min left, 10 to 15"),
        (words.time_left_between(720, (701, 731)), "12 min left"),
        (words.time_left_between(7200, (6000, 9000)), "2 h left, 1 h 40 min to 2 h 30 min"),
        (words.time_left_between(50, (20.2, 80.9)), "50 s left, 20 s to 1 min"),
        (words.loss(1.1423), "1.14"),
        (words.loss(0.00312), "0.0031"),
        (words.loss(None), "–"),
        (words.loss(float("nan")), "–"),
        (words.short_number(2e-4), "2e-4"),
        (words.short_number(0.35), "0.35"),
        (words.short_number(1204), "1,204"),
        (words.speed(41.3), "41 tokens/s"),
        (words.memory_in_use(3.1 * words.GIB, 12 * words.GIB), "3.1 of 12 GB"),
        (words.file_size(20_000_000), "20 MB"),
    ],
)
def test_numbers(said: str, wanted: str) -> None:
    assert said == wanted
