"""Every shape as what each method learns from: nothing lost between a row and what it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from trainer_image.formats import (
    FEEDS,
    KINDS,
    SHAPES,
    Example,
    Examples,
    Kind,
    Labelled,
    Made,
    Message,
    Preference,
    Reading,
    Row,
    RowProblem,
    Shape,
    Steps,
    Task,
    convert,
    examples_of,
    read_examples,
    rows_of,
    shape_of,
    why_not,
)

Q, GOOD, BAD = Message("user", "Why?"), Message("assistant", "Because."), Message("assistant", "Dunno.")


def _turns(*messages: Message) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _one(value: dict[str, Any], kind: Kind, shape: Shape | None = None) -> Made | RowProblem:
    (made,) = convert(Row(3, 2, value), shape or shape_of(value), kind)
    assert isinstance(made, Made | RowProblem)
    return made


def _problem(value: dict[str, Any], kind: Kind, shape: Shape | None = None) -> RowProblem:
    made = _one(value, kind, shape)
    assert isinstance(made, RowProblem), made
    assert (made.line, made.row) == (3, 2)
    assert made.sentence.endswith(made.fix)
    assert made.fix.endswith(".")
    return made


HH = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:"
PREFERENCES: list[dict[str, Any]] = [
    {"prompt": "Why?", "chosen": "Because.", "rejected": "Dunno."},
    {"question": "Why?", "chosen": "Because.", "rejected": "Dunno."},
    {"instruction": "Why?", "input": "", "chosen": "Because.", "rejected": "Dunno."},
    {"query": "Why?", "chosen": "Because.", "rejected": "Dunno."},
    {"prompt": _turns(Q), "chosen": _turns(GOOD), "rejected": _turns(BAD)},
    {"prompt": "Why?", "chosen": _turns(Q, GOOD), "rejected": _turns(Q, BAD)},
    {"chosen": _turns(Q, GOOD), "rejected": _turns(Q, BAD)},
    {"chosen": "\n\nHuman: Why?\n\nAssistant: Because.", "rejected": "\n\nHuman: Why?\n\nAssistant: Dunno."},
    {"prompt": "\n\nHuman: Why?\n\nAssistant:", "chosen": " Because.", "rejected": " Dunno."},
    {"input": {"messages": _turns(Q)}, "preferred_output": _turns(GOOD), "non_preferred_output": _turns(BAD)},
    {
        "conversations": [{"from": "human", "value": "Why?"}],
        "chosen": {"from": "gpt", "value": "Because."},
        "rejected": {"from": "gpt", "value": "Dunno."},
    },
    {"prompt": "Why?", "chosen": {"text": "Because.", "score": 9}, "rejected": {"text": "Dunno.", "score": 1}},
]


@pytest.mark.parametrize("value", PREFERENCES)
def test_every_spelling_of_a_preference(value: dict[str, Any]) -> None:
    assert shape_of(value) == "preference"
    made = _one(value, "preference")
    assert isinstance(made, Preference)
    spoken = [
        [(turn.role, turn.content.strip()) for turn in side] for side in (made.prompt, made.chosen, made.rejected)
    ]
    assert spoken == [[("user", "Why?")], [("assistant", "Because.")], [("assistant", "Dunno.")]]


def test_a_preference_feeds_the_others() -> None:
    row = Row(3, 2, PREFERENCES[0])
    assert convert(row, "preference", "labelled") == [
        Labelled(3, 2, (Q,), (GOOD,), True),
        Labelled(3, 2, (Q,), (BAD,), False),
    ]
    assert convert(row, "preference", "conversation") == [Example(3, 2, (Q, GOOD))]
    assert convert(row, "preference", "task") == [
        Task(3, 2, (Q,), "", {"chosen": "Because.", "rejected": "Dunno."}),
    ]


def test_dialogues_part_where_the_answers_differ() -> None:
    made = _one({"chosen": f"{HH} Because.", "rejected": f"{HH} Dunno."}, "preference")
    assert made == Preference(3, 2, (Message("user", "Hi"), Message("assistant", "Hello"), Q), (GOOD,), (BAD,))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"prompt": "Why?", "chosen": "Because.", "rejected": " Because."}, "chosen_is_rejected"),
        ({"chosen": f"{HH} Because.", "rejected": f"{HH} Because."}, "chosen_is_rejected"),
        ({"prompt": "Why?", "chosen": "Because.", "rejected": ""}, "empty_answer"),
        ({"prompt": "Why?", "chosen": "Because."}, "missing_field"),
        ({"prompt": " ", "chosen": "Because.", "rejected": "Dunno."}, "empty_question"),
        ({"chosen": "Because.", "rejected": "Dunno."}, "no_common_prompt"),
        ({"chosen": _turns(Q, GOOD), "rejected": _turns(Message("user", "What?"), BAD)}, "no_common_prompt"),
        ({"chosen": f"{HH} A\n\nHuman: B", "rejected": f"{HH} C"}, "no_answer_at_end"),
        ({"chosen": f"{HH} A", "rejected": HH}, "empty_answer"),
        ({"prompt": _turns(Q, GOOD), "chosen": "A", "rejected": "B"}, "same_role_twice"),
        ({"prompt": "Why?", "chosen": [7], "rejected": "B"}, "wrong_type"),
        ({"prompt": "Why?", "responses": ["A", "B"], "chosen": 0, "rejected": 1}, "wrong_type"),
        ({"prompt": "Why?", "chosen": "a <|eot_id|>", "rejected": "B"}, "template_mark"),
    ],
)
def test_what_is_wrong_with_a_preference(value: dict[str, Any], kind: str) -> None:
    assert _problem(value, "preference", "preference").kind == kind


def test_two_answers_may_be_numbers() -> None:
    reading = read_examples(rows_of([{"prompt": "Why?", "chosen": 8, "rejected": 9.5}]))
    (made,) = reading.examples
    assert isinstance(made, Preference)
    assert [made.chosen[0].content, made.rejected[0].content] == ["8", "9.5"]
    assert any("has a number, or true or false, for its answer" in note for note in reading.notes)


@pytest.mark.parametrize("label", [True, False, 1, 0, 1.0, "true", "False", " 1 ", "1.0", "0.0", "thumbs_up", "👎"])
def test_every_spelling_of_a_label(label: Any) -> None:
    made = _one({"prompt": "Why?", "completion": "Because.", "label": label}, "labelled")
    wanted = label in (True, "true", " 1 ", "1.0", "thumbs_up")
    assert made == Labelled(3, 2, (Q,), (GOOD,), wanted)


def test_a_label_beside_whole_turns() -> None:
    value = {"messages": _turns(Q, GOOD), "label": False}
    assert _one(value, "labelled") == Labelled(3, 2, (Q,), (GOOD,), False)


@pytest.mark.parametrize("label", ["maybe", 2, 0.5, [], {"a": 1}])
def test_a_label_that_is_none(label: Any) -> None:
    problem = _problem({"prompt": "Why?", "completion": "Because.", "label": label}, "labelled")
    assert (problem.kind, problem.column) == ("label_not_boolean", "label")


def test_bad_answers_are_left_out_of_conversations_and_counted() -> None:
    rows = [{"prompt": "Why?", "completion": "x", "label": n % 3 == 0} for n in range(9)]
    reading = read_examples(rows_of([*rows, {"prompt": "Why?", "completion": "", "label": True}]), kind="conversation")
    assert (reading.rows, len(reading.examples), len(reading.left_out), len(reading.problems)) == (10, 3, 6, 1)


# Rankings


def _ranked(ranking: Any, column: str = "ranking") -> dict[str, Any]:
    return {"prompt": "Why?", "responses": ["a", "b", "c"], column: ranking}


def _pairs(reading: Reading) -> list[str]:
    return [
        f"{made.chosen[0].content}{made.rejected[0].content}"
        for made in reading.examples
        if isinstance(made, Preference)
    ]


@pytest.mark.parametrize(
    ("rankings", "words", "pairs"),
    [
        # A tie is possible among ranks only, and then the permutation beside it is one of ranks too.
        ([[1, 2, 2], [3, 1, 2]], "rank of each", ["ab", "ac", "ba", "ca", "bc"]),
        # A zero is possible in an order only.
        ([[2, 0, 1]], "counted from 0", ["ab", "ca", "cb"]),
        ([[2, 3, 1]], "rank of each", ["ab", "ca", "cb"]),
    ],
)
def test_both_meanings_of_a_ranking(rankings: list[list[int]], words: str, pairs: list[str]) -> None:
    reading = read_examples(rows_of(map(_ranked, rankings)), kind="preference")
    assert sorted(_pairs(reading)) == sorted(pairs)
    assert words in reading.notes[0]


@pytest.mark.parametrize(
    ("column", "numbers", "pairs"),
    [
        ("order", [2, 3, 1], ["ba", "bc", "ca"]),
        ("ranks", [2, 3, 1], ["ab", "ca", "cb"]),
        ("scores", [0.5, -1, 7], ["ab", "ca", "cb"]),
    ],
)
def test_a_column_that_says_what_it_is_decides(column: str, numbers: list[float], pairs: list[str]) -> None:
    assert sorted(_pairs(read_examples(rows_of([_ranked(numbers, column)])))) == pairs


def test_a_ranking_that_nothing_decides_says_so() -> None:
    undecided = read_examples(rows_of([_ranked([2, 3, 1]), _ranked([1, 2, 3]), _ranked([2, 1, 3])]))
    assert any("1 row allows" in note for note in undecided.notes)
    # One of itself in reverse is the same either way.
    sure = read_examples(rows_of([_ranked([1, 2, 3]), _ranked([2, 1, 3])]))
    assert not any("either reading" in note for note in sure.notes)


def test_the_other_meaning_in_one_row_is_its_problem() -> None:
    reading = read_examples(rows_of([_ranked([1, 2, 2]), _ranked([1, 1, 2]), _ranked([0, 1, 2])]))
    assert [(problem.row, problem.kind) for problem in reading.problems] == [(3, "bad_ranking")]


@pytest.mark.parametrize(
    ("ranking", "kind"),
    [
        ([1, 2], "bad_ranking"),
        ([1, 2, 9], "bad_ranking"),
        ([1, True, 2], "bad_ranking"),
        ("1, 2, 3", "bad_ranking"),
        (None, "bad_ranking"),
        ([1, 1, 1], "all_tied"),
    ],
)
def test_ranks_that_do_not_fit(ranking: Any, kind: str) -> None:
    assert _problem(_ranked(ranking), "preference").kind == kind


def test_answers_with_their_own_scores() -> None:
    for key, numbers in (("score", [1, 9]), ("rank", [2, 1]), ("overall_score", [1.5, 2])):
        completions = [{"response": text, key: number} for text, number in zip("ab", numbers, strict=True)]
        value = {"instruction": "Why?", "completions": completions}
        assert shape_of(value) == "ranking"
        assert _one(value, "conversation") == Example(3, 2, (Q, Message("assistant", "b")))
    assert _problem({"prompt": "Why?", "completions": [{"response": "a"}]}, "preference").kind == "too_few_answers"


# Tasks


@pytest.mark.parametrize(
    ("value", "answer", "fields"),
    [
        ({"problem": "Why?", "answer": 72}, "72", {}),
        ({"problem": "Why?", "solution": "So.", "answer": "7", "level": 3}, "7", {"solution": "So.", "level": 3}),
        ({"prompt": "Why?", "answer": "7"}, "7", {}),
        ({"prompt": _turns(Q), "solution": "7"}, "7", {}),
        ({"question": "Why?", "answer": "So.\n#### 7", "id": 1}, "So.\n#### 7", {"id": 1}),
        ({"prompt": "Why?", "tests": ["assert f()"]}, "", {"tests": ["assert f()"]}),
        ({"text": "Why?", "code": "f", "test_list": ["assert f()"]}, "f", {"test_list": ["assert f()"]}),
        (
            {"prompt": "Why?", "canonical_solution": "f", "test": "t", "entry_point": "f"},
            "f",
            {"test": "t", "entry_point": "f"},
        ),
        ({"prompt": "Why?", "schema": {"type": "object"}}, "", {"schema": {"type": "object"}}),
        ({"instruction": "Why?", "output": "7"}, "7", {}),
        ({"prompt": "Why?", "completion": "7"}, "7", {}),
        ({"messages": _turns(Q, Message("assistant", "7")), "id": 1}, "7", {"id": 1}),
    ],
)
def test_every_spelling_of_a_task(value: dict[str, Any], answer: str, fields: dict[str, Any]) -> None:
    assert _one(value, "task") == Task(3, 2, (Q,), answer, fields)


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        ({"problem": "", "answer": "7"}, "task", "empty_question"),
        ({"problem": "Why?", "answer": ""}, "task", "empty_answer"),
        ({"problem": "Why?", "answer": ["7"]}, "task", "wrong_type"),
        ({"prompt": "Why?", "tests": []}, "task", "missing_field"),
        ({"prompt": "Why?", "tests": ["t"]}, "conversation", "empty_answer"),
        ({"messages": _turns(GOOD)}, "task", "empty_question"),
    ],
)
def test_what_is_wrong_with_a_task(value: dict[str, Any], kind: Kind, problem: str) -> None:
    assert _problem(value, kind).kind == problem


# Steps


PRM800K = {
    "question": {"problem": "Why?"},
    "label": {
        "steps": [
            {"completions": [{"text": "a", "rating": 1}, {"text": "z", "rating": -1}], "chosen_completion": 0},
            {"completions": [{"text": "b", "rating": 0}], "chosen_completion": None},
            {"completions": [{"text": "c", "rating": -1}], "chosen_completion": None},
        ]
    },
}
SHEPHERD = {
    "input": "Why? Step 1: a = 1 + 1 ки\nStep 2: b ки",
    "label": "Why? Step 1: a = 1 + 1 +\nStep 2: b -",
    "task": "GSM8K",
}


@pytest.mark.parametrize(
    ("value", "steps", "labels"),
    [
        ({"prompt": "Why?", "completions": ["a", "b"], "labels": [True, 0]}, ("a", "b"), (True, False)),
        (PRM800K, ("a", "b", "c"), (True, True, False)),
        (SHEPHERD, ("Step 1: a = 1 + 1", "Step 2: b"), (True, False)),
    ],
)
def test_every_spelling_of_steps(value: dict[str, Any], steps: tuple[str, ...], labels: tuple[bool, ...]) -> None:
    assert shape_of(value) == "steps"
    assert _one(value, "steps") == Steps(3, 2, (Q,), steps, labels)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"labels": [True]}, "labels_unlike_steps"),
        ({"labels": [True, "yes"]}, "label_not_boolean"),
        ({"labels": True}, "wrong_type"),
        ({"completions": ["a", " "]}, "empty_step"),
        ({"completions": []}, "wrong_type"),
        ({"prompt": ""}, "empty_question"),
    ],
)
def test_what_is_wrong_with_steps(change: dict[str, Any], kind: str) -> None:
    value = {"prompt": "Why?", "completions": ["a", "b"], "labels": [True, False]} | change
    assert _problem(value, "steps", "steps").kind == kind


# Conversations


def test_calls_of_tools_are_kept_with_their_arguments_as_an_object() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "CET"}'}}
    tools = [{"type": "function", "function": {"name": "clock"}}]
    value = {
        "messages": [
            {"role": "user", "content": "Time?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "12:00"},
            {"role": "assistant", "content": "Noon."},
        ],
        "tools": tools,
    }
    for given in (tools, json.dumps(tools)):
        made = _one(value | {"tools": given}, "conversation")
        assert isinstance(made, Example)
        assert made.tools == tuple(tools)
        assert made.messages[1].tool_calls[0]["function"] == {"name": "clock", "arguments": {"zone": "CET"}}
        assert made.messages[1].as_turn() == {
            "role": "assistant",
            "content": "",
            "tool_calls": [{**call, "function": {"name": "clock", "arguments": {"zone": "CET"}}}],
        }


@pytest.mark.parametrize(
    ("calls", "role"), [([{"function": {"arguments": "{}"}}], "assistant"), ("clock()", "assistant"), ([{}], "user")]
)
def test_calls_that_are_none(calls: Any, role: str) -> None:
    value = {"messages": [{"role": role, "content": "x", "tool_calls": calls}]}
    assert _problem(value, "conversation").kind == "tool_calls"


def test_roles_misspelled_get_the_nearest() -> None:
    for wrong, right in (("assitant", "assistant"), ("usr", "user"), ("humn", "human"), ("sytem", "system")):
        problem = _problem({"messages": [{"role": wrong, "content": "x"}]}, "conversation")
        assert (problem.kind, problem.fix) == ("unknown_role", f"Write {right}.")


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}],
        [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}],
        [{"from": "user", "text": "Why?"}, {"from": "assistant", "text": "Because."}],
        [{"role": "User", "value": "Why?"}, {"role": "model", "content": [{"type": "text", "text": "Because."}]}],
    ],
)
def test_dialects_of_sharegpt(turns: list[dict[str, Any]]) -> None:
    assert _one({"conversations": turns}, "conversation") == Example(3, 2, (Q, GOOD))


def test_a_part_without_a_text_is_a_problem() -> None:
    for text in (None, 7, ["Why?"]):
        turns = [{"role": "user", "content": [{"type": "text", "text": text}]}, *_turns(GOOD)]
        assert _problem({"messages": turns}, "conversation").kind == "wrong_type"


def test_an_input_of_blanks_is_none() -> None:
    for blank in (" ", "\n\t", "\u3000"):
        row = {"instruction": "Why?", "input": blank, "output": "Because."}
        assert _one(row, "conversation") == Example(3, 2, (Q, GOOD))


@pytest.mark.parametrize("text", ["[17]", "[]", '["a"]', "[1, 2"])
def test_a_text_in_square_brackets_is_no_list_of_turns(text: str) -> None:
    reading = read_examples(rows_of([{"prompt": "Why?", "completion": "Because.", "conversation": text}]))
    assert (reading.shape, len(reading.examples)) == ("prompt_completion", 1)
    assert not any("as the text of a list" in note for note in reading.notes)


@pytest.mark.parametrize("mark", ["<|im_start|>", "<|eot_id|>", "[INST]", "<start_of_turn>", "<<SYS>>"])
def test_marks_of_templates_are_named_but_not_in_plain_text(mark: str) -> None:
    turns = _turns(Message("user", f"Say {mark} now"), GOOD)
    problem = _problem({"messages": turns}, "conversation")
    assert (problem.kind, problem.column) == ("template_mark", "messages[1]")
    assert mark in problem.sentence
    assert _problem({"question": mark, "answer": "x"}, "conversation").column == "question"
    assert isinstance(_one({"text": f"{mark}user\nWhy?"}, "text"), Example)


# Whole files


def test_the_whole_file_votes_and_the_mixture_is_said() -> None:
    rows = [{"prompt": "a", "completion": "b"}] * 3 + [{"question": "a", "answer": "b"}] * 4 + [{"x": 1}]
    reading = read_examples(rows_of(rows))
    assert reading.shape == "question_answer"
    assert any("3 of 8 rows have another shape" in note for note in reading.notes)
    assert "has the shape prompt_completion" in reading.problems[0].sentence
    tie = read_examples(rows_of([{"question": "a", "answer": "b"}, {"prompt": "a", "completion": "b"}]))
    assert tie.shape == "prompt_completion"


def test_columns_are_mapped_first() -> None:
    rows = [{"act": "fox", "prompt": "Be a fox.", "id": 1}]
    reading = read_examples(rows_of(rows), kind="task", mapping={"prompt": "act", "answer": "prompt"})
    assert reading.examples == [Task(1, 1, (Message("user", "fox"),), "Be a fox.", {"id": 1})]
    missing = read_examples(rows_of(rows), "prompt_completion", mapping={"prompt": "act", "completion": "reply"})
    assert [problem.kind for problem in missing.problems] == ["missing_field"]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_shape_cannot_feed_is_said(shape: Shape) -> None:
    assert FEEDS[shape]
    for kind in get_args(Kind):
        assert bool(why_not(shape, kind)) == (kind not in FEEDS[shape])
    for kind in set(KINDS) - set(FEEDS[shape]):
        reading = read_examples(rows_of([{"text": "a"}, {"text": "b"}]), shape, kind)
        assert [problem.kind for problem in reading.problems] == ["unfit_shape"] * 2
        assert why_not(shape, kind) in reading.problems[0].sentence


def test_examples_are_made_anew_for_each_pass(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n{broken\n{"text": "b"}\n')
    examples = examples_of(path)
    assert (examples.shape, examples.kind, examples.rows) == ("text", "text", 3)
    assert [type(made) for made in examples] == [Example, RowProblem, Example]
    assert list(examples) == list(examples)


def test_rows_come_from_anywhere() -> None:
    values = [{"prompt": "Why?", "completion": "Because."}]
    assert list(Examples(lambda: rows_of(values))) == [Example(1, 1, (Q, GOOD))]


@pytest.mark.parametrize("answer", ["\u200b", "\ufeff", " \u00ad\u2060 ", "\u200e"])
def test_an_answer_that_nobody_can_see_is_empty(answer: str) -> None:
    problem = _problem({"prompt": "Why?", "completion": answer}, "conversation")
    assert (problem.kind, problem.column) == ("empty_answer", "completion")


@pytest.mark.parametrize("mark", ["</s>", "<bos>", "<eos>", "<|im_sep|>", "<|python_tag|>"])
def test_marks_of_less_common_templates(mark: str) -> None:
    problem = _problem({"prompt": "Why?", "completion": f"So.{mark}"}, "conversation")
    assert (problem.kind, problem.column) == ("template_mark", "completion")


@pytest.mark.parametrize("answer", ["a\u200bb", "an <s>old</s> word", "the <b>bold</b> one", "x < os> y"])
def test_what_only_looks_like_a_mark_is_text(answer: str) -> None:
    assert not isinstance(_one({"prompt": "Why?", "completion": answer}, "conversation"), RowProblem)
