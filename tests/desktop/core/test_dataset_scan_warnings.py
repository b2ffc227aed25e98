"""What a scan warns of, with its lines, although the rows can be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop.core.dataset.browse import Rows
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from tests.desktop.core.dataset_files import as_lines, is_whole, talk, write
from trainer_image.formats import ReadOptions, Row


def _warned(path: Path, **options: Any) -> dict[str, tuple[int, tuple[int, ...]]]:
    report = scan(path, ScanOptions(**options))
    assert is_whole(report)
    return {one.kind: (one.count, one.lines) for one in report.warnings}


def test_warnings_name_their_lines(tmp_path: Path) -> None:
    other = json.dumps({"prompt": "a", "completion": "b"}) + "\n"
    mixed = as_lines([talk(n) for n in range(4)]) + other + as_lines([talk(9)])
    assert _warned(write(tmp_path / "mixed.jsonl", mixed))["mixed_shapes"] == (1, (5,))
    old = json.dumps(talk(7, "Grüezi, Zoë"), ensure_ascii=False).encode("cp1252") + b"\n"
    letters = as_lines([talk(1), talk(2)]).encode() + old + as_lines([talk(3)]).encode()
    assert _warned(write(tmp_path / "old.jsonl", letters))["encoding"] == (1, (3,))


@pytest.mark.parametrize(
    ("between", "end", "kind", "line"),
    [("\n", "]", "comma_missing", 2), (",\n", ",\n]", "comma_too_many", 3), ("]\n[", "]", "another_array", 3)],
)
def test_a_broken_array_is_said_to_have_been_mended(
    tmp_path: Path, between: str, end: str, kind: str, line: int
) -> None:
    one, other = (json.dumps(talk(n)) for n in (1, 2))
    path = write(tmp_path / "rows.json", f"[\n{one}{between}{other}{end}")
    assert _warned(path, near=False) == {kind: (1, (line,))}
    assert scan(path).rows == 2


def test_rows_that_cannot_teach_a_method_are_warned_of(tmp_path: Path) -> None:
    good = [{"prompt": f"Is {n} even?", "completion": f"So it is {n}.", "label": True} for n in range(4)]
    assert _warned(write(tmp_path / "good.jsonl", as_lines(good)))["one_label_only"] == (4, ())
    both = [*good, {**good[0], "label": False}]
    assert "one_label_only" not in _warned(write(tmp_path / "both.jsonl", as_lines(both)))
    told = [{"question": f"What is {word}?", "answer": f"It is {word}, as said."} for word in ("this", "that")]
    path = write(tmp_path / "told.jsonl", as_lines(told))
    assert _warned(path, kind="task")["no_final_answer"] == (2, ())
    assert "no_final_answer" not in _warned(path)
    marked = [*told, {"question": "How many?", "answer": "Two and two.\n#### 4"}]
    assert "no_final_answer" not in _warned(write(tmp_path / "marked.jsonl", as_lines(marked)), kind="task")


def test_letters_that_are_no_utf8_are_read_as_what_they_are(tmp_path: Path) -> None:
    good = scan(write(tmp_path / "western.jsonl", as_lines([talk(n, "Größe, schön") for n in range(20)]), "cp1252"))
    assert (good.encoding, good.rows, good.outcome) == ("cp1252", 20, "warn")
    lines = as_lines([talk(n, "Größe und Länge") for n in range(20)]).encode().splitlines()
    lines[7] = lines[7].replace("ö".encode(), b"\xf6")
    mixed = scan(write(tmp_path / "mixed.jsonl", b"\n".join(lines)))
    assert (mixed.encoding, mixed.rows) == ("utf-8", 19)
    assert [(problem.line, problem.kind) for problem in mixed.problems] == [(8, "broken_letters")]
    plain = as_lines([talk(n, "plain") for n in range(20)]).encode().splitlines()
    plain[7] = plain[7].replace(b"plain", b"pl\x81\x8d\xff\xfe\x90")
    broken = scan(write(tmp_path / "broken.jsonl", b"\n".join(plain)))
    assert (broken.encoding, broken.rows, broken.outcome) == ("utf-8", 19, "warn")
    assert [(problem.line, problem.kind) for problem in broken.problems] == [(8, "broken_letters")]


def test_rows_above_a_header_and_columns_of_one_name_are_warned_of(tmp_path: Path) -> None:
    above = scan(write(tmp_path / "above.csv", "What is it?,A fox.\nprompt,completion\na,b\nc,d\n"))
    assert (above.rows, above.outcome) == (2, "warn")
    assert [(one.kind, one.count, one.lines) for one in above.warnings] == [("rows_above_header", 1, (1,))]
    twice = write(tmp_path / "twice.csv", "question,answer,answer\na,b,c\nd,e,f\n")
    asked = scan(twice)
    assert (asked.outcome, asked.columns) == ("ask", ("question", "answer_1", "answer_2"))
    told = scan(twice, ScanOptions(mapping={"prompt": "question", "completion": "answer_1"}))
    assert (told.rows, told.shape, told.outcome) == (2, "prompt_completion", "warn")


@pytest.mark.parametrize("brackets", [("", ""), ("", "]\n"), ("[\n", "]\n")])
def test_rows_copied_out_of_an_array_keep_their_lines(tmp_path: Path, brackets: tuple[str, str]) -> None:
    rows = [json.dumps(talk(n, f"Answer {n}.")) for n in range(12)]
    rows[5] = rows[5][:40]
    content = brackets[0] + ",\n".join(rows) + "\n" + brackets[1]
    report = scan(write(tmp_path / "rows.jsonl", content))
    first = bool(brackets[0])
    assert (report.outcome, report.rows, report.rows_total) == ("warn", 11, 12)
    assert [(one.line, one.row, one.kind) for one in report.problems] == [(6 + first, 6, "broken_json")]
    if not first:  # with both brackets it is simply an array
        assert [(one.kind, one.count, one.lines[:2]) for one in report.warnings] == [("trailing_comma", 10, (1, 2))]
        assert "line 1, for one" in report.warnings[0].message
    rows_seen = Rows(replace(report.index or RowIndex(report.path, ReadOptions(), 0), rows=12))
    try:
        read = rows_seen.read(7, 20)
    finally:
        rows_seen.close()
    assert [one.number if isinstance(one, Row) else one.row for one in read] == [*range(7, 13)]
    assert isinstance(read[0], Row)
    assert read[0].value == talk(6, "Answer 6.")


def test_brackets_around_rows_without_commas_are_no_rows(tmp_path: Path) -> None:
    rows = as_lines(talk(n, f"Answer {n}.") for n in range(9))
    for name, begin in (("rows.jsonl", "[\n"), ("rows.json", "\n [ \r\n")):
        report = scan(write(tmp_path / name, f"{begin}{rows}]\n"))
        assert (report.outcome, report.rows, report.rows_total, report.problems) == ("warn", 9, 9, ())
        first = 2 + (name == "rows.json")
        assert [(one.kind, one.lines) for one in report.warnings] == [("no_commas", tuple(range(first, first + 9)))]


def test_letters_that_a_program_has_spoilt_are_said(tmp_path: Path) -> None:
    rows = [talk(n, "Größe und Länge, São Paulo, «ÇA VA», NÃO") for n in range(20)]
    rows[3] = talk(3, "Größe".encode().decode("cp1252"))
    rows[7] = talk(7, "Gr\ufffdße")
    report = scan(write(tmp_path / "rows.jsonl", as_lines(rows)))
    assert (report.outcome, report.rows) == ("warn", 20)
    lines = {one.kind: one.lines for one in report.warnings}
    assert (lines["wrong_letters"], lines["lost_letters"]) == ((4,), (8,))
