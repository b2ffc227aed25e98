"""Splits: rows that are copies of each other, or nearly, land on the same side."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset_intake import take_in
from desktop.core.dataset_making import making
from desktop.core.dataset_making.plans import Split
from desktop.core.datasets import DatasetVersion, Origin
from desktop.errors import AppError

Rows = list[dict[str, Any]]

QUESTIONS: Rows = [{"question": f"Q{n}?", "answer": f"A{n} #### {n}"} for n in range(6)]
WORDS = [f"{first}{rest}" for first in "bcdfghklmnprst" for rest in ("ark", "elt", "ind", "ode", "unt")]


def story(number: int) -> str:
    """Return a text that is like no other."""
    return " ".join(random.Random(number).choices(WORDS, k=90))


@pytest.fixture
def version_of(tmp_path: Path) -> Callable[..., DatasetVersion]:
    """Write rows into a file and return it as a version."""

    def make(rows: Rows | str, name: str = "some") -> DatasetVersion:
        path = tmp_path / f"{name}.jsonl"
        path.write_text(rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        intake = take_in(path, ScanOptions(), "leave_out")
        report, read = intake.report, intake.options
        return DatasetVersion(
            name, 1, Origin("file", path=str(path)), path, report.sha256, intake.size_bytes, intake.modified_ns,
            report.rows, report.rows_total, report.shape, read.mapping, read.read, read.shape, "leave_out",
            datetime.now(UTC),
        )  # fmt: skip

    return make


def rows_in(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def quietly(share: float | None, rows: int) -> None:
    assert share is None or 0 <= share <= 1


@pytest.mark.parametrize("broken", [[], ["{broken", '{"prompt": "no answer"}']])
def test_a_split_keeps_copies_on_one_side(
    version_of: Callable[..., DatasetVersion], tmp_path: Path, broken: list[str]
) -> None:
    rows = [{"question": f"Q{n % 14}?", "answer": f"A{n % 14}"} for n in range(40)]
    lines = [json.dumps(row) for row in rows]
    lines[5:5] = broken
    version = version_of("\n".join(lines))
    for seed in range(8):
        files = [tmp_path / f"{part} {seed}.jsonl" for part in ("rest", "held", "rest again", "held again")]
        for targets in ((files[0], files[1]), (files[2], files[3])):
            assert making.make_split(version, Split(share=0.25, seed=seed), targets, quietly).exact == 26
        rest, held, *again = map(rows_in, files)
        assert again == [rest, held]
        assert not [row for row in held if row in rest]
        assert sorted(map(json.dumps, [*rest, *held])) == sorted(map(json.dumps, rows))
        assert 8 <= len(held) <= 10


def test_the_fewest_are_held_back_where_every_row_has_copies(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    files = (tmp_path / "rest.jsonl", tmp_path / "held.jsonl")
    version = version_of([*QUESTIONS[:2], *QUESTIONS[:2], QUESTIONS[0]])
    assert making.make_split(version, Split(share=0.1), files, quietly).exact == 3
    assert [rows_in(file) for file in files] == [[QUESTIONS[0]] * 3, [QUESTIONS[1]] * 2]
    with pytest.raises(AppError, match="are all copies of one"):
        making.make_split(version_of([QUESTIONS[0]] * 4, "same"), Split(), files, quietly)


def test_near_copies_are_kept_on_one_side_and_counted(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    rows: Rows = [{"text": story(number)} for number in range(20)]
    # A near copy, a near copy of that, and an exact copy of the last.
    rows += [{"text": f"Ahoy. {story(3)}"}, {"text": f"Ahoy. {story(3)} Farewell."}]
    rows += [rows[-1], {"text": f"{story(7)} Farewell."}]
    version, files = version_of(rows), (tmp_path / "rest.jsonl", tmp_path / "held.jsonl")
    sides = set()
    for seed in range(12):
        kept = making.make_split(version, Split(share=0.25, seed=seed), files, quietly)
        assert (kept.exact, kept.near) == (1, 3)
        rest, held = map(rows_in, files)
        assert len(rest) + len(held) == len(rows)
        assert 3 <= len(held) <= 6
        for number in (3, 7):
            is_held = {row in held for row in rows if story(number) in row["text"]}
            assert len(is_held) == 1
            sides |= {(number, *is_held)}
    assert sides == {(3, True), (3, False), (7, True), (7, False)}


def test_rows_of_one_template_are_parted_all_the_same(
    version_of: Callable[..., DatasetVersion], tmp_path: Path
) -> None:
    rows: Rows = [{"text": f"{story(1)} {number}"} for number in range(20)]
    version, files = version_of([*rows, rows[0]]), (tmp_path / "rest.jsonl", tmp_path / "held.jsonl")
    kept = making.make_split(version, Split(share=0.2), files, quietly)
    assert (kept.exact, kept.near) == (1, 0)
    assert len(rows_in(files[1])) == 4


def test_near_copies_beside_a_template_stay_together(version_of: Callable[..., DatasetVersion], tmp_path: Path) -> None:
    template: Rows = [{"text": f"{story(1)} {number}"} for number in range(20)]
    version = version_of([*template, {"text": story(7)}, {"text": f"{story(7)} Farewell."}])
    files = tmp_path / "rest.jsonl", tmp_path / "held.jsonl"
    for seed in range(8):
        kept = making.make_split(version, Split(share=0.3, seed=seed), files, quietly)
        assert (kept.exact, kept.near) == (0, 1)
        assert sum(story(7) in row["text"] for row in rows_in(files[1])) in (0, 2)


@pytest.mark.parametrize(
    ("exact", "near", "said"),
    [
        (0, 0, ""),
        (1, 0, "1 exact copy is on the same side as the first."),
        (0, 1, "1 near copy is on the same side as the first."),
        (1200, 1, "1,200 exact copies and 1 near copy are on the same side as the first."),
    ],
)
def test_what_was_kept_together_is_said(exact: int, near: int, said: str) -> None:
    assert Origin("split", settings={"copies": exact, "near_copies": near}).together == said
    assert Origin("dedupe", settings={"copies": exact}).together == ""
