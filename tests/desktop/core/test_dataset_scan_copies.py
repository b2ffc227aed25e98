"""Copies that a scan finds in a file, and rows that stand in the evaluation file too."""

from __future__ import annotations

import json
import random
from pathlib import Path

from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from tests.desktop.core.dataset_files import as_lines, talk, write, write_archive


def test_copies_are_named_with_their_file_or_their_row(tmp_path: Path) -> None:
    rows = [talk(1), talk(2), talk(1)]
    in_line = scan(write(tmp_path / "rows.json", json.dumps(rows)))
    assert "(line 1 and row 3 (line 1))" in in_line.warnings[0].message
    parts = write_archive(tmp_path / "rows.zip", {"a.jsonl": as_lines(rows[:2]), "b.jsonl": as_lines(rows[2:])})
    assert "(a.jsonl, line 1 and b.jsonl, line 1)" in scan(parts).warnings[0].message


def test_exact_and_near_copies_are_found(tmp_path: Path) -> None:
    words = [f"{w}{n}" for n in range(40) for w in ("tree", "data", "letter", "todo", "stand")]
    texts = [" ".join(random.Random(n).choices(words, k=60)) for n in range(60)]
    rows = [{"text": text} for text in texts]
    rows += [{"text": texts[3]}, {"id": 7, "text": texts[3]}, {"text": texts[5].replace("tree", "Tree", 1) + " end."}]
    report = scan(write(tmp_path / "rows.jsonl", as_lines(rows)))
    assert list(report.duplicates.exact_rows) == [61, 62]
    assert report.duplicates.exact_pairs == ((4, 61), (4, 62))
    assert report.duplicates.near_pairs == ((6, 63),)
    assert report.duplicates.looked_at == 61
    assert scan(report.path, ScanOptions(near=False)).duplicates.near == 0


def test_system_turns_in_common_make_no_copies(tmp_path: Path) -> None:
    system = {"role": "system", "content": "You are a kind and patient teacher of mathematics. " * 20}
    rows = [{"messages": [system, *talk(n, f"The answer is {n * n}.")["messages"]]} for n in range(30)]
    report = scan(write(tmp_path / "rows.jsonl", as_lines(rows)))
    assert (report.duplicates.exact, report.outcome) == (0, "accept")


def test_rows_of_the_evaluation_file_are_found_in_another_format(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train.jsonl", as_lines({"prompt": f"Question {n}?", "completion": "x"} for n in range(30))
    )
    held = "prompt,completion\n" + "".join(f"Question {n}?,x\n" for n in (4, 100, 9))
    report = scan(train, ScanOptions(evaluation=write(tmp_path / "held.csv", held)))
    assert report.overlap is not None
    assert (report.overlap.exact, list(report.overlap.rows)) == (2, [5, 10])
    assert report.overlap.pairs == ((5, 2), (10, 4))
    assert "overlap" in {finding.kind for finding in report.warnings}
    assert report.outcome == "warn"


def test_copies_are_placed_as_a_person_looks_for_them(tmp_path: Path) -> None:
    talks = [talk(n, f"Answer {n}.") for n in range(10)]
    first, second = as_lines([talks[1], talks[2]]), as_lines([talks[3], talks[2]])
    report = scan(write_archive(tmp_path / "rows.zip", {"a.jsonl": first, "b.jsonl": second}))
    assert [(one.one, one.other, one.rows) for one in report.copies] == [("a.jsonl, line 2", "b.jsonl, line 2", (2, 4))]
    assert "(a.jsonl, line 2 and b.jsonl, line 2)" in report.warnings[0].message
    packed = write(tmp_path / "rows.json", json.dumps([*talks, talks[4]]))
    (pair,) = scan(packed).copies
    assert (pair.one, pair.other) == ("Row 5 (line 1)", "Row 11 (line 1)")
    both = scan(packed, ScanOptions(evaluation=report.path))
    assert [(one.one, one.other) for one in both.overlaps] == [
        ("Row 2 (line 1)", "a.jsonl, line 1"),
        ("Row 3 (line 1)", "a.jsonl, line 2"),
        ("Row 4 (line 1)", "b.jsonl, line 1"),
    ]
    (said,) = (one.message for one in both.warnings if one.kind == "overlap")
    assert "(row 2 (line 1) here and a.jsonl, line 1 there, for one)" in said
