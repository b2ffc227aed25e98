"""A scan of a whole file: its outcome, the rows that can be used, and those that cannot."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.core.dataset.browse import Rows
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.report import Cancelled, Progress, ScanOptions
from desktop.core.dataset.report_json import as_json
from desktop.core.dataset.scan import scan
from desktop.errors import AppError
from tests.desktop.core.dataset_files import TALK, as_lines, is_whole, talk, write, write_archive, write_parquet
from trainer_image.formats import ReadOptions, Row, RowProblem


def test_a_good_file_is_accepted(tmp_path: Path) -> None:
    report = scan(write(tmp_path / "rows.jsonl", as_lines(talk(n, f"Answer {n}.") for n in range(50))))
    assert (report.outcome, report.rows, report.rows_total, report.shape) == ("accept", 50, 50, "messages")
    assert (report.format, report.encoding, report.kind) == ("jsonl", "utf-8", "conversation")
    assert report.methods[0] == "sft"
    assert "dpo" in report.why_not
    assert report.languages == {"English": 50}
    assert report.sha256 == hashlib.sha256(report.path.read_bytes()).hexdigest()


def test_bad_rows_are_named_and_the_others_stay(tmp_path: Path) -> None:
    rows = [json.dumps(talk(n, f"Answer {n}.")) for n in range(20)]
    rows[4] = rows[4][:40]
    rows[9] = rows[9].replace('"assistant"', '"asistant"')
    rows[15] = rows[15].replace("Answer 15.", "  ")
    report = scan(write(tmp_path / "rows.jsonl", "\n\n".join(rows)))
    assert (report.outcome, report.rows, report.bad_rows) == ("warn", 17, 3)
    assert [(one.line, one.row, one.kind) for one in report.problems] == [
        (9, 5, "broken_json"),
        (19, 10, "unknown_role"),
        (31, 16, "empty_answer"),
    ]
    assert "assistant" in report.problems[1].fix
    assert "17 of 20 rows can be used" in report.sentence
    assert "Line 9" in report.sentence


def test_only_the_first_problems_of_each_kind_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", as_lines([TALK]) + "{broken\n" * 30 + as_lines([talk(1, "")] * 30 + [TALK]))
    report = scan(path, ScanOptions(kept=5))
    assert report.problem_counts == {"broken_json": 30, "empty_answer": 30}
    assert [problem.kind for problem in report.problems] == ["broken_json"] * 5 + ["empty_answer"] * 5
    assert is_whole(report)


def test_a_file_in_many_parts_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop.core.dataset.scan.PART", 10_000)
    monkeypatch.setattr("desktop.core.dataset.scan._PARALLEL_FROM", 0)
    rows = [talk(n % 1990, f"Answer {n % 1990}.") for n in range(2000)]
    lines = as_lines(rows).splitlines()
    lines[1234] = "nothing"
    seen: list[Progress] = []
    path = write(tmp_path / "rows.jsonl", "\n".join(lines))
    report = scan(path, on_progress=seen.append)
    assert (report.rows, report.bad_rows, report.duplicates.exact) == (1999, 1, 10)
    assert [(problem.line, problem.row) for problem in report.problems] == [(1235, 1235)]
    assert list(report.duplicates.exact_rows) == list(range(1991, 2001))
    assert seen[-1] == Progress(path.stat().st_size, path.stat().st_size, 2000)
    assert report.index is not None
    rows_of = Rows(report.index)
    try:
        for first in (1, 999, 1000, 1001, 1235, 2000):
            (row,) = rows_of.read(first, 1)
            assert (row.line, row.number if isinstance(row, Row) else row.row) == (first, first)
            assert isinstance(row, RowProblem) == (first == 1235)
        assert len(rows_of.read(1995, 100)) == 6
        sampled = [row.line for group in rows_of.sample(500) for row in group]
        assert len(sampled) <= 500
        assert sampled[-1] > 1500
    finally:
        rows_of.close()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str) -> None:
    report = scan(write(tmp_path / "rows.jsonl", as_lines([talk(n, f"Grüezi {n} 🦊") for n in range(20)]), encoding))
    assert (report.rows, report.rows_total, report.encoding) == (20, 20, encoding)
    assert report.index is not None


def test_what_is_asked_about_has_its_size_hash_and_letters(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"train": [{"text": "a"}], "test": [{"text": "b"}]}))
    report = scan(path)
    assert (report.outcome, report.encoding, report.size) == ("ask", "utf-8", path.stat().st_size)
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "--array train" in report.hint
    assert report.arrays == ("train", "test")


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [{"prompt": f'Question {n}, "so"\nsaid?', "completion": f"Answer {n}"} for n in range(30)]
    table = io.StringIO()
    table.write("prompt,completion\n")
    for row in rows:
        table.write(",".join('"' + cell.replace('"', '""') + '"' for cell in row.values()) + "\n")
    files = [
        write(tmp_path / "rows.jsonl", as_lines(rows)),
        write(tmp_path / "rows.json", json.dumps(rows)),
        write(tmp_path / "rows.csv", table.getvalue()),
        write_parquet(tmp_path / "rows.parquet", rows),
        write(tmp_path / "rows.jsonl.gz", gzip.compress(as_lines(rows).encode())),
        write_archive(tmp_path / "rows.zip", {"rows.jsonl": as_lines(rows)}),
    ]
    reports = [scan(file) for file in files]
    assert {(one.rows, one.rows_total, one.shape, one.outcome) for one in reports} == {
        (30, 30, "prompt_completion", "accept")
    }
    assert [one.format for one in reports] == ["jsonl", "json", "table", "parquet", "jsonl", "jsonl"]
    for report in reports:
        assert report.index is not None
        rows_of = Rows(report.index)
        try:
            (row,) = rows_of.read(23, 1)
            assert isinstance(row, Row)
            assert (row.number, dict(row.value)) == (23, rows[22])
        finally:
            rows_of.close()


def test_empty_fields_are_counted(tmp_path: Path) -> None:
    rows = [{"instruction": f"Do {n}", "input": "" if n % 2 else "this", "output": "Done"} for n in range(10)]
    assert scan(write(tmp_path / "rows.jsonl", as_lines(rows))).empty_fields == {"input": 5}


def test_a_scan_can_be_stopped(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", as_lines(talk(n) for n in range(30_000)))
    with pytest.raises(Cancelled):
        scan(path, is_cancelled=lambda: True)


def test_what_a_program_reads(tmp_path: Path) -> None:
    report = scan(write(tmp_path / "rows.jsonl", as_lines([TALK, TALK, {"messages": []}])))
    told = json.loads(json.dumps(as_json(report)))
    for name in (
        *("file", "outcome", "shape", "rows", "rows_total", "methods", "encoding", "delimiter", "sha256"),
        *("problems", "warnings", "sentence"),
    ):
        assert name in told
    (problem,) = told["problems"]
    assert {"kind", "line", "row", "column", "message"} <= problem.keys()
    assert [(one["kind"], one["count"], one["lines"]) for one in told["warnings"]] == [("duplicates", 1, [2])]


def test_rows_of_a_file_that_went_away(tmp_path: Path) -> None:
    rows_of = Rows(RowIndex(tmp_path / "gone.jsonl", ReadOptions(), 0))
    try:
        with pytest.raises(AppError):
            rows_of.read(1, 1)
    finally:
        rows_of.close()


def test_the_library_and_numpy_report_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [talk(n % 290, f"Answer {n % 290}.") for n in range(300)] + [{"id": 7, **TALK}, {"id": 8, **talk(5, "é")}]
    lines = [*as_lines(rows).splitlines(), '{"messages": []}', "", "{broken", as_lines([talk(1, " ")]).strip()]
    path = write(tmp_path / "rows.jsonl", "\n".join(lines))
    usual = scan(path)
    monkeypatch.setenv("TUNEDECK_NUMPY_LINES", "1")
    assert replace(scan(path), seconds=0) == replace(usual, seconds=0)
    assert (usual.duplicates.exact, usual.bad_rows, usual.rows) == (10, 3, 302)


def test_a_row_without_turns_does_not_stop_the_scan(tmp_path: Path) -> None:
    report = scan(write(tmp_path / "rows.jsonl", as_lines([TALK, {"messages": None}, TALK])))
    assert [(one.line, one.kind) for one in report.problems] == [(2, "missing_field")]
