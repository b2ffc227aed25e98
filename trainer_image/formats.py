"""Dataset files and the shapes of their rows: read them, tell the shape, and say in words what is wrong with a row.

Standard library only: the desktop checks datasets with the same code that the trainer trains with.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

Shape = Literal["messages", "sharegpt", "alpaca", "prompt_completion", "question_answer", "text"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
Role = Literal["system", "user", "assistant", "tool"]

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

_TURN_COLUMNS = ("messages", "conversations", "conversation")

ROWS_ARE_JSON = (".jsonl", ".ndjson", ".json")
TABLES = (".csv", ".tsv")
TEXTS = (".txt", ".md")


class UnreadableFileError(Exception):
    """The file as a whole cannot be read: one sentence, and what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence} {hint}")
        self.sentence = sentence
        self.hint = hint


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file; ``line`` is where it begins, both count from 1."""

    line: int
    number: int
    value: Mapping[str, Any]


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with one row; ``column`` is empty where it is the row as a whole."""

    line: int
    row: int
    column: str
    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.sentence}"


@dataclass(frozen=True)
class Message:
    """One turn, with one of our four roles."""

    role: Role
    content: str


@dataclass(frozen=True)
class Example:
    """One row in the one form that the methods learn from: a conversation, or plain text."""

    line: int
    row: int
    messages: tuple[Message, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Reading:
    """A whole dataset: ``rows`` is always the number of examples and of problems together."""

    shape: Shape | None
    rows: int
    examples: list[Example] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


# Files to rows


def read_rows(path: Path) -> Iterator[Row | RowProblem]:
    """Yield every row of a text file, and a problem in the place of each that cannot be read."""
    ending = path.suffix.lower()
    if ending not in (*ROWS_ARE_JSON, *TABLES, *TEXTS):
        known = "JSONL, JSON, CSV, TSV, Parquet or text"
        raise UnreadableFileError(f"{path.name} is no dataset file that is known here.", f"Save it as {known}.")
    encoding = find_encoding(path)
    with path.open(encoding=encoding, newline="\n" if ending not in TABLES else "") as file:
        if ending in TABLES:
            yield from _read_table(file, "\t" if ending == ".tsv" else None)
        elif ending in TEXTS:
            yield from _read_paragraphs(file)
        elif ending == ".json" and not _has_one_object_a_line(path, encoding):
            yield from _read_json(file.read())
        else:
            yield from _read_json_lines(file)


def rows_of(values: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Number rows that came from elsewhere (Parquet), where a line is a row."""
    for number, value in enumerate(values, 1):
        yield Row(number, number, value)


def find_encoding(path: Path) -> str:
    """Return the encoding in which the whole file reads without one lost character."""
    with path.open("rb") as file:
        head = file.read(4096)
        for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16")):
            if head.startswith(mark):
                return name
        if head.startswith(codecs.BOM_UTF16_BE):
            return "utf-16"
        if head[1::2].count(0) > len(head) // 4:
            return "utf-16-le"
        if head[::2].count(0) > len(head) // 4:
            return "utf-16-be"
        for name in ("utf-8", "cp1252"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(name)("strict")
            try:
                while block := file.read(1 << 20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
            return name
    raise UnreadableFileError(
        f"The letters of {path.name} are neither UTF-8 nor Windows-1252.",
        "Open it in the program that made it and save it as UTF-8.",
    )


def _read_json_lines(lines: Iterable[str]) -> Iterator[Row | RowProblem]:
    number = 0
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        number += 1
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            yield _broken_json(line, number, error)
        except RecursionError:
            yield RowProblem(line, number, "", "broken_json", "It is nested too deeply. Flatten it.")
        else:
            yield _row_or_problem(line, number, value)


def _broken_json(line: int, number: int, error: json.JSONDecodeError) -> RowProblem:
    sentence = f"This is no JSON ({error.msg}, character {error.colno}). Mend the line or take it out."
    return RowProblem(line, number, "", "broken_json", sentence)


def _row_or_problem(line: int, number: int, value: Any) -> Row | RowProblem:
    if isinstance(value, dict):
        return Row(line, number, value)
    sentence = f"A row has to be an object in curly brackets, and this is {_kind_of(value)}."
    return RowProblem(line, number, "", "not_an_object", sentence)


def _has_one_object_a_line(path: Path, encoding: str) -> bool:
    """Say whether a .json file is JSONL by content: its first two lines are objects, each whole."""
    with path.open(encoding=encoding, newline="\n") as file:
        first = [text for text in (file.readline(), file.readline()) if text.strip()]
    try:
        return len(first) == 2 and all(isinstance(json.loads(text), dict) for text in first)
    except json.JSONDecodeError:
        return False


def _read_json(text: str) -> Iterator[Row | RowProblem]:
    """Yield the elements of the array that the text is, or of the one array in the object that it is."""
    decoder, line, seen, number = json.JSONDecoder(), 1, 0, 0
    position = _start_of_array(text, decoder)
    if position is None:
        raise UnreadableFileError(
            "This JSON file is neither an array of rows nor an object with one array in it.",
            "Put the rows in square brackets, or one object on each line.",
        )
    while True:
        position = _skip(text, position, " \t\r\n,")
        if position >= len(text):
            line += text.count("\n", seen)
            yield RowProblem(line, number + 1, "", "broken_json", "The file ends inside the array. It was cut off.")
            return
        if text[position] == "]":
            return
        line, seen, number = line + text.count("\n", seen, position), position, number + 1
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            # What follows a broken element cannot be told apart any more: say so instead of guessing.
            sentence = f"This is no JSON ({error.msg}, line {error.lineno}). The rows after it were not read. Mend it."
            yield RowProblem(line, number, "", "broken_json", sentence)
            return
        yield _row_or_problem(line, number, value)


def _start_of_array(text: str, decoder: json.JSONDecoder) -> int | None:
    position = _skip(text, 0)
    if text[position : position + 1] == "[":
        return position + 1
    if text[position : position + 1] != "{":
        return None
    arrays = []
    try:
        position = _skip(text, position + 1)
        while text[position : position + 1] == '"':
            _, position = decoder.raw_decode(text, position)
            start = _skip(text, position, " \t\r\n:")
            value, position = decoder.raw_decode(text, start)
            if isinstance(value, list):
                arrays.append(start + 1)
            position = _skip(text, position, " \t\r\n,")
    except json.JSONDecodeError:
        # The broken place is inside the array as a rule; reading it row by row will name it.
        if not arrays and text[start : start + 1] == "[":
            return start + 1
    return arrays[0] if len(arrays) == 1 else None


def _skip(text: str, position: int, letters: str = " \t\r\n") -> int:
    while position < len(text) and text[position] in letters:
        position += 1
    return position


def _read_table(file: io.TextIOBase, delimiter: str | None) -> Iterator[Row | RowProblem]:
    # A cell may hold a whole book; the default limit is 128 KiB.
    csv.field_size_limit(2**31 - 1)
    if delimiter is None:
        header = file.readline()
        delimiter = max(",;\t", key=header.count)
        file.seek(0)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            sentence = f"The quotes of this row do not match ({error}). Double each quote inside a cell."
            yield RowProblem(line, number, "", "broken_row", sentence)
            continue
        if not cells:
            continue
        number += 1
        if len(cells) != len(names):
            sentence = f"It has {len(cells)} cells where the header has {len(names)}. Put cells with commas in quotes."
            yield RowProblem(line, number, "", "wrong_cells", sentence)
            continue
        yield Row(line, number, {name: _cell(name, cell) for name, cell in zip(names, cells, strict=True)})


def _cell(name: str, cell: str) -> Any:
    """Return a cell, read as JSON where the column holds conversations."""
    if name in ("messages", "conversations") and cell.lstrip().startswith("["):
        try:
            return json.loads(cell)
        except json.JSONDecodeError:
            return cell
    return cell


def _read_paragraphs(lines: Iterable[str]) -> Iterator[Row]:
    """Yield what lies between blank lines: a text has no rows, and one row of a whole book would be cut at once."""
    number, start, paragraph = 0, 0, list[str]()
    for line, text in enumerate(lines, 1):
        if text.strip():
            start = start if paragraph else line
            paragraph.append(text)
        elif paragraph:
            number += 1
            yield Row(start, number, {"text": "".join(paragraph).rstrip("\r\n")})
            paragraph = []
    if paragraph:
        yield Row(start, number + 1, {"text": "".join(paragraph).rstrip("\r\n")})


# Rows to shapes


def shape_of(value: Mapping[str, Any]) -> Shape | None:
    """Return the shape that one row has by its columns."""
    turns = _turns_of(value)
    if isinstance(turns, Sequence) and not isinstance(turns, str):
        first = next((turn for turn in turns if isinstance(turn, Mapping)), {})
        if "from" in first or "value" in first:
            return "sharegpt"
        return "messages"
    if "instruction" in value and ("output" in value or "response" in value):
        return "alpaca"
    if "prompt" in value and "completion" in value:
        return "prompt_completion"
    if "question" in value and "answer" in value:
        return "question_answer"
    return "text" if "text" in value else None


def _turns_of(value: Mapping[str, Any]) -> Any:
    return next((value[name] for name in _TURN_COLUMNS if name in value), None)


def detect_shape(rows: Iterable[Row]) -> Shape | None:
    """Return the shape that most rows have, or None where no row has one that is known."""
    votes = Counter(shape for row in rows if (shape := shape_of(row.value)))
    return votes.most_common(1)[0][0] if votes else None


def unknown_shape(rows: Iterable[Row]) -> str:
    """Return the sentence for a dataset of a shape that is not known, with the columns that it has."""
    names = list(dict.fromkeys(name for row in rows for name in row.value))
    found = ", ".join(names[:8]) or "none at all"
    return (
        f"The columns ({found}) are of no shape that is known: messages, conversations, instruction and output, "
        "prompt and completion, question and answer, or text."
    )


# Rows to examples


def read_examples(items: Iterable[Row | RowProblem], shape: Shape | None = None) -> Reading:
    """Turn every row into an example or a problem; none is lost on the way."""
    every = list(items)
    rows = [item for item in every if isinstance(item, Row)]
    shape = shape or detect_shape(rows)
    examples: list[Example] = []
    problems: list[RowProblem] = []
    for item in every:
        made = item if isinstance(item, RowProblem) else to_example(item, shape) if shape else _no_shape(item)
        if isinstance(made, Example):
            examples.append(made)
        else:
            problems.append(made)
    return Reading(shape, len(every), examples, problems)


def _no_shape(row: Row) -> RowProblem:
    return RowProblem(row.line, row.number, "", "unknown_shape", unknown_shape([row]))


class _BadRow(Exception):
    """What a row is refused for, on its way up to ``to_example``."""

    def __init__(self, column: str, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column, self.kind, self.sentence = column, kind, sentence


def to_example(row: Row, shape: Shape) -> Example | RowProblem:
    """Return the row as an example, or what is wrong with it."""
    try:
        if shape == "text":
            return Example(row.line, row.number, text=_text(row.value, "text", "empty_text"))
        messages = tuple(_READERS[shape](row.value))
        _check_turns(messages)
    except _BadRow as bad:
        return RowProblem(row.line, row.number, bad.column, bad.kind, bad.sentence)
    return Example(row.line, row.number, messages=messages)


def _read_messages(value: Mapping[str, Any]) -> Iterator[Message]:
    yield from _read_turns(value, _turns_of(value), "role", "content")


def _read_sharegpt(value: Mapping[str, Any]) -> Iterator[Message]:
    if isinstance(value.get("system"), str) and value["system"].strip():
        yield Message("system", value["system"])
    yield from _read_turns(value, _turns_of(value), "from", "value")


def _read_alpaca(value: Mapping[str, Any]) -> Iterator[Message]:
    question = _text(value, "instruction", "empty_question")
    if value.get("input"):
        question += "\n\n" + _text(value, "input", "empty_question")
    yield from _system(value)
    yield Message("user", question)
    yield Message("assistant", _text(value, "output" if "output" in value else "response", "empty_answer"))


def _read_prompt_completion(value: Mapping[str, Any]) -> Iterator[Message]:
    for column, role, kind in (
        ("prompt", "user", "empty_question"),
        ("completion", "assistant", "empty_answer"),
    ):
        part = value.get(column)
        if isinstance(part, list):
            yield from _read_turns(value, part, "role", "content", column)
        else:
            yield Message(role, _text(value, column, kind))  # type: ignore[arg-type]


def _read_question_answer(value: Mapping[str, Any]) -> Iterator[Message]:
    yield from _system(value)
    yield Message("user", _text(value, "question", "empty_question"))
    yield Message("assistant", _text(value, "answer", "empty_answer"))


def _system(value: Mapping[str, Any]) -> Iterator[Message]:
    if isinstance(value.get("system"), str) and value["system"].strip():
        yield Message("system", value["system"])


_READERS = {
    "messages": _read_messages,
    "sharegpt": _read_sharegpt,
    "alpaca": _read_alpaca,
    "prompt_completion": _read_prompt_completion,
    "question_answer": _read_question_answer,
}


def _text(value: Mapping[str, Any], column: str, kind_if_empty: str) -> str:
    if value.get(column) is None:
        raise _BadRow(column, "missing_field", f"{column} is missing. Fill it in or take the row out.")
    text = value[column]
    if not isinstance(text, str):
        raise _BadRow(column, "wrong_type", f"{column} has to be text, and is {_kind_of(text)}.")
    if not text.strip():
        raise _BadRow(column, kind_if_empty, f"{column} is empty. Fill it in or take the row out.")
    return text


def _read_turns(
    value: Mapping[str, Any], turns: Any, role_key: str, text_key: str, column: str = ""
) -> Iterator[Message]:
    column = column or next((name for name in _TURN_COLUMNS if name in value), "messages")
    if turns is None:
        raise _BadRow(column, "missing_field", f"{column} is missing. Fill it in or take the row out.")
    if not isinstance(turns, list):
        raise _BadRow(column, "wrong_type", f"{column} has to be a list of turns, and is {_kind_of(turns)}.")
    if not turns:
        raise _BadRow(column, "empty_conversation", f"{column} has no turns. Fill it in or take the row out.")
    for number, turn in enumerate(turns, 1):
        place = f"{column}[{number}]"
        if not isinstance(turn, Mapping):
            raise _BadRow(place, "wrong_type", f"Turn {number} has to be an object, and is {_kind_of(turn)}.")
        yield _read_turn(turn, number, place, role_key, text_key)


def _read_turn(turn: Mapping[str, Any], number: int, place: str, role_key: str, text_key: str) -> Message:
    for key in (role_key, text_key):
        if turn.get(key) is None:
            if turn.get("tool_calls"):
                sentence = f"Turn {number} calls a tool in a way that is not understood yet. Take the row out."
                raise _BadRow(place, "tool_calls", sentence)
            raise _BadRow(place, "missing_field", f"Turn {number} has no {key}. Fill it in or take the row out.")
    name = turn[role_key]
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        sentence = f"Turn {number} is by {str(name)[:40]!r}. Use system, user, assistant or tool."
        raise _BadRow(place, "unknown_role", sentence)
    text = _text_of_parts(turn[text_key], number, place)
    if not text.strip() and role != "system":
        kind = "empty_answer" if role == "assistant" else "empty_turn"
        raise _BadRow(place, kind, f"Turn {number} ({name}) is empty. Fill it in or take the row out.")
    return Message(role, text)


def _text_of_parts(content: Any, number: int, place: str) -> str:
    """Return the text of a turn, which may be a list of parts of the kind text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    raise _BadRow(place, "wrong_type", f"The text of turn {number} has to be text, and is {_kind_of(content)}.")


def _check_turns(messages: Sequence[Message]) -> None:
    for number, (one, two) in enumerate(pairwise(messages), 2):
        if one.role == two.role and one.role != "tool":
            sentence = f"Turns {number - 1} and {number} are both by the {two.role}. Join them into one."
            raise _BadRow("", "same_role_twice", sentence)
    if messages[-1].role != "assistant":
        role = messages[-1].role
        sentence = f"The last turn is by the {role}, so there is no answer to learn. Add it or cut the turn."
        raise _BadRow("", "no_answer_at_end", sentence)


def _kind_of(value: Any) -> str:
    """Return what a JSON value is, in plain words."""
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return "nothing (null)" if value is None else names.get(type(value), type(value).__name__)
