"""What was taken for what: a file is never guessed at in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from trainer_image.formats.preferences import PROMPT_COLUMNS, may_be_numbers, sides_in
from trainer_image.formats.rows import Row, Taken
from trainer_image.formats.shapes import (
    PAIR,
    PROMPTS,
    TURN_COLUMNS,
    Shape,
    answer_column,
    beside_instruction,
    pair_in,
)

MOST_LINES = 100
_ENDED = "in a comma, as rows copied out of an array do; neither it nor a bracket on a line of its own is read"


def _unread(column: str) -> tuple[str, str]:
    fix = f"a column {column}, which is not read: map it as the input of instructions, or write it into the question"
    return f"1 row has {fix}", f"rows have {fix}"


_WORDS: Mapping[Taken, tuple[str, str]] = {
    "trailing_comma": (f"1 row ends {_ENDED}", f"rows end {_ENDED}"),
    "comma_missing": (
        "1 row has no comma behind it, as JSON wants one in an array; what follows is read as the next row",
        "rows have no comma behind them, as JSON wants one in an array; what follows is read as the next row",
    ),
    "comma_too_many": (
        "1 row has a comma too many behind it, which is not read",
        "rows have a comma too many behind them, which is not read",
    ),
    "another_array": (
        "1 row begins another array, behind the end of the one before; its rows are read, too",
        "rows begin another array, behind the end of the one before; its rows are read, too",
    ),
    "turns_as_text": (
        "1 row holds its turns as the text of a list, which is read as the list",
        "rows hold their turns as the text of a list, which is read as the list",
    ),
    "number_as_text": (
        "1 row has a number, or true or false, for its answer, which is read as its text",
        "rows have a number, or true or false, for their answer, which is read as its text",
    ),
    "context_as_input": (
        "1 row has a context beside its instruction, which is read as the input",
        "rows have a context beside their instruction, which is read as the input",
    ),
    "context_unread": _unread("context"),
    "passage_unread": _unread("passage"),
    "document_unread": _unread("document"),
    "input_unread": _unread("input"),
    "reasoning_unread": (
        "1 row has thoughts beside its answers (reasoning_content), which are not read: write them into the answer",
        "rows have thoughts beside their answers (reasoning_content), which are not read: write them into the answers",
    ),
    "weight_unread": (
        "1 row has a turn of the weight 0, which is learned like the others",
        "rows have turns of the weight 0, which are learned like the others",
    ),
}
_BESIDE: Mapping[str, Taken] = {
    "context": "context_unread",
    "passage": "passage_unread",
    "document": "document_unread",
    "input": "input_unread",
}
"""What a question often needs and stands in a column of its own, and what to say where that is not read."""


class TakenVotes:
    """How many rows of a file were read otherwise than they stand there, and by which columns."""

    def __init__(self) -> None:
        self.counts: Counter[Taken] = Counter()
        self.lines: dict[Taken, list[int]] = {}
        self.pairs: Counter[tuple[str, str]] = Counter()
        """The columns that were read as prompt and completion."""

    def add(self, row: Row, shape: Shape | None) -> None:
        """Note what of one row was taken for what."""
        if shape == "prompt_completion":
            self.pairs[pair_in(row.value) or PAIR] += 1
        for what in taken_in(row, shape):
            self.counts[what] += 1
            lines = self.lines.setdefault(what, [])
            if len(lines) < MOST_LINES:
                lines.append(row.line)

    def join(self, behind: TakenVotes, lines_before: int) -> None:
        """Put what was noted behind this part of a file onto it."""
        self.pairs += behind.pairs
        self.counts += behind.counts
        for what, lines in behind.lines.items():
            mine = self.lines.setdefault(what, [])
            mine += (line + lines_before for line in lines[: max(0, MOST_LINES - len(mine))])

    @property
    def pair(self) -> tuple[str, str]:
        """Return the columns that most rows have for prompt and completion; of as many rows the plainer names."""
        return next(iter(self._by_rows()), PAIR)

    def _by_rows(self) -> list[tuple[str, str]]:
        """Return the pairs, the most common first, whatever order their rows were met in."""
        return sorted(self.pairs, key=lambda pair: (-self.pairs[pair], pair != PAIR, pair))

    def sentences(self) -> Iterator[tuple[Taken, str]]:
        """Yield what a person should know of how rows were read."""
        for what, count in self.counts.items():
            one, many = _WORDS[what]
            line = self.lines[what][0]
            yield what, f"{one} (line {line:,})." if count == 1 else f"{count:,} {many} (line {line:,}, for one)."

    def other_pairs(self) -> Iterator[tuple[int, str]]:
        """Yield how many rows have other columns for prompt and completion than most, and how they are read."""
        for pair in self._by_rows()[1:]:
            count = self.pairs[pair]
            rows = "1 row has" if count == 1 else f"{count:,} rows have"
            read = f": {words_of_pair(pair)}" if pair != PAIR else ""
            yield count, f"{rows} the columns {pair[0]} and {pair[1]}, unlike most{read}."


def words_of_pair(pair: tuple[str, str]) -> str:
    """Return which column is read as the prompt and which as the completion, or nothing where their names say it."""
    question, answer = pair
    if question == PAIR[0]:
        return "" if answer == PAIR[1] else f"{answer} is read as the completion"
    first = f"{question} is read as the prompt"
    return first if answer == PAIR[1] else f"{first} and {answer} as the completion"


def taken_in(row: Row, shape: Shape | None) -> tuple[Taken, ...]:
    """Return what of one row was taken for something else."""
    columns: tuple[str, ...] = (answer_column(row.value, shape),) if shape is not None else ()
    if shape == "preference":
        columns = sides_in(row.value) if may_be_numbers(row.value) else ()
    # Beside a task a number is as usual as a text.
    numbers = bool if shape == "task" else (int, float)
    is_text = not any(isinstance(row.value.get(name), numbers) for name in columns)
    taken = row.taken if is_text else (*row.taken, "number_as_text")
    if shape in (None, "text", "steps"):
        return taken
    return (*taken, *_beside_question(row.value, shape), *_in_turns(row.value))


def _question_column(value: Mapping[str, Any], shape: Shape) -> str:
    """Return the column that a row of this shape asks its question in, or nothing where that is no column by itself."""
    if shape == "prompt_completion":
        return (pair_in(value) or PAIR)[0]
    if shape in ("task", "preference", "labelled", "ranking"):
        return next((name for name in (PROMPTS if shape == "task" else PROMPT_COLUMNS) if name in value), "")
    return {"alpaca": "instruction", "question_answer": "question"}.get(shape, "")


def _beside_question(value: Mapping[str, Any], shape: Shape) -> Iterator[Taken]:
    """Yield what a question needs and is not read, or is read as its second part."""
    if _BESIDE.keys().isdisjoint(value):
        return
    question = _question_column(value, shape)
    read = beside_instruction(value) if question == "instruction" else question
    if read == "context":
        yield "context_as_input"
    for column, what in _BESIDE.items():
        cell = value.get(column)
        if column != read and (cell.strip() if isinstance(cell, str) else isinstance(cell, (list, dict)) and cell):
            yield what


def _in_turns(value: Mapping[str, Any]) -> Iterator[Taken]:
    """Yield what turns hold beside their texts, and is not read."""
    turns = next((value[name] for name in TURN_COLUMNS if name in value), None)
    if not isinstance(turns, list):
        return
    found = [turn for turn in turns if isinstance(turn, dict) and ("reasoning_content" in turn or "weight" in turn)]
    if any(turn.get("reasoning_content") for turn in found):
        yield "reasoning_unread"
    if any(turn.get("weight") == 0 for turn in found):
        yield "weight_unread"
