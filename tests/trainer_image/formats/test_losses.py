"""Nothing that stands in a row is left away in silence: it is read, said, or the row is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from trainer_image.formats import Example, Message, Reading, read_examples, read_rows, rows_of, shape_of
from trainer_image.formats.rows import Row
from trainer_image.formats.taken import taken_in

ASKED = Message("user", "Why?")
SAID = Message("assistant", "Because.")


def _read(*values: dict[str, Any]) -> Reading:
    return read_examples(rows_of(values))


def _turns(value: dict[str, Any]) -> tuple[Message, ...]:
    (made,) = _read(value).examples
    assert isinstance(made, Example)
    return made.messages


def _taken(value: dict[str, Any]) -> tuple[str, ...]:
    return taken_in(Row(1, 1, value), shape_of(value))


def _kind(value: dict[str, Any]) -> str:
    (problem,) = _read(value).problems
    return problem.kind


def _table(folder: Path, columns: str, *cells: str) -> Reading:
    path = folder / "rows.csv"
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    path.write_text(f"{columns}\n{quoted}\n", "utf-8")
    return read_examples(read_rows(path))


def test_a_context_is_the_second_part_of_an_instruction() -> None:
    value = {"instruction": "Why?", "context": "It rains.", "response": "Because."}
    assert _turns(value) == (Message("user", "Why?\n\nIt rains."), SAID)
    assert _taken(value) == ("context_as_input",)
    assert _taken(value | {"context": ""}) == ()
    beside_input = value | {"input": "Tell."}
    assert _turns(beside_input)[0].content == "Why?\n\nTell."
    assert _taken(beside_input) == ("context_unread",)


@pytest.mark.parametrize("column", ["context", "passage", "document", "input"])
@pytest.mark.parametrize(
    "value",
    [
        {"question": "Why?", "answer": "Because."},
        {"prompt": "Why?", "completion": "Because."},
        {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
        {"prompt": "Why?", "completion": "Because.", "label": True},
        {"problem": "Why?", "solution": "Because."},
    ],
)
def test_a_column_beside_the_question_is_said(value: dict[str, Any], column: str) -> None:
    assert _taken(value) == _taken(value | {column: " "}) == ()
    assert _taken(value | {column: "It rains."}) == (f"{column}_unread",)
    assert any(f"column {column}, which is not read" in note for note in _read(value | {column: "It rains."}).notes)


def test_a_system_prompt_is_read_by_either_name() -> None:
    kind = Message("system", "Be kind.")
    assert _turns({"system_prompt": "Be kind.", "question": "Why?", "response": "Because."}) == (kind, ASKED, SAID)
    turns = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]
    assert _turns({"system_prompt": "Be kind.", "conversations": turns}) == (kind, ASKED, SAID)
    assert _turns({"system": "", "system_prompt": None, "question": "Why?", "answer": "Because."}) == (ASKED, SAID)


@pytest.mark.parametrize("name", ["system", "system_prompt"])
def test_a_system_prompt_that_is_no_text(name: str) -> None:
    assert _kind({name: ["Be kind."], "prompt": "Why?", "completion": "Because."}) == "wrong_type"


def test_a_history_that_is_no_list() -> None:
    value = {"instruction": "Why?", "output": "Because."}
    assert _kind(value | {"history": "Human: Hi"}) == "wrong_type"
    assert _turns(value | {"history": None}) == _turns(value | {"history": ""}) == (ASKED, SAID)


@pytest.mark.parametrize("cell", ['{"value": "0", "unit": "kg"}', "{'answer': 'a', 'unit': 'kg'}", '[{"entity": "e"}]'])
@pytest.mark.parametrize("column", ["completion", "prompt"])
def test_an_answer_in_json_is_its_text(cell: str, column: str, tmp_path: Path) -> None:
    cells = (cell, "Because.") if column == "prompt" else ("Why?", cell)
    (made,) = _table(tmp_path, "prompt,completion", *cells).examples
    assert isinstance(made, Example)
    assert [turn.content for turn in made.messages] == [*cells]


def test_a_question_in_json_is_its_text(tmp_path: Path) -> None:
    cell = '{"from": "Berlin", "to": "Paris"}'
    (made,) = _table(tmp_path, "prompt,completion", cell, "Because.").examples
    assert isinstance(made, Example)
    assert made.messages[0].content == cell


def test_turns_in_a_cell_are_turns(tmp_path: Path) -> None:
    asked, said = [{"role": "user", "content": "Why?"}], {"role": "assistant", "content": "Because."}
    for cells in ((json.dumps(asked), json.dumps(said)), (str(asked), str([said]))):
        (made,) = _table(tmp_path, "prompt,completion", *cells).examples
        assert isinstance(made, Example)
        assert made.messages == (ASKED, SAID)


def test_an_answer_of_several_parts_is_refused() -> None:
    assert _kind({"prompt": "Why?", "completion": {"answer": "Because.", "reason": "So."}}) == "wrong_type"
    assert _kind({"prompt": "Why?", "chosen": {"text": "a", "unit": "kg"}, "rejected": "b"}) == "wrong_type"
    assert _turns({"prompt": "Why?", "completion": {"answer": "Because.", "reason": None}}) == (ASKED, SAID)


@pytest.mark.parametrize(
    "value", [{"instruction": "a", "output": "b"}, {"question": "a", "answer": "b"}, {"problem": "a", "solution": "b"}]
)
def test_a_judged_answer_of_other_names_is_asked_about(value: dict[str, Any]) -> None:
    assert shape_of(value | {"label": False}) is None
    assert shape_of(value | {"label": "physics"}) == shape_of(value)


def test_an_answer_to_nothing_is_refused() -> None:
    system, said = {"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Because."}
    assert _kind({"messages": [said]}) == _kind({"messages": [system, said]}) == "empty_question"
    greeted = [said, {"role": "user", "content": "Why?"}, said]
    assert len(_turns({"messages": greeted})) == 3


def test_a_system_turn_stands_first() -> None:
    system, said = {"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Because."}
    assert _kind({"messages": [{"role": "user", "content": "Why?"}, system, said]}) == "system_not_first"


def test_a_call_in_the_older_way_is_read() -> None:
    call = {"name": "look", "arguments": '{"at": 1}'}
    asked, back = {"role": "user", "content": "Why?"}, {"role": "function", "name": "look", "content": "rain"}
    for text in ("Let me look.", None):
        said = {"role": "assistant", "content": text, "function_call": call}
        turns = _turns({"messages": [asked, said, back, {"role": "assistant", "content": "Because."}]})
        (made,) = turns[1].tool_calls
        assert (turns[1].content, made["function"]) == (text or "", {"name": "look", "arguments": {"at": 1}})
    plain = {"role": "assistant", "content": "Because.", "function_call": None}
    assert _turns({"messages": [asked, plain]}) == (ASKED, SAID)


@pytest.mark.parametrize(
    ("more", "what"),
    [({"reasoning_content": "Hm."}, "reasoning_unread"), ({"weight": 0}, "weight_unread"), ({"weight": 1}, "")],
)
def test_what_a_turn_holds_beside_its_text_is_said(more: dict[str, Any], what: str) -> None:
    asked, said = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because.", **more}
    assert _taken({"messages": [asked, said]}) == ((what,) if what else ())


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("[{'role': 'user', 'role': 'system', 'content': 'a'}]", "duplicate_key"),
        ("[{'role': 'user', 'content': 'a\\ud83d'}]", "half_letter"),
        ("[{'role': 'user', 'content': 'a' 'b'}]", "broken_list"),
    ],
)
def test_lists_as_python_prints_them_are_as_strict(cell: str, kind: str, tmp_path: Path) -> None:
    (problem,) = _table(tmp_path, "messages,id", cell, "1").problems
    assert problem.kind == kind


@pytest.mark.parametrize("column", ["answer", "output", "completion"])
def test_what_is_no_number_is_no_answer(column: str) -> None:
    question = {"answer": "question", "output": "instruction", "completion": "prompt"}[column]
    assert _kind({question: "Why?", column: math.nan}) == "not_a_number"
    assert _turns({question: "Why?", column: 0.5})[-1].content == "0.5"
