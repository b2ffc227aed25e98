"""The shapes that a scan finds: by other names too, mapped by a person, or asked about."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan
from tests.desktop.core.dataset_files import TALK, as_lines, is_whole, talk, write
from trainer_image.formats import Example, read_examples, read_rows


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (as_lines([{"prompt": "a", "completion": "b"}] + [TALK] * 600), "messages"),
        (as_lines([TALK] * 600 + [{"prompt": f"a {n}", "completion": "b"} for n in range(700)]), "prompt_completion"),
    ],
)
def test_the_whole_file_tells_the_shape_and_not_its_beginning(tmp_path: Path, content: str, shape: str) -> None:
    report = scan(write(tmp_path / "rows.jsonl", content))
    assert report.shape == shape
    assert "mixed_shapes" in {finding.kind for finding in report.warnings}
    assert is_whole(report)


def test_columns_that_say_too_little_are_asked_about_and_mapped(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "act,reply\n" + "".join(f"Do {n},Done {n}\n" for n in range(10)))
    asked = scan(path)
    assert (asked.outcome, asked.rows, asked.shape, asked.problems) == ("ask", 0, None, ())
    assert "act, reply" in asked.sentence
    mapped = scan(path, ScanOptions(mapping={"prompt": "act", "completion": "reply"}))
    assert (mapped.outcome, mapped.rows, mapped.shape) == ("accept", 10, "prompt_completion")


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
    lines = write(tmp_path / "rows.jsonl", as_lines(rows))
    table = "".join(f"{row[question]}\t{row[answer]}\n" for row in rows)
    for path in (lines, write(tmp_path / "rows.txt", f"{question.title()}\t{answer.upper()}\n{table}")):
        report = scan(path)
        assert (report.outcome, report.rows, report.shape) == ("accept", 9, shape)
        assert said in report.sentence
        assert report.methods[0] == "sft"


@pytest.mark.parametrize("other", ["output", "context", "label", "messages", "input", "solution"])
def test_a_pair_beside_which_something_else_counts_is_asked_about(tmp_path: Path, other: str) -> None:
    report = scan(write(tmp_path / "rows.jsonl", as_lines([{"query": "a", "response": "b", other: "c"}] * 2)))
    assert (report.outcome, report.rows) == (("reject", 0) if other == "messages" else ("ask", 0))


def test_other_names_among_the_rows_are_said(tmp_path: Path) -> None:
    rows = [{"prompt": f"a{n}", "response": f"b{n}"} for n in range(5)]
    rows += [{"input": "c", "output": "d"}, {"prompt": "e", "completion": "f"}]
    report = scan(write(tmp_path / "rows.jsonl", as_lines(rows)))
    assert (report.outcome, report.rows) == ("warn", 7)
    assert sorted((one.kind, one.count) for one in report.warnings) == [("columns", 1), ("columns", 1)]
    assert any("input is read as the prompt and output as the completion" in one.message for one in report.warnings)


def test_of_as_many_rows_the_order_decides_nothing(tmp_path: Path) -> None:
    rows = [{"prompt": "Deep?", "completion": "Very."}, {"input": "Wide?", "output": "Very \x1b."}]
    files = [write(tmp_path / f"{number}.jsonl", as_lines(rows[::way])) for number, way in enumerate((1, -1))]
    reports = [scan(file) for file in files]
    assert [one.sentence for one in reports] == ["All 2 rows can be used: prompts and completions."] * 2
    others = [finding.message for one in reports for finding in one.warnings if finding.kind == "columns"]
    assert [message.partition(", ")[0] for message in others] == ["1 row has the columns input and output"] * 2


def test_a_number_is_an_answer_as_it_is_written(tmp_path: Path) -> None:
    values = ("42", "3.50", "1e5", "-0.0", "true", "null", "[1]", '""', '"7"')
    content = "".join(f'{{"question": "What is {n}?", "answer": {value}}}\n' for n, value in enumerate(values))
    for name, text in (("a.jsonl", content), ("a.json", f"[{content.replace('}', '},', 8)}]")):
        report = scan(write(tmp_path / name, text))
        assert (report.rows, report.rows_total, report.outcome) == (6, 9, "warn")
        assert [one.line for one in report.problems] == [6, 7, 8]
        assert [(one.kind, one.count, one.lines) for one in report.warnings] == [("number_as_text", 5, (1, 2, 3, 4, 5))]
        reading = read_examples(read_rows(report.path))
        answers = [made.messages[-1].content for made in reading.examples if isinstance(made, Example)]
        assert answers == ["42", "3.50", "1e5", "-0.0", "true", "7"]


@pytest.mark.parametrize("column", ["messages", "conversations", "Conversation"])
def test_turns_given_as_their_text_are_read_and_counted(tmp_path: Path, column: str) -> None:
    turns = talk(1)["messages"]
    cells = [json.dumps(turns), turns, str(turns), json.dumps(turns)[:-3], '[{"role": "user", "role": "x"}]']
    rows = [{column: cell, "id": n} for n, cell in enumerate(cells)]
    lines, table = write(tmp_path / "a.jsonl", as_lines(rows)), pa.Table.from_pylist([{column: cells[0]}] * 3)
    report = scan(lines)
    assert (report.outcome, report.rows, report.shape) == ("warn", 3, "messages")
    assert [(one.line, one.kind) for one in report.problems] == [(4, "wrong_type"), (5, "duplicate_key")]
    assert [(one.kind, one.lines) for one in report.warnings if one.kind != "duplicates"] == [("turns_as_text", (1, 3))]
    parquet.write_table(table, tmp_path / "a.parquet")
    assert scan(tmp_path / "a.parquet").rows == 3
    reading = read_examples(read_rows(lines))
    assert len(reading.examples) == 3
    assert any("as the text of a list" in note for note in reading.notes)


def test_rows_with_a_bad_label_are_left_out_of_what_is_imitated(tmp_path: Path) -> None:
    rows = [{"prompt": f"Q {n}", "completion": "A", "label": n % 3 > 0} for n in range(9)]
    path = write(tmp_path / "rows.jsonl", as_lines(rows))
    assert scan(path).rows == 9
    report = scan(path, ScanOptions(kind="conversation"))
    assert (report.rows, report.left_out, report.bad_rows) == (6, 3, 0)
    assert [(one.kind, one.lines) for one in report.warnings] == [("left_out", (1, 4, 7))]
