"""Turns of a conversation in all their dialects, and what is wrong with them."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from trainer_image.formats.kinds import Message, Role
from trainer_image.formats.marks import mark_in, refuse_marks
from trainer_image.formats.rows import BadRow, as_text, kind_of, quoted
from trainer_image.formats.unseen import is_unseen

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "model": "assistant",
    "bot": "assistant",
    # A call is what the model says, so it is learned; what comes back is not.
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "tool_response": "tool",
}

_ROLE_KEYS = ("role", "from")
_TEXT_KEYS = ("content", "value", "text")
FILL_IN = "Fill it in or take the row out."


def read_turns(turns: Any, column: str) -> list[Message]:
    """Return the turns of one column as messages."""
    if turns is None:
        raise BadRow(column, "missing_field", f"{column} is missing.", FILL_IN)
    if not isinstance(turns, list):
        raise _no_list(turns, column)
    if not turns:
        raise BadRow(column, "empty_conversation", f"{column} has no turns.", FILL_IN)
    messages = [read_turn(turn, number, column) for number, turn in enumerate(turns, 1)]
    if any(message.tool_calls for message in messages):
        _check_identities(turns, messages, column)
    return messages


def _check_identities(turns: Sequence[Mapping[str, Any]], messages: Sequence[Message], column: str) -> None:
    """Raise BadRow where a tool answers another call than those before it; turns without an id are taken in order."""
    called: set[str] = set()
    for number, (turn, message) in enumerate(zip(turns, messages, strict=True), 1):
        if message.tool_calls:
            found = [call.get("id") for call in message.tool_calls]
            called = set() if None in found else {str(identity) for identity in found}
        answered = turn.get("tool_call_id")
        if message.role == "tool" and called and answered is not None and str(answered) not in called:
            fault = f"Turn {number} answers the call {quoted(answered)}, and the calls before it have other ids."
            raise BadRow(f"{column}[{number}]", "tool_calls", fault, "Write the id of the call that it answers.")


def _no_list(turns: Any, column: str) -> BadRow:
    if not isinstance(turns, str) or turns.lstrip()[:1] not in ("[", "{"):
        fault, fix = kind_of(turns), "Write it as a list of objects with role and content."
    elif _is_json(turns):
        fault, fix = "the text of one", "Write the list itself, not its text in quotes."
    else:
        fault, fix = "text that is no whole JSON", "Write the list anew or take the row out."
    return BadRow(column, "wrong_type", f"{column} has to be a list of turns, and is {fault}.", fix)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def read_turn(turn: Any, number: int, column: str) -> Message:
    """Return one turn as a message."""
    if not isinstance(turn, dict):
        fault = f"Turn {number} has to be an object, and is {kind_of(turn)}."
        raise BadRow(f"{column}[{number}]", "wrong_type", fault, "Write it with role and content.")
    name = turn.get("role")
    if name is None:
        name = turn.get("from")
    role = ROLES.get(name) if isinstance(name, str) else None
    text = turn.get("content")
    if text is None:
        text = turn.get("value")
        if text is None:
            text = turn.get("text")
    if role is not None and isinstance(text, str) and "tool_calls" not in turn and "function_call" not in turn:
        # As nearly all turns are.
        if is_unseen(text) and role != "system":
            raise _empty(number, name, role, column)
        if mark_in(text):
            refuse_marks(text, f"{column}[{number}]", f"Turn {number}")
        return Message(role, text)
    return _read_odd_turn(turn, number, f"{column}[{number}]", column)


def _read_odd_turn(turn: Mapping[str, Any], number: int, place: str, column: str) -> Message:
    name = next((turn[key] for key in _ROLE_KEYS if turn.get(key) is not None), None)
    content = next((turn[key] for key in _TEXT_KEYS if turn.get(key) is not None), None)
    # OpenAI's older files have one call, beside the text.
    older = turn.get("function_call")
    calls = _read_calls(turn.get("tool_calls") or ([older] if older else None), number, place)
    if name is None:
        key = "from" if "value" in turn else "role"
        raise BadRow(place, "missing_field", f"Turn {number} has no {key}.", FILL_IN)
    role = role_of(name, number, place)
    if calls and role != "assistant":
        raise BadRow(place, "tool_calls", f"Turn {number} ({name}) calls a tool, which only the assistant does.")
    if content is None and not calls:
        key = "value" if "from" in turn else "content"
        raise BadRow(place, "missing_field", f"Turn {number} has no {key}.", FILL_IN)
    text = "" if content is None else _text_of_parts(content, number, place)
    if is_unseen(text) and role != "system" and not calls:
        raise _empty(number, name, role, column)
    refuse_marks(text, place, f"Turn {number}")
    return Message(role, text, calls)


def role_of(name: Any, number: int, place: str) -> Role:
    """Return our role for whatever a file calls it, and the nearest name where it is none."""
    spelled = name.strip().lower() if isinstance(name, str) else ""
    if spelled in ROLES:
        return ROLES[spelled]
    near = difflib.get_close_matches(spelled[:40], ROLES, 1)
    fix = f"Write {near[0]}." if near else "Use system, user, assistant or tool."
    raise BadRow(place, "unknown_role", f"Turn {number} is by {quoted(name)}.", fix)


def _empty(number: int, name: Any, role: Role, column: str) -> BadRow:
    kind = "empty_answer" if role == "assistant" else "empty_turn"
    return BadRow(f"{column}[{number}]", kind, f"Turn {number} ({name}) is empty.", FILL_IN)


def _text_of_parts(content: Any, number: int, place: str) -> str:
    """Return the text of a turn, which may be a list of parts of the kind text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        if not all(isinstance(part.get("text", ""), str) for part in content):
            raise BadRow(place, "wrong_type", f"Turn {number} has a part without a text.", FILL_IN)
        return "".join(part.get("text", "") for part in content)
    what = kind_of(content)
    if isinstance(content, list):
        others = {str(part.get("type")) for part in content if isinstance(part, Mapping)} - {"text"}
        what = f"a list with {quoted(min(others))} in it" if others else what
    raise BadRow(place, "wrong_type", f"The text of turn {number} has to be text, and is {what}.")


