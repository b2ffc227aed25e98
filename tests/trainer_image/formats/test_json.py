"""JSON that is whole, broken or strange: every row is counted, and reading goes on where that is safe."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from trainer_image.formats import ReadOptions, Row, RowProblem, UnreadableFileError, read_examples, read_rows
from trainer_image.formats.rows import as_text


def _read(path: Path, text: str, options: ReadOptions | None = None) -> list[Row | RowProblem]:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return list(read_rows(path, options or ReadOptions()))


def _kinds(items: list[Row | RowProblem]) -> list[str]:
    return [item.kind if isinstance(item, RowProblem) else "" for item in items]


BAD_VALUES = [
    ('{"a": 1, "a": 2}', "duplicate_key", "a"),
    ('{"m": [{"role": "x", "role": "y"}]}', "duplicate_key", "role"),
    ('{"a": NaN}', "not_a_number", ""),
    ('{"a": -Infinity}', "not_a_number", ""),
    ('{"a": 1e999}', "not_a_number", ""),
    ('{"a": ' + "9" * 5000 + "}", "not_a_number", ""),
    ('{"a": "\\ud800"}', "half_letter", "a"),
    ('{"a": {"b": ["x", "\\uDC00 y"]}}', "half_letter", "a"),
    ('{"\\udfff": 1}', "half_letter", ""),
    ('{"a": "\ud83d"}', None, ""),
    ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "too_deep", ""),
    ("[1, 2]", "not_an_object", ""),
    ("null", "not_an_object", ""),
]


@pytest.mark.parametrize(("text", "kind", "column"), BAD_VALUES)
@pytest.mark.parametrize("as_array", [False, True])
def test_what_json_may_not_hold_is_a_problem_of_its_row_alone(
    text: str, kind: str | None, column: str, as_array: bool, tmp_path: Path
) -> None:
    good = '{"text": "good"}'
    rows = [good, text, good]
    whole = "[" + ", ".join(rows) + "]" if as_array else "\n".join(rows)
    items = _read(tmp_path / ("rows.json" if as_array else "rows.jsonl"), whole)
    assert [isinstance(item, Row) for item in items] == [True, False, True]
    bad = items[1]
    assert isinstance(bad, RowProblem)
    assert (bad.line, bad.row) == (1 if as_array else 2, 2)
    assert bad.kind == kind or kind is None
    assert bad.column == column or kind is None
    assert bad.fix
    assert bad.sentence.endswith(bad.fix)


def test_a_letter_in_two_escapes_is_whole(tmp_path: Path) -> None:
    assert _read(tmp_path / "a.jsonl", '{"text": "\\ud83e\\udd8a \\\\ud800"}') == [Row(1, 1, {"text": "🦊 \\ud800"})]
    assert _read(tmp_path / "a.json", '[{"text": "\\ud83e\\udd8a \\\\ud800"}]') == [Row(1, 1, {"text": "🦊 \\ud800"})]


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ('{"a": 1},         {"a": 2}', "line of its own"),
        ('{"a": 1} {"a": 2}', "line of its own"),
        ("{'a': 1}", "double quotes"),
        ('{"a": None}', "JSON's own words"),
        ('{"a": "x\ty"}', "\\t"),
        ('{"a": "C:\\x"}', "backslash"),
        ('{"a": "x', "take it out"),
    ],
)
def test_broken_lines_say_what_would_mend_them(line: str, fix: str, tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.jsonl", f'{{"a": 0}}\n{line}\n{{"a": 3}}\n')
    assert _kinds(items) == ["", "broken_json", ""]
    assert isinstance(items[1], RowProblem)
    assert items[1].line == 2
    assert fix in items[1].fix


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1}{"a": 2}', "2 rows stand on this line, the second from character 9 on."),
        ('{"a": 1} , {"a": 2} {"a": {"b": 3}},', "3 rows stand on this line, the second from character 10 on."),
        ('{"a": 1} {"a": ', "This is no JSON (Extra data, character 10)."),
        ('{"a": 1} and more', "This is no JSON (Extra data, character 10)."),
    ],
)
def test_a_line_with_several_rows_is_one_bad_row_that_says_how_many(line: str, said: str, tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.jsonl", f'{{"a": 0}}\n{line}\n{{"a": 3}}\n')
    assert _kinds(items) == ["", "broken_json", ""]
    assert isinstance(items[1], RowProblem)
    assert (items[1].line, items[1].row) == (2, 2)
    assert items[1].sentence == f"{said} Put each row on a line of its own."


@pytest.mark.parametrize("end", [",", ", ", " ,\r"])
def test_a_comma_behind_a_row_is_left_away_and_noted(end: str, tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.jsonl", f'{{"a": 0}}\n{{"a": 1}}{end}\n{{"a": 2}}{end}')
    assert [(item.line, item.value, item.taken) for item in items if isinstance(item, Row)] == [
        (1, {"a": 0}, ()),
        (2, {"a": 1}, ("trailing_comma",)),
        (3, {"a": 2}, ("trailing_comma",)),
    ]


def test_numbers_remember_how_they_were_written(tmp_path: Path) -> None:
    (row,) = _read(tmp_path / "rows.jsonl", '{"a": 3.50, "b": 2.5, "c": 7}')
    assert isinstance(row, Row)
    assert row.value == {"a": 3.5, "b": 2.5, "c": 7}
    assert [as_text(value) for value in pickle.loads(pickle.dumps(row)).value.values()] == ["3.50", "2.5", "7"]
    assert json.dumps(row.value["a"]) == "3.5"


def test_an_array_goes_on_behind_a_broken_line(tmp_path: Path) -> None:
    """Each row begins a line: a string holds no line break, so the next such line begins a row."""
    for indent in ("", "  ", "\t"):
        for broken in ('{"a": "x', '{"a": "x}', '{"a": 1', '{"a": {"b": 1}', '{"a": "x" "y"}', '{"a"; 1}}}'):
            text = f'[\n{indent}{{"a": 0}},\n{indent}{broken},\n{indent}{{"a": 2}}\n]'
            items = _read(tmp_path / "rows.json", text)
            assert _kinds(items) == ["", "broken_json", ""]
            assert [item.line for item in items] == [2, 3, 4]


def test_a_broken_row_over_many_lines_is_one(tmp_path: Path) -> None:
    rows = json.dumps([{"text": f"{n}", "more": [{"x": n}]} for n in range(4)], indent=2)
    items = _read(tmp_path / "rows.json", rows.replace('"text": "1",', '"text": "1'))
    assert _kinds(items) == ["", "broken_json", "", ""]
    assert [item.line for item in items] == [2, 10, 18, 26]


def test_a_broken_last_row_ends_with_the_array(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.json", '[\n  {"a": 0},\n  {"a": "x\n]\n')
    assert _kinds(items) == ["", "broken_json"]


def test_within_one_line_only_what_is_safe_is_read_on(tmp_path: Path) -> None:
    for broken in ("{'a': 1}", '{"a": 1,}', '{"a": True}', '{"a": "\\x"}', "abc"):
        items = _read(tmp_path / "rows.json", f'[{{"a": 0}}, {broken}, {{"a": 2}}]')
        assert _kinds(items) == ["", "broken_json", ""]
    for broken in ('{"a": "x}', '{"a": 1'):
        items = _read(tmp_path / "rows.json", f'[{{"a": 0}}, {broken}, {{"a": 2}}]')
        assert _kinds(items) == ["", "broken_json"]
    assert isinstance(items[1], RowProblem)
    assert "were not read" in items[1].sentence


def test_what_stands_behind_the_array_is_said(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.json", '[{"a": 0}]\nabc')
    assert _kinds(items) == ["", "broken_json"]


def test_arrays_one_after_the_other(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.json", '[{"a": 0}]\n[{"a": 1}, {"a": 2}] [\n{"a": 3}]')
    assert _kinds(items) == [""] * 4
    assert [(item.line, item.number) for item in items if isinstance(item, Row)] == [(1, 1), (2, 2), (2, 3), (3, 4)]


def test_objects_one_after_the_other(tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}", "completion": "x"} for n in range(3)]
    text = "\n".join(json.dumps(row, indent=2) for row in rows)
    for name in ("rows.json", "rows.jsonl"):
        items = _read(tmp_path / name, text)
        assert [item.value for item in items if isinstance(item, Row)] == rows
        assert [item.line for item in items] == [1, 5, 9]


def test_one_row_is_a_row_and_not_its_turns(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    for name in ("rows.json", "rows.jsonl"):
        for indent in (None, 2):
            assert _read(tmp_path / name, json.dumps(row, indent=indent)) == [Row(1, 1, row)]


TALK = {"id": 1, "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
WRAPPED = [
    {"conversations": [TALK, TALK]},
    {"messages": [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}] * 2},
    {"version": "2", "messages": [{"prompt": "a", "completion": "b"}] * 2},
]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("value", WRAPPED)
def test_rows_may_stand_under_the_name_of_a_column(tmp_path: Path, name: str, indent: int | None, value: Any) -> None:
    items = _read(tmp_path / name, json.dumps(value, indent=indent))
    assert [item.value for item in items if isinstance(item, Row)] == [*value.values()][-1]
    assert _kinds(items) == ["", ""]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
def test_many_rows_may_stand_under_the_name_of_a_column(tmp_path: Path, name: str, indent: int | None) -> None:
    row = {**TALK, "note": "x" * 1000}
    assert len(_read(tmp_path / name, json.dumps({"conversations": [row] * 5000}, indent=indent))) == 5000


def test_a_turn_without_a_speaker_is_no_row(tmp_path: Path) -> None:
    for turn in ({"text": "a"}, {"content": "a"}, {"role": "user", "messages": "a"}, "a"):
        assert len(_read(tmp_path / "rows.json", json.dumps({"messages": [turn, turn]}))) == 1


def test_the_key_of_the_rows_may_be_said(tmp_path: Path) -> None:
    text = json.dumps({"train": [{"text": "a"}], "test": [{"text": "b"}]})
    with pytest.raises(UnreadableFileError, match="train and test"):
        _read(tmp_path / "rows.json", text)
    assert _read(tmp_path / "rows.json", text, ReadOptions(array="test")) == [Row(1, 1, {"text": "b"})]


def test_a_large_object_with_two_arrays_is_refused_when_that_shows(tmp_path: Path) -> None:
    rows = [{"text": "x" * 1000}] * 6000
    with pytest.raises(UnreadableFileError, match="train and test"):
        _read(tmp_path / "rows.json", json.dumps({"train": rows, "test": rows[:1]}))
    items = _read(tmp_path / "rows.json", json.dumps({"meta": {"n": 1}, "train": rows, "tags": ["a"]}))
    assert len(items) == 6000


def test_an_element_cut_by_the_end_of_a_block_is_whole(tmp_path: Path) -> None:
    """A number, a word, an escape and a string may all lie across what is read at once."""
    for tail in ('"n": 123456789}', '"n": true}', '"n": "\\u00e9\\ud83e\\udd8a"}', '"n": "' + "y" * 90 + '"}'):
        wanted = json.loads("{" + tail)
        for before in range((1 << 20) - 40, (1 << 20) + 2, 3):
            filler = '[{"x": "' + "x" * (before - 20) + '"}, {'
            items = _read(tmp_path / "rows.json", filler + tail + ', {"text": "é"}]')
            assert [item.value for item in items[1:] if isinstance(item, Row)] == [wanted, {"text": "é"}]


def test_objects_that_nobody_has_parted(tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.jsonl", "".join(json.dumps({"text": f"{n}"}) for n in range(3)))
    assert [item.value for item in items if isinstance(item, Row)] == [{"text": "0"}, {"text": "1"}, {"text": "2"}]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("// rows", "comment"),
        ("# rows", "comment"),
        ("{\u201ctext\u201d: 1}", "curly"),
        ('{text: "a"}', "names of the columns in double quotes"),
        ('{"text": "a\0b"}', "zero bytes"),
        ("\0\0\0", "zero bytes"),
        ('{"text": "a', "The file ends inside this row"),
    ],
)
def test_what_would_mend_a_line_is_said(tmp_path: Path, line: str, words: str) -> None:
    items = _read(tmp_path / "rows.jsonl", '{"text": "a"}\n{"text": "b"}\n' + line)
    assert isinstance(items[2], RowProblem)
    assert (items[2].line, items[2].kind) == (3, "broken_json")
    assert words in items[2].fix


def test_a_comment_at_the_top_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="comment"):
        _read(tmp_path / "rows.json", '// rows\n[\n{"text": "a"}\n]')


CAPITALS = [{"Question": "Why?", "Answer": "So.", "Id": 1}, {"question": "Who?", "answer": "Me."}]


@pytest.mark.parametrize("as_array", [False, True])
def test_known_names_are_known_in_capitals(tmp_path: Path, as_array: bool) -> None:
    text = json.dumps(CAPITALS) if as_array else "\n".join(map(json.dumps, CAPITALS))
    items = _read(tmp_path / "rows.json", text)
    assert [item.value for item in items if isinstance(item, Row)] == [
        {"question": "Why?", "answer": "So.", "Id": 1},
        {"question": "Who?", "answer": "Me."},
    ]


def test_a_name_in_capitals_replaces_no_other(tmp_path: Path) -> None:
    row = {"Text": "a", "text": "b", "TEXT": "c"}
    assert _read(tmp_path / "rows.jsonl", json.dumps(row)) == [Row(1, 1, row)]


def test_a_mapping_may_name_a_column_as_the_file_does() -> None:
    reading = read_examples(
        [Row(1, 1, {"answer": "So.", "q": "Why?"})], mapping={"prompt": "q", "completion": "Answer"}
    )
    assert reading.shape == "prompt_completion"


_PAIRS = [{"prompt": f"Q{n}?", "completion": f"A{n}."} for n in range(3)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "whole",
    [
        {str(number): pair for number, pair in enumerate(_PAIRS)},
        {"result": {"items": _PAIRS}},
        {"status": "ok", "result": {"count": 3, "items": _PAIRS}},
        {"features": [{"name": "prompt"}], "rows": [{"row_idx": n, "row": pair} for n, pair in enumerate(_PAIRS)]},
    ],
    ids=["by their index", "one key deep", "one key deep beside others", "as a server answers"],
)
def test_rows_one_step_deeper(whole: Any, indent: int | None, tmp_path: Path) -> None:
    items = _read(tmp_path / "rows.json", json.dumps(whole, indent=indent))
    assert [item.value for item in items if isinstance(item, Row)] == _PAIRS
    assert len(items) == 3


def test_rows_by_their_index_that_break_off_keep_the_rows_before(tmp_path: Path) -> None:
    text = json.dumps({str(number): pair for number, pair in enumerate(_PAIRS)})[:-20]
    *rows, last = _read(tmp_path / "rows.json", text)
    assert [row.value for row in rows if isinstance(row, Row)] == _PAIRS[:2]
    assert isinstance(last, RowProblem)
    assert last.kind == "broken_json"


def test_an_object_of_settings_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="neither an array"):
        _read(tmp_path / "rows.json", json.dumps({"a": {"text": "x"}, "b": {"size": 1}}))


@pytest.mark.parametrize(
    "cells",
    [
        {"prompt": ["a", "b"], "completion": ["c", "d"]},
        {"prompt": {"0": "a", "1": "b"}, "completion": {"0": "c", "1": "d"}},
        {"id": {"0": "a", "1": "b"}, "prompt": {"0": "c", "1": "d"}},
        {"messages": {"0": [{"role": "user", "content": "a"}]}},
    ],
)
def test_cells_column_by_column_are_called_so(cells: Any, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="column by column") as caught:
        _read(tmp_path / "rows.json", json.dumps(cells))
    assert "records" in caught.value.hint


@pytest.mark.parametrize("before", ["```json\n", "Sure, here they are:\n\n```json\n", "Sure, here they are:\n"])
def test_an_answer_copied_out_of_a_chat_is_called_so(before: str, tmp_path: Path) -> None:
    rows = json.dumps([{"prompt": "a", "completion": "b"}] * 3, indent=2)
    with pytest.raises(UnreadableFileError, match="other words around its JSON"):
        _read(tmp_path / "rows.json", f"{before}{rows}\n{'```' if '```' in before else ''}")
