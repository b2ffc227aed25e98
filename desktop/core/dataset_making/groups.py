"""Which rows a split holds back, so that rows which are copies of each other, or nearly, land on the same side."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from desktop.core.dataset.found_copies import Duplicates


@dataclass(frozen=True)
class Together:
    """Rows that stay with another one, and how many of them there are of each kind."""

    rows: array[int]
    firsts: array[int]
    """For each of the rows the first one of its group."""
    exact: int
    near: int


def together(found: Duplicates, most: int) -> Together:
    """Return which rows stay together; near copies do not where they would be more than so many in one group.

    Rows made from one template may all be near copies of each other, and could not be parted at all.
    """
    exact = _grouped([(found.exact_rows, found.exact_firsts)])
    # Each near copy is like an earlier row, which may be like one before it.
    all_alike = _grouped([(found.near_rows, found.near_firsts), (found.exact_rows, found.exact_firsts)])
    too_large = {first for first, copies in Counter(all_alike.values()).items() if copies >= most}
    first_of = exact | {row: first for row, first in all_alike.items() if first not in too_large}
    near = sum(all_alike[row] not in too_large for row in found.near_rows)
    return Together(array("L", first_of), array("L", first_of.values()), found.exact, near)


def _grouped(links: Sequence[tuple[Sequence[int], Sequence[int]]]) -> dict[int, int]:
    """Return the first row of the group that each row belongs to, which is an earlier one."""
    first_of: dict[int, int] = {}
    for rows, firsts in links:
        for row, first in zip(rows, firsts, strict=True):
            first_of[row] = first_of.get(first, first)
    return first_of


def held_back(
    numbers: Sequence[int], total: int, copies: Sequence[int], firsts: Sequence[int], count: int, seed: int
) -> bytes:
    """Return for each row of a file, by its number from 1, whether it is held back: 1 or 0; as ``seed`` has it.

    ``numbers`` are the rows that can be used; each of ``copies`` stays with the row at its place in ``firsts``.
    As many rows as were asked for are held back, or a few less where the copies do not add up to that; at least one
    row, with its copies.
    """
    first_of = array("L", range(total + 1))
    for copy, first in zip(copies, firsts, strict=True):
        first_of[copy] = first
    sizes = array("L", bytes(first_of.itemsize * (total + 1)))
    for number in numbers:
        sizes[first_of[number]] += 1
    groups = array("L", (number for number in numbers if first_of[number] == number))
    random.Random(seed).shuffle(groups)
    is_held, left = bytearray(total + 1), count
    for first in groups:
        if sizes[first] <= left:
            is_held[first] = 1
            left -= sizes[first]
            if not left:
                break
    if left == count:  # every row has more copies than were to be held back
        is_held[min(groups, key=sizes.__getitem__)] = 1
    return bytes(is_held[first] for first in first_of[1:])