def _read_calls(calls: Any, number: int, place: str) -> tuple[Mapping[str, Any], ...]:
    """Return the calls of a turn, with their arguments as the object that chat templates expect."""
    if not calls:
        return ()
    if not isinstance(calls, list):
        raise BadRow(place, "tool_calls", f"The calls of turn {number} have to be a list, and are {kind_of(calls)}.")
    return tuple(_read_call(call, number, place) for call in calls)


def _read_call(call: Any, number: int, place: str) -> Mapping[str, Any]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadRow(place, "tool_calls", f"Turn {number} calls a tool without a name.")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            fault = f"Turn {number} calls {function['name'][:40]} with arguments that are no JSON."
            raise BadRow(place, "tool_calls", fault) from None
    named = {"name": function["name"], "arguments": {} if arguments is None else arguments}
    identity = {"id": call["id"]} if isinstance(call.get("id"), str) else {}
    return {**identity, "type": "function", "function": named}


def read_tools(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the tools that the model could call in this row; some files write them as the text of their JSON."""
    column = "tools" if "tools" in value else "functions"
    tools = value.get(column)
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else None
        except (ValueError, RecursionError):
            raise BadRow(column, "tools", f"{column} is no JSON.") from None
    if not tools:
        return ()
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
        raise BadRow(column, "tools", f"{column} has to be a list of objects, and is {kind_of(tools)}.")
    return tuple(tools)


def check_turns(messages: Sequence[Message]) -> None:
    """Raise BadRow where turns do not alternate, a tool is not called or not heard, or the last is no answer."""
    if not messages:
        raise BadRow("", "empty_conversation", "It has no turns.", FILL_IN)
    before: Role | None = None
    is_called = False
    for number, message in enumerate(messages, 1):
        if message.role == before and before != "tool":
            raise _twice(messages)
        if message.role == "system" and before is not None:
            fault = "A system turn stands behind others, and chat templates take it at the beginning alone."
            raise BadRow("", "system_not_first", fault, "Move it to the beginning.")
        if message.role == "tool" and before not in ("assistant", "tool"):
            fault = f"Turn {number} is by a tool, and no assistant turn before it can have called one."
            raise BadRow("", "tool_calls", fault, "Add the call or take the turn out.")
        if is_called and message.role != "tool":
            fault = f"The call in turn {number - 1} is never answered: turn {number} is by the {message.role}."
            raise BadRow("", "tool_calls", fault, "Add the answer of the tool or take the call out.")
        is_called = bool(message.tool_calls)
        before = message.role
    if before != "assistant":
        fault = f"The last turn is by the {before}, so there is no answer to learn."
        raise BadRow("", "no_answer_at_end", fault, "Add it or cut the turn.")


def _twice(messages: Sequence[Message]) -> BadRow:
    number, role = next(
        (number, two.role)
        for number, (one, two) in enumerate(pairwise(messages), 2)
        if one.role == two.role and one.role != "tool"
    )
    fault = f"Turns {number - 1} and {number} are both by the {role}."
    return BadRow("", "same_role_twice", fault, "Join them into one.")


def text_in(value: Mapping[str, Any], column: str, kind_if_empty: str) -> str:
    """Return the text of a column that has to hold some, without marks of a template."""
    text = plain_text_in(value, column, kind_if_empty)
    refuse_marks(text, column, column)
    return text


def answer_in(value: Mapping[str, Any], column: str) -> str:
    """Return the text of a column with an answer, which may be a number, or true or false: then as it is written."""
    answer = value.get(column)
    if isinstance(answer, float) and not math.isfinite(answer):
        # So Parquet writes a cell that nobody has filled in.
        raise BadRow(column, "not_a_number", f"{column} is {answer}, which is no answer.", FILL_IN)
    text = as_text(answer)
    return text_in(value, column, "empty_answer") if text is None else text


def plain_text_in(value: Mapping[str, Any], column: str, kind_if_empty: str) -> str:
    """Return the text of a column that has to hold some."""
    text = value.get(column)
    if text is None:
        raise BadRow(column, "missing_field", f"{column} is missing.", FILL_IN)
    if not isinstance(text, str):
        fix = "Join its parts into one text." if isinstance(text, (list, dict)) else "Write it in quotes."
        raise BadRow(column, "wrong_type", f"{column} has to be text, and is {kind_of(text)}.", fix)
    if is_unseen(text):
        raise BadRow(column, kind_if_empty, f"{column} is empty.", FILL_IN)
    return text


def system_of(value: Mapping[str, Any]) -> Iterator[Message]:
    """Yield the system turn of a row that has a column for it."""
    column = "system" if value.get("system") or "system_prompt" not in value else "system_prompt"
    system = value.get(column)
    if not system:
        return
    if not isinstance(system, str):
        raise BadRow(
            column, "wrong_type", f"{column} has to be text, and is {kind_of(system)}.", "Write it as one text."
        )
    if system.strip():
        refuse_marks(system, column, column)
        yield Message("system", system)
