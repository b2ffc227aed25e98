"""Which rows a split holds back, so that rows which are copies of each other land on the same side."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence


def held_back(
    numbers: Sequence[int], total: int, copies: Sequence[int], firsts: Sequence[int], count: int, seed: int
) -> bytes:
    """Return for each row of a file, by its number from 1, whether it is held back: 1 or 0; as ``seed`` has it.

    ``numbers`` are the rows that can be used; each of ``copies`` says the same as the row at its place in ``firsts``.
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
