"""The dataset doctor on whole files, in its own processes: what is in them, what is wrong, and that nothing is lost."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import zipfile
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from desktop.core.dataset.browse import Rows
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.report import Cancelled, Progress, Report, ScanOptions
from desktop.core.dataset.report_json import as_json
from desktop.core.dataset.scan import scan
from desktop.core.dataset.source_lines import lines_around
from desktop.errors import AppError
from desktop.paths import EXAMPLE_DATASET
from trainer_image.formats import Example, ReadOptions, Row, RowProblem, read_examples, read_rows

T = TypeVar("T")
TALK = {"messages": [{"role": "user", "content": "Why is it so?"}, {"role": "assistant", "content": "Because."}]}


def _talk(number: int, answer: str = "It is a good number, and I can tell you why that is so.") -> dict[str, Any]:
    question = f"What do you think of number {number}, which is {number % 7} more than the one that I had before?"
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def _is_whole(report: Report) -> bool:
    return report.rows + report.bad_rows + report.left_out == report.rows_total


def test_a_good_file_is_accepted(tmp_path: Path) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", _lines(_talk(n, f"Answer {n}.") for n in range(50))))
    assert (report.outcome, report.rows, report.rows_total, report.shape) == ("accept", 50, 50, "messages")
    assert (report.format, report.encoding, report.kind) == ("jsonl", "utf-8", "conversation")
    assert report.methods[0] == "sft"
    assert "dpo" in report.why_not
    assert report.languages == {"English": 50}
    assert report.sha256 == hashlib.sha256(report.path.read_bytes()).hexdigest()


def test_bad_rows_are_named_and_the_others_stay(tmp_path: Path) -> None:
    rows = [json.dumps(_talk(n, f"Answer {n}.")) for n in range(20)]
    rows[4] = rows[4][:40]
    rows[9] = rows[9].replace('"assistant"', '"asistant"')
    rows[15] = rows[15].replace("Answer 15.", "  ")
    report = scan(_write(tmp_path / "rows.jsonl", "\n\n".join(rows)))
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
    path = _write(tmp_path / "rows.jsonl", _lines([TALK]) + "{broken\n" * 30 + _lines([_talk(1, "")] * 30 + [TALK]))
    report = scan(path, ScanOptions(kept=5))
    assert report.problem_counts == {"broken_json": 30, "empty_answer": 30}
    assert [problem.kind for problem in report.problems] == ["broken_json"] * 5 + ["empty_answer"] * 5
    assert _is_whole(report)


def _warned(path: Path, **options: Any) -> dict[str, tuple[int, tuple[int, ...]]]:
    report = scan(path, ScanOptions(**options))
    assert _is_whole(report)
    return {one.kind: (one.count, one.lines) for one in report.warnings}


def test_warnings_name_their_lines(tmp_path: Path) -> None:
    other = json.dumps({"prompt": "a", "completion": "b"}) + "\n"
    mixed = _lines([_talk(n) for n in range(4)]) + other + _lines([_talk(9)])
    assert _warned(_write(tmp_path / "mixed.jsonl", mixed))["mixed_shapes"] == (1, (5,))
    old = json.dumps(_talk(7, "Grüezi, Zoë"), ensure_ascii=False).encode("cp1252") + b"\n"
    letters = _lines([_talk(1), _talk(2)]).encode() + old + _lines([_talk(3)]).encode()
    assert _warned(_write(tmp_path / "old.jsonl", letters))["encoding"] == (1, (3,))


@pytest.mark.parametrize(
    ("between", "end", "kind", "line"),
    [("\n", "]", "comma_missing", 2), (",\n", ",\n]", "comma_too_many", 3), ("]\n[", "]", "another_array", 3)],
)
def test_a_broken_array_is_said_to_have_been_mended(
    tmp_path: Path, between: str, end: str, kind: str, line: int
) -> None:
    one, other = (json.dumps(_talk(n)) for n in (1, 2))
    path = _write(tmp_path / "rows.json", f"[\n{one}{between}{other}{end}")
    assert _warned(path, near=False) == {kind: (1, (line,))}
    assert scan(path).rows == 2


def test_rows_that_cannot_teach_a_method_are_warned_of(tmp_path: Path) -> None:
    good = [{"prompt": f"Is {n} even?", "completion": f"So it is {n}.", "label": True} for n in range(4)]
    assert _warned(_write(tmp_path / "good.jsonl", _lines(good)))["one_label_only"] == (4, ())
    both = [*good, {**good[0], "label": False}]
    assert "one_label_only" not in _warned(_write(tmp_path / "both.jsonl", _lines(both)))
    told = [{"question": f"What is {word}?", "answer": f"It is {word}, as said."} for word in ("this", "that")]
    path = _write(tmp_path / "told.jsonl", _lines(told))
    assert _warned(path, kind="task")["no_final_answer"] == (2, ())
    assert "no_final_answer" not in _warned(path)
    marked = [*told, {"question": "How many?", "answer": "Two and two.\n#### 4"}]
    assert "no_final_answer" not in _warned(_write(tmp_path / "marked.jsonl", _lines(marked)), kind="task")


def test_copies_are_named_with_their_file_or_their_row(tmp_path: Path) -> None:
    rows = [_talk(1), _talk(2), _talk(1)]
    in_line = scan(_write(tmp_path / "rows.json", json.dumps(rows)))
    assert "(line 1 and row 3 (line 1))" in in_line.warnings[0].message
    parts = _archive(tmp_path / "rows.zip", {"a.jsonl": _lines(rows[:2]), "b.jsonl": _lines(rows[2:])})
    assert "(a.jsonl, line 1 and b.jsonl, line 1)" in scan(parts).warnings[0].message


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (_lines([{"prompt": "a", "completion": "b"}] + [TALK] * 600), "messages"),
        (_lines([TALK] * 600 + [{"prompt": f"a {n}", "completion": "b"} for n in range(700)]), "prompt_completion"),
    ],
)
def test_the_whole_file_tells_the_shape_and_not_its_beginning(tmp_path: Path, content: str, shape: str) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", content))
    assert report.shape == shape
    assert "mixed_shapes" in {finding.kind for finding in report.warnings}
    assert _is_whole(report)


def test_a_file_in_many_parts_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop.core.dataset.scan.PART", 10_000)
    monkeypatch.setattr("desktop.core.dataset.scan._PARALLEL_FROM", 0)
    rows = [_talk(n % 1990, f"Answer {n % 1990}.") for n in range(2000)]
    lines = _lines(rows).splitlines()
    lines[1234] = "nothing"
    seen: list[Progress] = []
    path = _write(tmp_path / "rows.jsonl", "\n".join(lines))
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


def test_letters_that_are_no_utf8_are_read_as_what_they_are(tmp_path: Path) -> None:
    good = scan(_write(tmp_path / "western.jsonl", _lines([_talk(n, "Größe, schön") for n in range(20)]), "cp1252"))
    assert (good.encoding, good.rows, good.outcome) == ("cp1252", 20, "warn")
    lines = _lines([_talk(n, "Größe und Länge") for n in range(20)]).encode().splitlines()
    lines[7] = lines[7].replace("ö".encode(), b"\xf6")
    mixed = scan(_write(tmp_path / "mixed.jsonl", b"\n".join(lines)))
    assert (mixed.encoding, mixed.rows) == ("utf-8", 19)
    assert [(problem.line, problem.kind) for problem in mixed.problems] == [(8, "broken_letters")]
    plain = _lines([_talk(n, "plain") for n in range(20)]).encode().splitlines()
    plain[7] = plain[7].replace(b"plain", b"pl\x81\x8d\xff\xfe\x90")
    broken = scan(_write(tmp_path / "broken.jsonl", b"\n".join(plain)))
    assert (broken.encoding, broken.rows, broken.outcome) == ("utf-8", 19, "warn")
    assert [(problem.line, problem.kind) for problem in broken.problems] == [(8, "broken_letters")]


def test_rows_above_a_header_and_columns_of_one_name_are_warned_of(tmp_path: Path) -> None:
    above = scan(_write(tmp_path / "above.csv", "What is it?,A fox.\nprompt,completion\na,b\nc,d\n"))
    assert (above.rows, above.outcome) == (2, "warn")
    assert [(one.kind, one.count, one.lines) for one in above.warnings] == [("rows_above_header", 1, (1,))]
    twice = _write(tmp_path / "twice.csv", "question,answer,answer\na,b,c\nd,e,f\n")
    asked = scan(twice)
    assert (asked.outcome, asked.columns) == ("ask", ("question", "answer_1", "answer_2"))
    told = scan(twice, ScanOptions(mapping={"prompt": "question", "completion": "answer_1"}))
    assert (told.rows, told.shape, told.outcome) == (2, "prompt_completion", "warn")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", _lines([_talk(n, f"Grüezi {n} 🦊") for n in range(20)]), encoding))
    assert (report.rows, report.rows_total, report.encoding) == (20, 20, encoding)
    assert report.index is not None


def test_exact_and_near_copies_are_found(tmp_path: Path) -> None:
    words = [f"{w}{n}" for n in range(40) for w in ("tree", "data", "letter", "todo", "stand")]
    texts = [" ".join(random.Random(n).choices(words, k=60)) for n in range(60)]
    rows = [{"text": text} for text in texts]
    rows += [{"text": texts[3]}, {"id": 7, "text": texts[3]}, {"text": texts[5].replace("tree", "Tree", 1) + " end."}]
    report = scan(_write(tmp_path / "rows.jsonl", _lines(rows)))
    assert list(report.duplicates.exact_rows) == [61, 62]
    assert report.duplicates.exact_pairs == ((4, 61), (4, 62))
    assert report.duplicates.near_pairs == ((6, 63),)
    assert report.duplicates.looked_at == 61
    assert scan(report.path, ScanOptions(near=False)).duplicates.near == 0


def test_system_turns_in_common_make_no_copies(tmp_path: Path) -> None:
    system = {"role": "system", "content": "You are a kind and patient teacher of mathematics. " * 20}
    rows = [{"messages": [system, *_talk(n, f"The answer is {n * n}.")["messages"]]} for n in range(30)]
    report = scan(_write(tmp_path / "rows.jsonl", _lines(rows)))
    assert (report.duplicates.exact, report.outcome) == (0, "accept")


def test_rows_of_the_evaluation_file_are_found_in_another_format(tmp_path: Path) -> None:
    train = _write(tmp_path / "train.jsonl", _lines({"prompt": f"Question {n}?", "completion": "x"} for n in range(30)))
    held = "prompt,completion\n" + "".join(f"Question {n}?,x\n" for n in (4, 100, 9))
    report = scan(train, ScanOptions(evaluation=_write(tmp_path / "held.csv", held)))
    assert report.overlap is not None
    assert (report.overlap.exact, list(report.overlap.rows)) == (2, [5, 10])
    assert report.overlap.pairs == ((5, 2), (10, 4))
    assert "overlap" in {finding.kind for finding in report.warnings}
    assert report.outcome == "warn"


def _parquet(path: Path, rows: list[Any]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    return path


def _zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def test_parquet_is_read_in_archives_too(tmp_path: Path) -> None:
    content = _parquet(tmp_path / "rows.parquet", [_talk(n, f"Answer {n}.") for n in range(20)]).read_bytes()
    reports = [
        scan(_write(tmp_path / "rows.parquet.gz", gzip.compress(content))),
        scan(_zip(tmp_path / "rows.zip", README_md=b"What it is.", train_parquet=content)),
    ]
    assert [(one.outcome, one.format, one.rows, one.rows_total) for one in reports] == [
        ("accept", "parquet", 20, 20)
    ] * 2
    for report in reports:
        assert report.index is not None
        rows = Rows(report.index)
        try:
            assert [row.number for row in rows.read(19, 5) if isinstance(row, Row)] == [19, 20]
        finally:
            rows.close()


def _shards(folder: Path, names: list[str], rows: int = 10) -> dict[str, bytes]:
    """Return Parquet files of so many rows each, all different, of which the fourth of the last is bad."""
    made = {}
    for place, name in enumerate(names):
        talks = [_talk(n, f"Answer {n} of {place}.") for n in range(rows)]
        if place == len(names) - 1:
            talks[3]["messages"].pop()
        made[name] = _parquet(folder / "rows.parquet", talks).read_bytes()
    return made


def test_parquet_in_shards_is_read_as_one(tmp_path: Path) -> None:
    names = [f"data/train-0000{n}-of-00003.parquet" for n in range(3)]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _shards(tmp_path, names).items():
            archive.writestr(name, content)
        archive.writestr("dataset_infos.json", "{}")
    report = scan(path)
    assert (report.outcome, report.format, report.rows, report.rows_total) == ("warn", "parquet", 29, 30)
    assert (report.compression, report.parts) == ("zip", tuple(names))
    assert [(one.part, one.line, one.row) for one in report.problems] == [(names[2], 4, 24)]
    assert report.index is not None
    rows = Rows(report.index)
    try:
        read = [row for row in rows.read(19, 4) if isinstance(row, Row)]
        assert [(row.number, row.line, row.part) for row in read] == [
            (19, 9, names[1]),
            (20, 10, names[1]),
            (21, 1, names[2]),
            (22, 2, names[2]),
        ]
    finally:
        rows.close()


def test_of_parquet_in_several_splits_one_is_asked_for(tmp_path: Path) -> None:
    names = ["test-00000-of-00001.parquet", "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _shards(tmp_path, names).items():
            archive.writestr(name, content)
    report = scan(path)
    assert report.outcome == "ask"
    assert "holds several datasets" in report.sentence
    assert "--part train," in report.hint
    assert report.parts == ("train", *names)
    train = scan(path, ScanOptions(ReadOptions(part="train")))
    assert (train.rows, train.rows_total) == (19, 20)
    assert [(one.part, one.line) for one in train.problems] == [(names[2], 4)]
    assert scan(path, ScanOptions(ReadOptions(part="test"))).rows == 10
    assert scan(path, ScanOptions(ReadOptions(part=names[1]))).rows == 10


def test_parquet_of_several_shapes_in_an_archive_is_asked_about(tmp_path: Path) -> None:
    talks = _parquet(tmp_path / "rows.parquet", [_talk(1), _talk(2)]).read_bytes()
    texts = _parquet(tmp_path / "rows.parquet", [{"text": "Of foxes."}]).read_bytes()
    path = _zip(tmp_path / "rows.zip", a_parquet=talks, b_parquet=texts)
    report = scan(path)
    assert (report.outcome, report.parts) == ("ask", ("a.parquet", "b.parquet"))
    assert "holds several datasets: a.parquet (conversations (messages)) and b.parquet" in report.sentence
    assert scan(path, ScanOptions(ReadOptions(part="b.parquet"))).shape == "text"


def test_copies_are_placed_as_a_person_looks_for_them(tmp_path: Path) -> None:
    talks = [_talk(n, f"Answer {n}.") for n in range(10)]
    first, second = _lines([talks[1], talks[2]]), _lines([talks[3], talks[2]])
    report = scan(_archive(tmp_path / "rows.zip", {"a.jsonl": first, "b.jsonl": second}))
    assert [(one.one, one.other, one.rows) for one in report.copies] == [("a.jsonl, line 2", "b.jsonl, line 2", (2, 4))]
    assert "(a.jsonl, line 2 and b.jsonl, line 2)" in report.warnings[0].message
    packed = _write(tmp_path / "rows.json", json.dumps([*talks, talks[4]]))
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


def test_text_that_parquet_holds_as_bytes_is_read_as_text(tmp_path: Path) -> None:
    report = scan(_parquet(tmp_path / "rows.parquet", [{"prompt": "When?", "completion": "Früh.".encode()}]))
    assert (report.outcome, report.rows) == ("accept", 1)
    assert "Stored as bytes" in report.notes[0]
    broken = scan(_parquet(tmp_path / "broken.parquet", [{"prompt": "When?", "completion": b"\xff\xfe\x81"}]))
    assert (broken.outcome, broken.rows) == ("reject", 0)


def test_what_is_asked_about_has_its_size_hash_and_letters(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"train": [{"text": "a"}], "test": [{"text": "b"}]}))
    report = scan(path)
    assert (report.outcome, report.encoding, report.size) == ("ask", "utf-8", path.stat().st_size)
    assert report.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "--array train" in report.hint
    assert report.arrays == ("train", "test")


def _archive(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [{"prompt": f'Question {n}, "so"\nsaid?', "completion": f"Answer {n}"} for n in range(30)]
    table = io.StringIO()
    table.write("prompt,completion\n")
    for row in rows:
        table.write(",".join('"' + cell.replace('"', '""') + '"' for cell in row.values()) + "\n")
    files = [
        _write(tmp_path / "rows.jsonl", _lines(rows)),
        _write(tmp_path / "rows.json", json.dumps(rows)),
        _write(tmp_path / "rows.csv", table.getvalue()),
        _parquet(tmp_path / "rows.parquet", rows),
        _write(tmp_path / "rows.jsonl.gz", gzip.compress(_lines(rows).encode())),
        _archive(tmp_path / "rows.zip", {"rows.jsonl": _lines(rows)}),
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


def test_columns_that_say_too_little_are_asked_about_and_mapped(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.csv", "act,reply\n" + "".join(f"Do {n},Done {n}\n" for n in range(10)))
    asked = scan(path)
    assert (asked.outcome, asked.rows, asked.shape, asked.problems) == ("ask", 0, None, ())
    assert "act, reply" in asked.sentence
    mapped = scan(path, ScanOptions(mapping={"prompt": "act", "completion": "reply"}))
    assert (mapped.outcome, mapped.rows, mapped.shape) == ("accept", 10, "prompt_completion")


@pytest.mark.parametrize("brackets", [("", ""), ("", "]\n"), ("[\n", "]\n")])
def test_rows_copied_out_of_an_array_keep_their_lines(tmp_path: Path, brackets: tuple[str, str]) -> None:
    rows = [json.dumps(_talk(n, f"Answer {n}.")) for n in range(12)]
    rows[5] = rows[5][:40]
    content = brackets[0] + ",\n".join(rows) + "\n" + brackets[1]
    report = scan(_write(tmp_path / "rows.jsonl", content))
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
    assert read[0].value == _talk(6, "Answer 6.")


def test_brackets_around_rows_without_commas_are_no_rows(tmp_path: Path) -> None:
    rows = _lines(_talk(n, f"Answer {n}.") for n in range(9))
    for name, begin in (("rows.jsonl", "[\n"), ("rows.json", "\n [ \r\n")):
        report = scan(_write(tmp_path / name, f"{begin}{rows}]\n"))
        assert (report.outcome, report.rows, report.rows_total, report.problems) == ("warn", 9, 9, ())
        first = 2 + (name == "rows.json")
        assert [(one.kind, one.lines) for one in report.warnings] == [("no_commas", tuple(range(first, first + 9)))]


@pytest.mark.parametrize(
    ("question", "answer", "shape", "said"),
    [
        ("prompt", "response", "prompt_completion", "response is read as the completion"),
        ("prompt", "output", "prompt_completion", "output is read as the completion"),
        ("input", "output", "prompt_completion", "input is read as the prompt and output as the completion"),
        ("question", "response", "prompt_completion", "question is read as the prompt and response as the completion"),
        ("query", "answer", "prompt_completion", "query is read as the prompt and answer as the completion"),
        ("input", "completion", "prompt_completion", "input is read as the prompt"),
        ("instruction", "response", "alpaca", "instructions and outputs"),
        ("instruction", "completion", "alpaca", "instructions and outputs"),
    ],
)
def test_a_question_and_an_answer_are_a_pair_by_other_names_too(
    tmp_path: Path, question: str, answer: str, shape: str, said: str
) -> None:
    rows = [{question: f"What is number {n}?", answer: f"It is number {n}.", "id": n} for n in range(9)]
    lines = _write(tmp_path / "rows.jsonl", _lines(rows))
    table = "".join(f"{row[question]}\t{row[answer]}\n" for row in rows)
    for path in (lines, _write(tmp_path / "rows.txt", f"{question.title()}\t{answer.upper()}\n{table}")):
        report = scan(path)
        assert (report.outcome, report.rows, report.shape) == ("accept", 9, shape)
        assert said in report.sentence
        assert report.methods[0] == "sft"


@pytest.mark.parametrize("other", ["output", "context", "label", "messages", "input", "solution"])
def test_a_pair_beside_which_something_else_counts_is_asked_about(tmp_path: Path, other: str) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", _lines([{"query": "a", "response": "b", other: "c"}] * 2)))
    assert (report.outcome, report.rows) == (("reject", 0) if other == "messages" else ("ask", 0))


def test_other_names_among_the_rows_are_said(tmp_path: Path) -> None:
    rows = [{"prompt": f"a{n}", "response": f"b{n}"} for n in range(5)]
    rows += [{"input": "c", "output": "d"}, {"prompt": "e", "completion": "f"}]
    report = scan(_write(tmp_path / "rows.jsonl", _lines(rows)))
    assert (report.outcome, report.rows) == ("warn", 7)
    assert sorted((one.kind, one.count) for one in report.warnings) == [("columns", 1), ("columns", 1)]
    assert any("input is read as the prompt and output as the completion" in one.message for one in report.warnings)


def test_a_number_is_an_answer_as_it_is_written(tmp_path: Path) -> None:
    values = ("42", "3.50", "1e5", "-0.0", "true", "null", "[1]", '""', '"7"')
    content = "".join(f'{{"question": "What is {n}?", "answer": {value}}}\n' for n, value in enumerate(values))
    for name, text in (("a.jsonl", content), ("a.json", f"[{content.replace('}', '},', 8)}]")):
        report = scan(_write(tmp_path / name, text))
        assert (report.rows, report.rows_total, report.outcome) == (6, 9, "warn")
        assert [one.line for one in report.problems] == [6, 7, 8]
        assert [(one.kind, one.count, one.lines) for one in report.warnings] == [("number_as_text", 5, (1, 2, 3, 4, 5))]
        reading = read_examples(read_rows(report.path))
        answers = [made.messages[-1].content for made in reading.examples if isinstance(made, Example)]
        assert answers == ["42", "3.50", "1e5", "-0.0", "true", "7"]


@pytest.mark.parametrize("column", ["messages", "conversations", "Conversation"])
def test_turns_given_as_their_text_are_read_and_counted(tmp_path: Path, column: str) -> None:
    turns = _talk(1)["messages"]
    cells = [json.dumps(turns), turns, str(turns), json.dumps(turns)[:-3], '[{"role": "user", "role": "x"}]']
    rows = [{column: cell, "id": n} for n, cell in enumerate(cells)]
    lines, table = _write(tmp_path / "a.jsonl", _lines(rows)), pa.Table.from_pylist([{column: cells[0]}] * 3)
    report = scan(lines)
    assert (report.outcome, report.rows, report.shape) == ("warn", 3, "messages")
    assert [(one.line, one.kind) for one in report.problems] == [(4, "wrong_type"), (5, "duplicate_key")]
    assert [(one.kind, one.lines) for one in report.warnings if one.kind != "duplicates"] == [("turns_as_text", (1, 3))]
    parquet.write_table(table, tmp_path / "a.parquet")
    assert scan(tmp_path / "a.parquet").rows == 3
    reading = read_examples(read_rows(lines))
    assert len(reading.examples) == 3
    assert any("as the text of a list" in note for note in reading.notes)


def test_empty_fields_are_counted(tmp_path: Path) -> None:
    rows = [{"instruction": f"Do {n}", "input": "" if n % 2 else "this", "output": "Done"} for n in range(10)]
    assert scan(_write(tmp_path / "rows.jsonl", _lines(rows))).empty_fields == {"input": 5}


def test_rows_with_a_bad_label_are_left_out_of_what_is_imitated(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q {n}", "completion": "A", "label": n % 3 > 0} for n in range(9)]
    path = _write(tmp_path / "rows.jsonl", _lines(rows))
    assert scan(path).rows == 9
    report = scan(path, ScanOptions(kind="conversation"))
    assert (report.rows, report.left_out, report.bad_rows) == (6, 3, 0)
    assert [(one.kind, one.lines) for one in report.warnings] == [("left_out", (1, 4, 7))]


def test_a_scan_can_be_stopped(tmp_path: Path) -> None:
    path = _write(tmp_path / "rows.jsonl", _lines(_talk(n) for n in range(30_000)))
    with pytest.raises(Cancelled):
        scan(path, is_cancelled=lambda: True)


def test_what_a_program_reads(tmp_path: Path) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", _lines([TALK, TALK, {"messages": []}])))
    told = json.loads(json.dumps(as_json(report)))
    for name in (
        *("file", "outcome", "shape", "rows", "rows_total", "methods", "encoding", "delimiter", "sha256"),
        *("problems", "warnings", "sentence"),
    ):
        assert name in told
    (problem,) = told["problems"]
    assert {"kind", "line", "row", "column", "message"} <= problem.keys()
    assert [(one["kind"], one["count"], one["lines"]) for one in told["warnings"]] == [("duplicates", 1, [2])]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _bomb(path: Path) -> Path:
    return _write(path, gzip.compress(b'{"text": "' + b"a" * (300 << 20) + b'"}'))


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "nothing": lambda path: path / "none.jsonl",
    "a folder": lambda path: _folder(path / "rows.jsonl"),
    "a pipe": lambda path: _pipe(path / "rows.jsonl"),
    "0 bytes": lambda path: _write(path / "rows.jsonl", b""),
    "blanks": lambda path: _write(path / "rows.jsonl", b" \n\n  \n"),
    "a picture": lambda path: _write(path / "rows.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "a pointer": lambda path: _write(
        path / "rows.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    ),
    "a web page": lambda path: _write(path / "rows.jsonl", "<!DOCTYPE html><html><body>404</body></html>"),
    "deep": lambda path: _write(path / "rows.jsonl", "[" * 200_000 + "]" * 200_000),
    "deep rows": lambda path: _write(path / "rows.jsonl", ('{"text": ' + "[" * 5000 + "]" * 5000 + "}\n") * 3),
    "a gzip bomb": lambda path: _bomb(path / "rows.jsonl.gz"),
    "a way out": lambda path: _archive(path / "rows.zip", {"../../rows.jsonl": _lines([TALK])}),
    "half a zip": lambda path: _write(path / "rows.zip", _archive(path / "x.zip", {"a.jsonl": "{}"}).read_bytes()[:30]),
    "half a gzip": lambda path: _write(path / "rows.gz", gzip.compress(_lines([TALK] * 99).encode())[:-20]),
    "half a parquet": lambda path: _write(
        path / "rows.parquet", _parquet(path / "x.parquet", [{"text": "a"}] * 50).read_bytes()[:-40]
    ),
    "parquet in name": lambda path: _write(path / "rows.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    "random": lambda path: _write(path / "rows.csv", bytes(range(256)) * 40),
    "a NUL in it": lambda path: _write(path / "rows.txt", b"text\0" * 500),
    "a cut array": lambda path: _write(path / "rows.json", '[{"text": "a"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_dataset_gets_one_sentence(tmp_path: Path, name: str) -> None:
    report = scan(HOSTILE[name](tmp_path))
    assert report.outcome == "reject"
    assert report.sentence.endswith((".", ")"))
    assert report.rows == 0
    assert _is_whole(report)
    json.dumps(as_json(report))


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    for name in ("$(touch pwned).jsonl", "a;rm -rf b.jsonl", "-rf.jsonl", "new\nline.jsonl", "quote'\".jsonl"):
        report = scan(_write(tmp_path / name, _lines([_talk(1)])))
        assert (report.outcome, report.rows) == ("accept", 1)
    assert not (tmp_path / "pwned").exists()


def test_what_a_person_reads_stays_on_one_line(tmp_path: Path) -> None:
    header = scan(_write(tmp_path / "header.csv", b'"one\r\ntwo";"th\x1bree"\r\n1;2\r\n'))
    empty = scan(_write(tmp_path / "new\nline.jsonl", b"\n\n"))
    assert [header.outcome, empty.outcome] == ["ask", "reject"]
    assert header.sentence.startswith("The columns (one two, th?ree) ")
    assert all(report.sentence.isprintable() for report in (header, empty))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.tuples(st.integers(0, 51_000), st.integers(0, 300), st.binary(max_size=20)).map(
            lambda cut: _damaged(EXAMPLE_DATASET.read_bytes()[:20_000], *cut)
        ),
    ),
    ending=st.sampled_from((".jsonl", ".json", ".csv", ".tsv", ".txt", ".gz", ".zip", ".parquet", "")),
)
def test_whatever_the_bytes_there_is_a_report(tmp_path: Path, data: bytes, ending: str) -> None:
    report = scan(_write(tmp_path / f"rows{ending}", data))
    assert _is_whole(report)
    assert report.sentence
    json.dumps(as_json(report))


def _damaged(data: bytes, at: int, cut: int, piece: bytes) -> bytes:
    at %= len(data)
    return data[:at] + piece + data[at + cut :]


def test_rows_of_a_file_that_went_away(tmp_path: Path) -> None:
    rows_of = Rows(RowIndex(tmp_path / "gone.jsonl", ReadOptions(), 0))
    try:
        with pytest.raises(AppError):
            rows_of.read(1, 1)
    finally:
        rows_of.close()


def test_the_library_and_numpy_report_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [_talk(n % 290, f"Answer {n % 290}.") for n in range(300)] + [{"id": 7, **TALK}, {"id": 8, **_talk(5, "é")}]
    lines = [*_lines(rows).splitlines(), '{"messages": []}', "", "{broken", _lines([_talk(1, " ")]).strip()]
    path = _write(tmp_path / "rows.jsonl", "\n".join(lines))
    usual = scan(path)
    monkeypatch.setenv("TUNEDECK_NUMPY_LINES", "1")
    assert replace(scan(path), seconds=0) == replace(usual, seconds=0)
    assert (usual.duplicates.exact, usual.bad_rows, usual.rows) == (10, 3, 302)


def test_letters_that_a_program_has_spoilt_are_said(tmp_path: Path) -> None:
    rows = [_talk(n, "Größe und Länge, São Paulo, «ÇA VA», NÃO") for n in range(20)]
    rows[3] = _talk(3, "Größe".encode().decode("cp1252"))
    rows[7] = _talk(7, "Gr\ufffdße")
    report = scan(_write(tmp_path / "rows.jsonl", _lines(rows)))
    assert (report.outcome, report.rows) == ("warn", 20)
    lines = {one.kind: one.lines for one in report.warnings}
    assert (lines["wrong_letters"], lines["lost_letters"]) == ((4,), (8,))


def test_a_row_without_turns_does_not_stop_the_scan(tmp_path: Path) -> None:
    report = scan(_write(tmp_path / "rows.jsonl", _lines([TALK, {"messages": None}, TALK])))
    assert [(one.line, one.kind) for one in report.problems] == [(2, "missing_field")]


def test_what_a_person_can_choose_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.jsonl", _lines([TALK]))
        archive.writestr("test.jsonl", _lines([TALK]))
    report = scan(path)
    assert report.outcome == "ask"
    assert "train.jsonl and test.jsonl" in report.sentence or "test.jsonl and train.jsonl" in report.sentence


def test_files_of_an_archive_may_be_written_in_different_letters(tmp_path: Path) -> None:
    talks = [_lines([_talk(n, f"Grüezi {n}, à côté.") for n in range(first, first + 9)]) for first in (0, 10, 20)]
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, talk, encoding in zip("abc", talks, ("utf-8", "utf-16", "cp1252"), strict=True):
            archive.writestr(f"{name}.jsonl", talk.encode(encoding))
    report = scan(path)
    assert (report.outcome, report.rows, report.rows_total) == ("warn", 27, 27)
    assert [one.kind for one in report.warnings] == ["encoding"]
    assert report.index is not None
    for part in ("b.jsonl", "c.jsonl"):
        (line,) = _end(lines_around(report.index, 2, 0, 0, part))
        assert "à côté" in line.text


def _end(task: Generator[None, None, T]) -> T:
    while True:
        try:
            next(task)
        except StopIteration as end:
            result: T = end.value
            return result
