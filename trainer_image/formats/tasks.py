"""Rows that ask something which the model answers itself, with what its answer is checked against; and judged steps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainer_image.formats.conversations import READERS, read_messages, read_prompt
from trainer_image.formats.kinds import Message, Steps, Task
from trainer_image.formats.preferences import PROMPT_COLUMNS, as_label, check_question, read_labelled, read_preference
from trainer_image.formats.rows import BadRow, Row, kind_of, quoted
from trainer_image.formats.shapes import (
    ANSWERS,
    CHECKS,
    PROMPTS,
    QUESTIONS,
    REPLIES,
    TURN_COLUMNS,
    Shape,
    pair_in,
)
from trainer_image.formats.turns import FILL_IN, answer_in, check_turns, text_in

_SYSTEM = ("system", "system_prompt")
_TASK_PROMPTS = (*PROMPTS, *TURN_COLUMNS, "text")
_RATED_STEP = re.compile(r"\s([+-])\s*(?:\n|\Z)")


def read_task(row: Row, shape: Shape) -> Task:
    """Return a row of any shape that asks something as a task."""
    value = row.value
    if shape == "task":
        prompt, answer, used = _read_task(value)
    elif shape in READERS:
        turns = READERS[shape](value)
        check_turns(turns)
        prompt, answer, used = turns[:-1], turns[-1].content, {*_TASK_PROMPTS, *QUESTIONS, "history", *_SYSTEM}
        used |= {*REPLIES, "answer", *(pair_in(value) or ())}
    else:
        prompt, answer, used = _prompt_alone(row, shape), "", {*PROMPT_COLUMNS, *_SYSTEM}
    check_question(prompt)
    fields = {name: field for name, field in value.items() if name not in used}
    return Task(row.line, row.number, tuple(prompt), answer, fields)


def _read_task(value: Mapping[str, Any]) -> tuple[list[Message], str, set[str]]:
    column = next((name for name in _TASK_PROMPTS if name in value), "prompt")
    prompt = read_messages(value) if column in TURN_COLUMNS else read_prompt(value, (column,))
    check = next((name for name in CHECKS if name in value), None)
    if check and value[check] in (None, "", [], {}):
        raise BadRow(check, "missing_field", f"{check} is empty, so no answer can be checked.", FILL_IN)
    answer_column = next((name for name in ANSWERS if name in value), None)
    if answer_column is None:
        if check is None:
            raise BadRow("answer", "missing_field", "answer is missing.", FILL_IN)
        return prompt, "", {column, *_SYSTEM}
    answer = value[answer_column]
    if answer is None and check:
        return prompt, "", {column, answer_column, *_SYSTEM}
    return prompt, _reference(value, answer_column), {column, answer_column, *_SYSTEM}


def _reference(value: Mapping[str, Any], column: str) -> str:
    # A number is as good a reference as its text.
    return answer_in(value, column)


def _prompt_alone(row: Row, shape: Shape) -> list[Message]:
    if shape == "preference":
        return list(read_preference(row).prompt)
    if shape == "labelled":
        return list(read_labelled(row).prompt)
    return read_prompt(row.value, PROMPT_COLUMNS)


def read_steps(row: Row) -> Steps:
    """Return a solution in steps with a label for each: TRL's lists, PRM800K's records or Math-Shepherd's marks."""
    value = row.value
    label = value.get("label")
    if "labels" in value or not isinstance(label, (Mapping, str)):
        prompt, steps, labels = _listed(value)
    else:
        prompt, steps, labels = _rated(value, label) if isinstance(label, Mapping) else _marked(label)
    check_question(prompt)
    return Steps(row.line, row.number, tuple(prompt), tuple(steps), tuple(labels))


def _listed(value: Mapping[str, Any]) -> tuple[list[Message], list[str], list[bool]]:
    prompt = read_prompt(value, PROMPT_COLUMNS)
    steps, labels = value.get("completions"), value.get("labels")
    for column, part in (("completions", steps), ("labels", labels)):
        if not isinstance(part, list) or not part:
            found = "empty" if part == [] else kind_of(part)
            what = "is missing" if part is None else f"has to be a list with something in it, and is {found}"
            raise BadRow(column, "missing_field" if part is None else "wrong_type", f"{column} {what}.", FILL_IN)
    assert isinstance(steps, list)
    assert isinstance(labels, list)
    if len(steps) != len(labels):
        fault = f"The number of labels ({len(labels)}) is not that of the steps ({len(steps)})."
        raise BadRow("labels", "labels_unlike_steps", fault, "Write one label for each step.")
    for number, step in enumerate(steps, 1):
        if not isinstance(step, str) or not step.strip():
            what = "is empty" if isinstance(step, str) else f"has to be text, and is {kind_of(step)}"
            raise BadRow(f"completions[{number}]", "empty_step", f"Step {number} {what}.", FILL_IN)
    return prompt, steps, [_step_label(label, number) for number, label in enumerate(labels, 1)]


def _step_label(label: Any, number: int) -> bool:
    made = as_label(label)
    if made is None:
        found = (
            label if isinstance(label, (int, float)) else quoted(label) if isinstance(label, str) else kind_of(label)
        )
        fault = f"The label of step {number} has to be true or false (or 1 or 0), and is {found}."
        raise BadRow(
            f"labels[{number}]", "label_not_boolean", fault, "Write true for a right step and false for a wrong."
        )
    return made


def _rated(value: Mapping[str, Any], label: Mapping[str, Any]) -> tuple[list[Message], list[str], list[bool]]:
    """Read a record of PRM800K: of each step the completion that was chosen; a neutral rating is no mistake."""
    question = value.get("question")
    prompt = Message("user", text_in(question if isinstance(question, Mapping) else value, "problem", "empty_question"))
    steps, labels = list[str](), list[bool]()
    for number, step in enumerate(label.get("steps") or [], 1):
        completions = step.get("completions") if isinstance(step, Mapping) else None
        if not isinstance(completions, list) or not completions:
            continue
        chosen = step.get("chosen_completion")
        one = completions[chosen if isinstance(chosen, int) and 0 <= chosen < len(completions) else 0]
        if not isinstance(one, Mapping) or one.get("rating") not in (-1, 0, 1):
            raise BadRow(f"label.steps[{number}]", "label_not_boolean", f"Step {number} has no rating from -1 to 1.")
        steps.append(text_in(one, "text", "empty_step"))
        labels.append(one["rating"] >= 0)
    if not steps:
        raise BadRow("label", "missing_field", "label has no steps.", FILL_IN)
    return [prompt], steps, labels


def _marked(label: str) -> tuple[list[Message], list[str], list[bool]]:
    """Read a text of Math-Shepherd: a question, then steps of which each ends in + or -."""
    question, found, rest = label.partition("Step 1:")
    pieces = _RATED_STEP.split(found + rest)
    steps, marks = [step.strip() for step in pieces[:-1:2]], pieces[1::2]
    if not question.strip() or not marks or pieces[-1].strip() or not all(steps):
        fault = "label has to be a question and steps that each end in + or -."
        raise BadRow("label", "labels_unlike_steps", fault, "End each step in + or -.")
    return [Message("user", question.strip())], steps, [mark == "+" for mark in marks]
