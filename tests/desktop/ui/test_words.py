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
        (words.time_left(4.2), "a few seconds left"),
        (words.time_left(89.6), "1 min left"),
        (words.time_left_between(89.6, None), "about 1 min left"),
        (words.time_left(3 * 3600 + 7 * 60), "3 h 5 min left"),
        (words.time_left_between(1, (0, 60)), "almost done"),
        (words.time_left_between(57, (0, 120)), "about 1 min left (up to 2 min)"),
        (words.time_left_between(57, None), "about 1 min left"),
        (words.time_left_between(4, (0.0, 6.0)), "a few seconds left"),
        (words.time_left_between(4, (0.0, 14.0)), "a few seconds left (up to 15 s)"),
        (words.time_left_between(34, (0.0, 49.0)), "about 35 s left (up to 50 s)"),
        (words.time_left_between(720, (600, 900)), "about 12 min left (10 to 15 min)"),
        (words.time_left_between(720, (701, 731)), "about 12 min left"),
        (words.time_left_between(720, (400, 731)), "about 12 min left"),
        (words.time_left_between(7200, (6000, 9000)), "about 2 h left (1 h 40 min to 2 h 30 min)"),
        (words.time_left_between(7260, (7000, 11000)), "about 2 h left (1 h 55 min to 3 h 5 min)"),
        (words.time_left_between(10800, (7200, 18000)), "about 3 h left (2 to 5 h)"),
        (words.time_left_between(50, (20.2, 80.9)), "about 50 s left (20 s to 1 min)"),
        (words.time_left_between(3570, (3500, 3660)), "about 1 h left"),
        (words.time_left_between(90_000, (80_000, 180_000)), "about 1 d 1 h left (22 h 15 min to 2 d 2 h)"),
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
