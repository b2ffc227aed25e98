"""What was taken for what: a file is never guessed at in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from trainer_image.formats.rows import Row, Taken
from trainer_image.formats.shapes import PAIR, Shape, answer_column, pair_in

MOST_LINES = 100
_ENDED = "in a comma, as rows copied out of an array do; neither it nor a bracket on a line of its own is read"
_WORDS: Mapping[Taken, tuple[str, str]] = {
    "trailing_comma": (f"1 row ends {_ENDED}", f"rows end {_ENDED}"),
    "turns_as_text": (
        "1 row holds its turns as the text of a list, which is read as the list",
        "rows hold their turns as the text of a list, which is read as the list",
    ),
    "number_as_text": (
        "1 row has a number, or true or false, for its answer, which is read as its text",
        "rows have a number, or true or false, for their answer, which is read as its text",
    ),
}


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
        """Return the columns that most rows have for prompt and completion."""
        return max(self.pairs, key=lambda pair: self.pairs[pair], default=PAIR)

    def sentences(self) -> Iterator[tuple[Taken, str]]:
        """Yield what a person should know of how rows were read."""
        for what, count in self.counts.items():
            one, many = _WORDS[what]
            line = self.lines[what][0]
            yield what, f"{one} (line {line:,})." if count == 1 else f"{count:,} {many} (line {line:,}, for one)."

    def other_pairs(self) -> Iterator[tuple[int, str]]:
        """Yield how many rows have other columns for prompt and completion than most, and how they are read."""
        for pair, count in self.pairs.items():
            if pair != self.pair:
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
    answer = row.value.get(answer_column(row.value, shape)) if shape is not None else None
    # Beside a task a number is as usual as a text.
    is_text = not isinstance(answer, bool if shape == "task" else (int, float))
    return row.taken if is_text else (*row.taken, "number_as_text")
