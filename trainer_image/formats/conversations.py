"""Rows of the five conversational shapes, as turns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from trainer_image.formats.kinds import Message, Role
from trainer_image.formats.rows import BadRow, kind_of
from trainer_image.formats.shapes import PAIR, TURN_COLUMNS, Shape, answer_column, beside_instruction, pair_in
from trainer_image.formats.turns import FILL_IN, answer_in, read_turn, read_turns, system_of, text_in

Reader = Callable[[Mapping[str, Any]], list[Message]]

_SPEAKER = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ \t]?")
_OF_AN_ANSWER = ("score", "rating", "rank", "model", "id")
"""What an object with an answer may say of it; all else in it is a part of the answer."""
_SPEAKER_ROLES: Mapping[str, Role] = {"Human": "user", "Assistant": "assistant"}


def read_messages(value: Mapping[str, Any]) -> list[Message]:
    """Return the turns of messages or of ShareGPT's conversations."""
    column = next((name for name in TURN_COLUMNS if name in value), "messages")
    turns = read_turns(value.get(column), column)
    if ("system" in value or "system_prompt" in value) and turns[0].role != "system":
        return [*system_of(value), *turns]
    return turns


def read_alpaca(value: Mapping[str, Any]) -> list[Message]:
    """Return instruction and what belongs to it as the question, and output, response or completion as the answer."""
    return [*_instruction(value), Message("assistant", answer_in(value, answer_column(value, "alpaca")))]


def _instruction(value: Mapping[str, Any]) -> list[Message]:
    question = text_in(value, "instruction", "empty_question")
    if beside := beside_instruction(value):
        question += "\n\n" + text_in(value, beside, "empty_question")
    return [*system_of(value), *_history(value), Message("user", question)]


def _history(value: Mapping[str, Any]) -> list[Message]:
    """Return the earlier turns that some alpaca files keep as pairs of a question and an answer."""
    history = value.get("history")
    turns: list[Message] = []
    if history is None or history == "":
        return turns
    for pair in history if isinstance(history, list) else [history]:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise BadRow("history", "wrong_type", "history has to be a list of pairs of a question and an answer.")
        turns += (Message("user", pair[0]), Message("assistant", pair[1]))
    return turns


def read_prompt_completion(value: Mapping[str, Any]) -> list[Message]:
    """Return prompt and completion, each a text or a list of turns, by whatever names the row has them."""
    question, answer = pair_in(value) or PAIR
    return [*read_prompt(value, (question,)), *read_answer(value, answer, may_be_number=True)]


def read_question_answer(value: Mapping[str, Any]) -> list[Message]:
    """Return question and answer as two turns."""
    question = text_in(value, "question", "empty_question")
    return [
        *system_of(value),
        Message("user", question),
        Message("assistant", answer_in(value, "answer")),
    ]


READERS: Mapping[Shape, Reader] = {
    "messages": read_messages,
    "sharegpt": read_messages,
    "alpaca": read_alpaca,
    "prompt_completion": read_prompt_completion,
    "question_answer": read_question_answer,
}


def read_prompt(value: Mapping[str, Any], columns: tuple[str, ...]) -> list[Message]:
    """Return the turns before an answer, from the first of these columns that is there."""
    column = next((name for name in columns if name in value), columns[0])
    part = value.get(column)
    if column == "instruction" and isinstance(part, str):
        return _instruction(value)
    if isinstance(part, Mapping):
        # OpenAI's preferences: an object with the messages, and perhaps the tools.
        part, column = part.get("messages"), f"{column}.messages"
    elif not isinstance(part, list):
        text = text_in(value, column, "empty_question")
        if is_dialogue(text):
            return [*system_of(value), *read_dialogue(text, column)]
        return [*system_of(value), Message("user", text)]
    turns = read_turns(part, column)
    return turns if turns[0].role == "system" else [*system_of(value), *turns]


def read_answer(value: Mapping[str, Any], column: str, *, may_be_number: bool = False) -> list[Message]:
    """Return what one column answers: a text, a turn, or a list of turns."""
    part = value.get(column)
    if isinstance(part, list):
        return read_turns(part, column)
    if not isinstance(part, Mapping):
        text = answer_in(value, column) if may_be_number else text_in(value, column, "empty_answer")
        return [Message("assistant", text)]
    if isinstance(part.get("messages"), list):
        return read_turns(part["messages"], f"{column}.messages")
    if "role" in part or "from" in part:
        return [read_turn(part, 1, column)]
    key = next((key for key in ("content", "text", "response", "answer", "value") if key in part), None)
    if sum(cell is not None for name, cell in part.items() if name not in _OF_AN_ANSWER) > 1:
        fault = f"{column} is an object of several parts, of which one alone would be learned."
        raise BadRow(column, "wrong_type", fault, "Write it as one text.")
    if key is None:
        raise BadRow(column, "wrong_type", f"{column} is {kind_of(part)} without a text in it.", FILL_IN)
    return [Message("assistant", text_in(part, key, "empty_answer"))]


def is_dialogue(text: str) -> bool:
    """Say whether a text is a dialogue written out, as Anthropic's files have them."""
    return text.lstrip().startswith("Human:") and "\n\nAssistant:" in text


def read_dialogue(text: str, column: str) -> list[Message]:
    """Return the turns of a dialogue that is written out; an empty last one stands for the answer to come."""
    pieces = _SPEAKER.split(text)
    turns = [Message(_SPEAKER_ROLES[name], said.strip()) for name, said in zip(pieces[1::2], pieces[2::2], strict=True)]
    if turns and turns[-1].role == "assistant" and not turns[-1].content:
        turns.pop()
    if not turns or not all(turn.content for turn in turns):
        raise BadRow(column, "empty_turn", f"{column} has an empty turn.", FILL_IN)
    return turns
