"""Rows that hold a better and a worse answer, and rows whose one answer bears a label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer_image.formats.conversations import (
    is_dialogue,
    read_answer,
    read_dialogue,
    read_messages,
    read_prompt,
)
from trainer_image.formats.kinds import Labelled, Message, Preference
from trainer_image.formats.rows import BadRow, Row, quoted
from trainer_image.formats.shapes import LABELS, PAIRS, TURN_COLUMNS
from trainer_image.formats.turns import FILL_IN, check_turns

PROMPT_COLUMNS = ("prompt", "question", "instruction", "input", "problem", "query", *TURN_COLUMNS)
_LISTED = ("responses", "completions")
"""Columns with the answers themselves, of which a number beside them is only the place."""

_LABELS: Mapping[str, bool] = {
    "true": True,
    "false": False,
    "1": True,
    "0": False,
    "1.0": True,
    "0.0": False,
    "thumbs_up": True,
    "thumbs_down": False,
    "thumbs up": True,
    "thumbs down": False,
    "👍": True,
    "👎": False,
}


def read_preference(row: Row) -> Preference:
    """Return a row with two answers as a preference; its prompt may be what both begin with."""
    value = row.value
    good, bad = sides_in(value)
    chosen, rejected = _side(value, good), _side(value, bad)
    column = next((name for name in PROMPT_COLUMNS if name in value), None)
    if column is None or _begins_alike(value, column, chosen, rejected):
        prompt, chosen, rejected = _split(chosen, rejected, good)
    else:
        prompt = read_prompt(value, PROMPT_COLUMNS)
    check_question(prompt)
    if _spoken(chosen) == _spoken(rejected):
        fault = f"{good} and {bad} are the same, so neither is better."
        raise BadRow(bad, "chosen_is_rejected", fault, "Take the row out.")
    for side, name in ((chosen, good), (rejected, bad)):
        _check_side(prompt, side, name)
    return Preference(row.line, row.number, tuple(prompt), tuple(chosen), tuple(rejected))


def sides_in(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return the columns with the better and the worse answer."""
    return next((pair for pair in PAIRS if pair[0] in value), PAIRS[0])


def may_be_numbers(value: Mapping[str, Any]) -> bool:
    """Say whether a number in the place of an answer can be meant as one."""
    return not any(name in value for name in _LISTED)


def _side(value: Mapping[str, Any], column: str) -> list[Message]:
    part = value.get(column)
    if isinstance(part, str) and is_dialogue(part):
        return read_dialogue(part, column)
    return read_answer(value, column, may_be_number=may_be_numbers(value))


def _begins_alike(value: Mapping[str, Any], column: str, *sides: Sequence[Message]) -> bool:
    """Say whether both answers are whole conversations, which repeat the prompt that stands beside them."""
    if any(not side or side[0].role == "assistant" for side in sides):
        return False
    part = value.get(column)
    if isinstance(part, str) and not is_dialogue(part):
        return True
    prompt = read_prompt(value, (column,))
    return all(list(side[: len(prompt)]) == prompt for side in sides)


def _split(
    chosen: list[Message], rejected: list[Message], column: str
) -> tuple[list[Message], list[Message], list[Message]]:
    """Part two conversations where they begin to differ, which has to be at an answer."""
    common = 0
    while common < min(len(chosen), len(rejected)) and chosen[common] == rejected[common]:
        common += 1
    if common and common == len(chosen) == len(rejected):
        # They are the same to the end: let that be said.
        common -= 1
    if not common:
        fault = "There is no prompt, and the two answers do not begin with the same question."
        raise BadRow(column, "no_common_prompt", fault, "Add a column prompt.")
    prompt, good, bad = chosen[:common], chosen[common:], rejected[common:]
    if any(side and side[0].role != "assistant" for side in (good, bad)):
        fault = f"The two conversations differ in turn {common + 1}, which is no answer."
        raise BadRow(column, "differ_in_question", fault, "Take the row out.")
    return prompt, good, bad


def _check_side(prompt: Sequence[Message], side: Sequence[Message], column: str) -> None:
    if not side:
        raise BadRow(column, "empty_answer", f"{column} has no answer at its end.", FILL_IN)
    try:
        check_turns([*prompt, *side])
    except BadRow as bad:
        raise BadRow(column, bad.kind, f"With {column}: {bad.fault}", bad.fix) from None


def check_question(prompt: Sequence[Message]) -> None:
    """Raise BadRow where nobody has said anything that could be answered."""
    if not any(message.role != "system" for message in prompt):
        raise BadRow("prompt", "empty_question", "There is no question before the answer.", FILL_IN)


def _spoken(side: Sequence[Message]) -> list[tuple[str, str, Any]]:
    return [(message.role, message.content.strip(), message.tool_calls) for message in side]


def both_labelled(preference: Preference) -> Iterator[Labelled]:
    """Yield the better answer as good and the worse as bad."""
    for side, label in ((preference.chosen, True), (preference.rejected, False)):
        yield Labelled(preference.line, preference.row, preference.prompt, side, label)


def read_labelled(row: Row) -> Labelled:
    """Return a row with one answer and its label."""
    value = row.value
    label = _label(value)
    if "completion" in value:
        prompt, completion = read_prompt(value, PROMPT_COLUMNS), read_answer(value, "completion", may_be_number=True)
    else:
        turns = read_messages(value)
        prompt, completion = turns[:-1], turns[-1:]
    check_question(prompt)
    check_turns([*prompt, *completion])
    return Labelled(row.line, row.number, tuple(prompt), tuple(completion), label)


def _label(value: Mapping[str, Any]) -> bool:
    column = next((name for name in LABELS if name in value), LABELS[0])
    label = value.get(column)
    made = as_label(label)
    if made is None:
        if label is None:
            raise BadRow(column, "missing_field", f"{column} is missing.", "Write true or false.")
        fault = f"{column} has to be true or false (or 1 or 0), and is {quoted(label)}."
        raise BadRow(column, "label_not_boolean", fault, "Write true for a good answer and false for a bad one.")
    return made


def as_label(label: Any) -> bool | None:
    """Return a label in any of its spellings, or None where it is none."""
    if isinstance(label, bool):
        return label
    if isinstance(label, (int, float)):
        return bool(label) if label in (0, 1) else None
    return _LABELS.get(label.strip().lower()) if isinstance(label, str) else None
