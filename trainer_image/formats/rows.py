"""What a dataset file is read into: rows, what is wrong with a row, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Taken = Literal[
    "trailing_comma",
    "comma_missing",
    "comma_too_many",
    "another_array",
    "turns_as_text",
    "number_as_text",
    "context_as_input",
    "context_unread",
    "passage_unread",
    "document_unread",
    "input_unread",
    "reasoning_unread",
    "weight_unread",
]
"""What of a row stood there otherwise than it is read."""


class UnreadableFileError(Exception):
    """The file as a whole cannot be read: one sentence, and what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence} {hint}")
        self.sentence = sentence
        self.hint = hint


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file; ``line`` is where it begins, both count from 1.

    ``part`` names the file inside an archive of several, and is empty everywhere else. ``taken`` says what of it stood
    there otherwise.
    """

    line: int
    number: int
    value: Mapping[str, Any]
    part: str = ""
    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True)
class RowProblem:
    """What is wrong with one row; ``column`` is empty where it is the row as a whole."""

    line: int
    row: int
    column: str
    kind: str
    sentence: str
    fix: str = ""
    part: str = ""

    @property
    def place(self) -> str:
        """Return where it is: its line, and its row where the lines before it hold several rows each."""
        return place_of(self.line, self.row, self.part)

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


def place_of(line: int, row: int, part: str = "") -> str:
    """Return where a row is, as people look for it; in an archive rows are counted over all of its files."""
    if part:
        return f"{part}, line {line:,}"
    # No more rows than lines can end before a row, unless a line holds several.
    return f"Row {row:,} (line {line:,})" if row > line else f"Line {line:,}"


@dataclass(frozen=True)
class LeftOut:
    """A good row that this method has no use for: an answer marked bad, where answers are imitated."""

    line: int
    row: int
    sentence: str
    part: str = ""


class BadRow(Exception):
    """What a row is refused for, on its way up to where its line is known."""

    def __init__(self, column: str, kind: str, fault: str, fix: str = "Mend the row or take it out.") -> None:
        super().__init__(fault)
        self.column, self.kind, self.fault, self.fix = column, kind, fault, fix

    def at(self, line: int, number: int, part: str = "") -> RowProblem:
        """Return it as the problem of the row at this place."""
        return RowProblem(line, number, self.column, self.kind, f"{self.fault} {self.fix}", self.fix, part)


class Written(float):
    """A number that remembers how it was written: 3.50 is 3.5, and as a text 3.50."""

    def __new__(cls, text: str) -> Written:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


def as_text(value: Any) -> str | None:
    """Return a number, or true or false, as the text that it was written as; None of anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Written):
        return value.text
    return str(value) if isinstance(value, (int, float)) else None


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in plain words."""
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        Written: "a number",
    }
    return "nothing (null)" if value is None else names.get(type(value), type(value).__name__)


def quoted(value: Any) -> str:
    """Return the beginning of a value in quotes, for a sentence."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:40] + "…")
