"""Dataset files and shapes: every row becomes an example or a problem with its line, and no letter is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_image.formats import (
    Example,
    Message,
    Row,
    RowProblem,
    Shape,
    UnreadableFileError,
    read_examples,
    read_rows,
    shape_of,
    to_example,
)

USER, ANSWER = Message("user", "Why?"), Message("assistant", "Because.")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (
            {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]},
            "messages",
        ),
        (
            {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]},
            "sharegpt",
        ),
        ({"instruction": "Why?", "input": "", "output": "Because."}, "alpaca"),
        ({"instruction": "Why?", "response": "Because."}, "alpaca"),
        ({"prompt": "Why?", "completion": "Because."}, "prompt_completion"),
        (
            {
                "prompt": [{"role": "user", "content": "Why?"}],
                "completion": [{"role": "assistant", "content": "Because."}],
            },
            "prompt_completion",
        ),
        ({"question": "Why?", "answer": "Because."}, "question_answer"),
    ],
)
def test_each_shape_is_known_and_read(value: dict[str, Any], shape: Shape) -> None:
    assert shape_of(value) == shape
    assert to_example(Row(1, 1, value), shape) == Example(1, 1, messages=(USER, ANSWER))


def test_text_and_alpaca_input() -> None:
    assert to_example(Row(3, 2, {"text": "Once."}), "text") == Example(3, 2, text="Once.")
    made = to_example(Row(1, 1, {"instruction": "Add.", "input": "1 2", "output": "3"}), "alpaca")
    assert isinstance(made, Example)
    assert made.messages[0].content == "Add.\n\n1 2"


def _talk(*turns: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


@pytest.mark.parametrize(
    ("value", "shape", "kind", "words"),
    [
        (_talk(("alien", "Hi"), ("assistant", "Yo")), "messages", "unknown_role", "alien"),
        (
            _talk(("user", "a"), ("user", "b"), ("assistant", "c")),
            "messages",
            "same_role_twice",
            "Turns 1 and 2",
        ),
        (_talk(("user", "a"), ("assistant", "b"), ("user", "c")), "messages", "no_answer_at_end", "user"),
        (_talk(("user", "a"), ("assistant", " ")), "messages", "empty_answer", "Turn 2"),
        (_talk(("user", "a"), ("assistant", 7)), "messages", "wrong_type", "a number"),
        ({"messages": [{"role": "user"}]}, "messages", "missing_field", "content"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages", "tool_calls", "tool"),
        ({"messages": "Hi"}, "messages", "wrong_type", "text"),
        ({"messages": []}, "messages", "empty_conversation", "no turns"),
        ({"question": "Why?"}, "question_answer", "missing_field", "answer is missing"),
        ({"question": "Why?", "answer": ""}, "question_answer", "empty_answer", "answer is empty"),
        ({"prompt": "Why?", "completion": ["x"]}, "prompt_completion", "wrong_type", "Turn 1"),
        ({"text": None}, "text", "missing_field", "text is missing"),
        ({"text": {"a": 1}}, "text", "wrong_type", "an object"),
    ],
)
def test_what_is_wrong_is_said(value: dict[str, Any], shape: Shape, kind: str, words: str) -> None:
    problem = to_example(Row(5, 4, value), shape)
    assert isinstance(problem, RowProblem)
    assert (problem.line, problem.row, problem.kind) == (5, 4, kind)
    assert words in problem.sentence
    assert str(problem).startswith("Line 5: ")
    assert problem.sentence.endswith(".")


def test_tool_turns_follow_the_call() -> None:
    value = {
        "conversations": [
            {"from": "human", "value": "Time?"},
            {"from": "function_call", "value": '{"name": "clock"}'},
            {"from": "observation", "value": "12:00"},
            {"from": "gpt", "value": "Noon."},
        ]
    }
    made = to_example(Row(1, 1, value), "sharegpt")
    assert isinstance(made, Example)
    assert [message.role for message in made.messages] == ["user", "assistant", "tool", "assistant"]


CALL = {"id": "1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([("user", {}), ("tool", {}), ("assistant", {})], "Turn 2 is by a tool"),
        ([("tool", {}), ("assistant", {})], "Turn 1 is by a tool"),
        (
            [("user", {}), ("assistant", {"tool_calls": [CALL]}), ("tool", {"tool_call_id": "2"}), ("assistant", {})],
            "Turn 3 answers the call '2'",
        ),
        ([("user", {}), ("assistant", {"tool_calls": [CALL]}), ("user", {}), ("assistant", {})], "never answered"),
    ],
)
def test_tools_are_called_and_heard(turns: list[tuple[str, dict[str, Any]]], words: str) -> None:
    value = {"messages": [{"role": role, "content": "So.", **more} for role, more in turns]}
    problem = to_example(Row(1, 1, value), "messages")
    assert isinstance(problem, RowProblem)
    assert problem.kind == "tool_calls"
    assert words in problem.sentence


def test_two_calls_of_one_turn_may_be_answered_in_any_order_and_a_last_call_not_at_all() -> None:
    calls = [CALL, {**CALL, "id": "2"}]
    heard = [{"role": "tool", "content": "12:00", "tool_call_id": one} for one in ("2", "1")]
    asked = {"role": "user", "content": "Time?"}
    for turns in (
        [asked, {"role": "assistant", "tool_calls": calls}, *heard, {"role": "assistant", "content": "Noon."}],
        [asked, {"role": "assistant", "tool_calls": calls}],
    ):
        assert isinstance(to_example(Row(1, 1, {"messages": turns}), "messages"), Example)


def test_a_row_is_named_by_its_number_where_its_line_holds_several() -> None:
    assert str(RowProblem(1, 11, "", "x", "No.")) == "Row 11 (line 1): No."
    assert str(RowProblem(13, 11, "", "x", "No.")) == "Line 13: No."
    assert str(RowProblem(1, 11, "", "x", "No.", part="a.json")) == "a.json, line 1: No."


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_jsonl_keeps_physical_lines(tmp_path: Path) -> None:
    # U+2028 ends no line: JSON may hold it inside a text.
    text = '\n{"text": "a\u2028b"}\r\n\n{broken\n[1]\n{"text": "c"}'
    items = list(read_rows(_write(tmp_path / "rows.jsonl", text)))
    assert [item.line for item in items] == [2, 4, 5, 6]
    assert items[0] == Row(2, 1, {"text": "a\u2028b"})
    assert [item.kind for item in items if isinstance(item, RowProblem)] == ["broken_json", "not_an_object"]
    assert items[3] == Row(6, 4, {"text": "c"})


@pytest.mark.parametrize("wrap", ["%s", '{"version": 1, "data": %s, "end": {"a": [1]}}'])
def test_json_array_and_wrapped_array(wrap: str, tmp_path: Path) -> None:
    array = '[\n  {"text": "a"},\n  7,\n  {\n   "text": "b"}\n]'
    items = list(read_rows(_write(tmp_path / "rows.json", wrap % array)))
    assert [item.line for item in items] == [2, 3, 4]
    assert isinstance(items[1], RowProblem)


def test_json_file_that_is_jsonl_inside(tmp_path: Path) -> None:
    assert len(list(read_rows(_write(tmp_path / "rows.json", '{"text": "a"}\n{"text": "b"}\n')))) == 2


def test_json_that_breaks_off_is_said(tmp_path: Path) -> None:
    for text in ('[{"text": "a"},\n{"text": ', '[{"text": "a"},\n', '{"data": [{"text": "a"},\n{"te'):
        items = list(read_rows(_write(tmp_path / "rows.json", text)))
        assert items[0] == Row(1, 1, {"text": "a"})
        assert isinstance(items[-1], RowProblem)
        assert len(items) == 2


def test_json_without_an_array_is_refused(tmp_path: Path) -> None:
    for text in ('{"a": 1}', '{"a": [1], "b": [2]}', '"text"', ""):
        with pytest.raises(UnreadableFileError):
            list(read_rows(_write(tmp_path / "rows.json", text)))


def test_csv_with_line_breaks_in_cells(tmp_path: Path) -> None:
    text = 'prompt,completion\n"Say\n""hi""",Hi\nonly one\n\nWhy?,"a, b"\n'
    items = list(read_rows(_write(tmp_path / "rows.csv", text)))
    assert items[0] == Row(2, 1, {"prompt": 'Say\n"hi"', "completion": "Hi"})
    assert isinstance(items[1], RowProblem)
    assert (items[1].line, items[1].kind) == (4, "wrong_cells")
    assert items[2] == Row(6, 3, {"prompt": "Why?", "completion": "a, b"})


