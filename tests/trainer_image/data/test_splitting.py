"""What is held back for evaluation is none of what is trained."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from trainer_image.data.splitting import split


@dataclass(frozen=True)
class Question:
    row: int
    line: int
    words: str


@dataclass(frozen=True)
class Item:
    row: int
    line: int
    input_ids: list[int]
    question: Question


def item(row: int, what: int) -> Item:
    return Item(row, row + 1, [what, what + 1], Question(row, row + 1, f"question {what}"))


def test_a_row_that_has_a_copy_is_trained_and_never_held_back() -> None:
    items = [item(row, row % 90) for row in range(100)]
    for seed in range(20):
        train, held = split(items, 0.2, seed)
        assert len(held) == 20
        assert {one.input_ids[0] for one in held}.isdisjoint(one.input_ids[0] for one in train)
        assert split(items, 0.2, seed) == (train, held)


def test_without_copies_the_choice_is_that_of_the_seed_alone() -> None:
    held = split([item(row, row) for row in range(40)], 0.1, 7)[1]
    others = split([item(row, row + 100) for row in range(40)], 0.1, 7)[1]
    assert [one.row for one in held] == [one.row for one in others]


def test_where_every_row_has_a_copy_all_copies_of_the_rarest_are_held_back() -> None:
    items = [item(row, what) for row, what in enumerate([1, 1, 1, 2, 2, 3, 3, 3])]
    train, held = split(items, 0.1, 1)
    assert [one.row for one in held] == [3, 4]
    assert len(train) == 6


def test_copies_of_one_row_alone_are_split_all_the_same() -> None:
    train, held = split([item(row, 1) for row in range(10)], 0.2, 1)
    assert (len(train), len(held)) == (8, 2)


def test_items_of_one_row_stay_together() -> None:
    items = [item(row, 10 * row + part) for row in range(20) for part in range(3)]
    train, held = split(items, 0.1, 3)
    assert len(held) == 6
    assert {one.row for one in held}.isdisjoint(one.row for one in train)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.floats(0, 0.5), st.integers(0, 5))
def test_whatever_the_copies_nothing_is_lost_and_something_is_trained(
    whats: list[int], share: float, seed: int
) -> None:
    items = [item(row, what) for row, what in enumerate(whats)]
    train, held = split(items, share, seed)
    assert sorted([*train, *held], key=lambda one: one.row) == items
    assert train
    if len(set(whats)) > 1:
        assert {one.input_ids[0] for one in held}.isdisjoint(one.input_ids[0] for one in train)
