"""Which rows are held back for evaluation: the same for the same seed, and no copy of a row that is trained."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, is_dataclass
from typing import Any

_PLACES = ("row", "line")
"""What tells copies apart that are the same to learn from."""


def split(items: list[Any], share: float, seed: int) -> tuple[list[Any], list[Any]]:
    """Hold back a share of the rows, the same ones for the same seed; at least one where there are two.

    Items of one row (the pairs of a ranking) stay together, so that none of them is trained on and tested with. For the
    same reason no row is held back that has a copy; where every row has one, all copies of the rarest row are.
    """
    rows = sorted({item.row for item in items})
    count = min(max(round(len(rows) * share), 1 if share else 0), len(rows) - 1)
    dice = random.Random(seed)
    held = {rows[index] for index in dice.sample(range(len(rows)), count)}
    if held:
        held = _without_copies(held, rows, items, dice)
    train = [item for item in items if item.row not in held]
    return train, [item for item in items if item.row in held]


def _without_copies(held: set[int], rows: list[int], items: list[Any], dice: random.Random) -> set[int]:
    contents: dict[int, int] = {}
    for item in items:
        contents[item.row] = hash((contents.get(item.row, 0), _content(item)))
    times = Counter(contents.values())
    single = {row for row in held if times[contents[row]] == 1}
    others = [row for row in rows if row not in single and times[contents[row]] == 1]
    single.update(dice.sample(others, min(len(held) - len(single), len(others))))
    if single or len(times) == 1:
        return single or held
    rarest = contents[min(rows, key=lambda row: times[contents[row]])]
    return {row for row in rows if contents[row] == rarest}


def _content(item: Any) -> int:
    """Return the same number for items that teach the same."""
    return hash(tuple(_frozen(getattr(item, field.name)) for field in fields(item) if field.name not in _PLACES))


def _frozen(value: Any) -> Any:
    if is_dataclass(value):
        return _content(value)
    if isinstance(value, list) and value and isinstance(value[0], int):
        return tuple(value)
    return value if isinstance(value, int | float | str) or value is None else repr(value)
