"""Whatever a file holds: rows and problems are all its rows, and nothing flies but UnreadableFileError."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer_image.formats import (
    FEEDS,
    KINDS,
    SHAPES,
    Kind,
    Reading,
    ReadOptions,
    Row,
    RowProblem,
    Shape,
    UnreadableFileError,
    look_at,
    read_examples,
    read_rows,
)

fuzz = settings(max_examples=200, deadline=None)

NAMES = [
    *("messages", "conversations", "prompt", "completion", "question", "answer", "text", "instruction", "input"),
    *("output", "response", "chosen", "rejected", "label", "ranking", "responses", "scores", "completions", "labels"),
    *("problem", "tests", "schema", "preferred_output", "system", "tools", "history", "query"),
]
WORDS = ["", " ", "a", "user", "assistant", "gpt", "true", "#### 7", "\n\nHuman: a\n\nAssistant: b", "[INST]", "\ud800"]

PIECES = [
    *(b'{"text": "a"}', b"{", b"}", b"[", b"]", b'"', b",", b"\n", b"\r\n", b"\r", b" ", b":", b"\\", b"a", b"\xff"),
    *(b"text", b"\xc3\xa9", b"\xed\xa0\x80", b"NaN", b"-", b"1", b"'", b";", b"\t", b"\0", b"{}", b'"a":'),
]

_typed = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.sampled_from("\t\n\r"), max_size=9)
_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6)
_json = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_turn = st.fixed_dictionaries(
    {}, optional={"role": _leaf, "content": _json, "from": _leaf, "value": _leaf, "tool_calls": _json}
)
_cell = _json | st.lists(_turn | _leaf, max_size=4) | st.lists(st.integers(-1, 4), max_size=4) | _turn
_row = st.dictionaries(st.sampled_from(NAMES), _cell, max_size=5) | _json


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def _check(reading: Reading, rows: int) -> None:
    found = {made.row for made in reading.examples}
    others = [one.row for one in (*reading.problems, *reading.left_out)]
    assert reading.rows == rows
    assert len(others) == len(set(others))
    assert not found & set(others)
    assert found | set(others) == set(range(1, rows + 1))


@fuzz
@given(rows=st.lists(_row, min_size=2, max_size=5), kind=st.sampled_from([None, *KINDS]), ascii_only=st.booleans())
def test_lines_and_arrays_of_anything(rows: list[Any], kind: Kind | None, ascii_only: bool, folder: Path) -> None:
    for path, text in (
        (folder / "rows.jsonl", "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)),
        (folder / "rows.json", "[" + ",\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows) + "]"),
    ):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        _check(read_examples(read_rows(path), kind=kind), len(rows))


@fuzz
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(NAMES), _cell, max_size=5), min_size=1, max_size=5),
    shape=st.sampled_from(SHAPES),
    data=st.data(),
)
def test_rows_read_as_any_shape(rows: list[dict[str, Any]], shape: Shape, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(FEEDS[shape]))
    items = [Row(number, number, value) for number, value in enumerate(rows, 1)]
    reading = read_examples(items, shape, kind)
    _check(reading, len(rows))
    for problem in reading.problems:
        assert problem.sentence.endswith(problem.fix)
        assert "\n" not in str(problem) or "\n" in problem.column


@fuzz
@given(
    cells=st.lists(st.lists(_typed, min_size=2, max_size=2), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_tables_of_anything_come_back_as_they_were(
    cells: list[list[str]], delimiter: str, end: str, folder: Path
) -> None:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["prompt", "completion"], *cells]
    )
    path = folder / "rows.csv"
    path.write_bytes(made.getvalue().encode("utf-8", "surrogatepass"))
    items = list(read_rows(path, ReadOptions(delimiter=delimiter)))
    assert len(items) == len(cells)
    for item, row in zip(items, cells, strict=True):
        if isinstance(item, Row):
            assert list(item.value.values()) == row
        else:
            assert item.kind == "formula_cell"


@fuzz
@given(
    content=st.binary(max_size=300)
    | st.lists(
        st.sampled_from(PIECES),
        max_size=40,
    ).map(b"".join),
    ending=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", "", ".gz", ".zip", ".bin"]),
)
@example(content=b"\x1f\x8b\x08", ending=".gz")
@example(content=b"PK\x03\x04", ending=".zip")
@example(content=b"PK\x05\x06" + bytes(18), ending=".zip")
@example(content=b"\xff\xfe{\0}", ending=".json")
@example(content=b"[" * 100_000, ending=".json")
@example(content=b'{"a":' * 100_000, ending=".jsonl")
@example(content=b'[{"a": [' + b"[" * 5000 + b"}]", ending=".json")
@example(content=b'"' * 999, ending=".csv")
def test_any_bytes_at_all(content: bytes, ending: str, folder: Path) -> None:
    path = folder / f"any{ending}"
    path.write_bytes(content)
    try:
        facts = look_at(path)
        items = list(read_rows(path))
    except UnreadableFileError:
        return
    assert facts.parts
    numbers = [item.number if isinstance(item, Row) else item.row for item in items]
    assert numbers == list(range(1, len(items) + 1))
    lines = [item.line for item in items]
    assert lines == sorted(lines)
    assert all(1 <= line <= len(content) + 1 for line in lines)


@fuzz
@given(
    position=st.integers(3, 10_000),
    length=st.integers(0, 5),
    instead=st.sampled_from([b"", b'"', b"}", b"{", b"]", b"\n", b"\xff", b"\\", b",", b"\0"]),
    indent=st.sampled_from([None, 2]),
)
def test_one_damage_costs_at_most_the_rows_that_it_touches(
    position: int, length: int, instead: bytes, indent: int | None, folder: Path
) -> None:
    turns = [[("user", f"{n} é"), ("assistant", "b")] for n in range(9)]
    rows = [{"messages": [{"role": role, "content": text} for role, text in talk]} for talk in turns]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    array = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, indent=indent) for row in rows) + "\n]"
    for name, content in (("rows.jsonl", lines), ("rows.json", array.encode())):
        # The first letters say what the file is.
        at = max(3, position % len(content))
        damaged = content[:at] + instead + content[at + length :]
        path = folder / name
        path.write_bytes(damaged)
        try:
            items = list(read_rows(path))
        except UnreadableFileError:
            assert at < 40
            continue
        good = [item.value for item in items if isinstance(item, Row)]
        assert sum(row in good for row in rows) >= 7 or _says_that_it_stopped(items)
        assert len(items) >= 7 or _says_that_it_stopped(items)


def _says_that_it_stopped(items: list[Row | RowProblem]) -> bool:
    last = items[-1]
    return isinstance(last, RowProblem) and any(
        words in last.sentence for words in ("were not read", "was not read", "The file ends here")
    )