def test_csv_with_semicolons_and_tsv(tmp_path: Path) -> None:
    wanted = [Row(2, 1, {"question": "a,b", "answer": "c"})]
    assert list(read_rows(_write(tmp_path / "rows.csv", "question;answer\na,b;c\n"))) == wanted
    assert list(read_rows(_write(tmp_path / "rows.tsv", "question\tanswer\na,b\tc\n"))) == wanted


def test_an_open_quote_does_not_swallow_rows_in_silence(tmp_path: Path) -> None:
    items = list(read_rows(_write(tmp_path / "rows.csv", 'text\na\n"b\nc\n')))
    assert items[0] == Row(2, 1, {"text": "a"})
    assert isinstance(items[1], RowProblem)
    assert (items[1].line, items[1].kind) == (3, "broken_row")


def test_text_is_read_by_paragraph(tmp_path: Path) -> None:
    items = list(read_rows(_write(tmp_path / "book.txt", "\none\ntwo\n\n\nthree")))
    assert items == [Row(2, 1, {"text": "one\ntwo"}), Row(6, 2, {"text": "three"})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_no_encoding_loses_a_letter(encoding: str, tmp_path: Path) -> None:
    text = json.dumps({"text": "Zürich – „naïve“ €"}, ensure_ascii=False) + "\n"
    items = list(read_rows(_write(tmp_path / "rows.jsonl", text, encoding)))
    assert items == [Row(1, 1, {"text": "Zürich – „naïve“ €"})]


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "\x81\x8d"}')
    with pytest.raises(UnreadableFileError, match="UTF-8"):
        list(read_rows(path))
    with pytest.raises(UnreadableFileError, match=r"picture\.png"):
        list(read_rows(_write(tmp_path / "picture.png", "")))


def test_unknown_columns_are_named() -> None:
    reading = read_examples([Row(1, 1, {"act": "a", "prompt": "b"})])
    assert reading.shape is None
    assert "act, prompt" in reading.problems[0].sentence


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from(
    [
        "messages",
        "conversations",
        "prompt",
        "completion",
        "question",
        "answer",
        "text",
        "instruction",
        "output",
    ]
)
_turns = st.lists(
    st.fixed_dictionaries({}, optional={"role": _json, "content": _json, "from": _json, "value": _json}) | _json,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(st.dictionaries(_names, _json | _turns, max_size=4) | _json, min_size=2, max_size=6))
def test_no_row_is_ever_lost(values: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values), "utf-8")
    reading = read_examples(read_rows(path))
    assert reading.rows == len(values) == len(reading.examples) + len(reading.problems)
    numbers = sorted([one.row for one in reading.examples] + [one.row for one in reading.problems])
    assert numbers == list(range(1, len(values) + 1))
