"""A row as the model sees it, token by token: which are learned, and which lie beyond the longest row."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from trainer_image.chat_templates import OWN
from trainer_image.formats import Kind, RankMeaning, RowProblem, Shape


@dataclass(frozen=True)
class Asked:
    """How rows are read and shown."""

    shape: Shape | None
    kind: Kind
    """What they are made into for the method; text is read in pieces, and nothing of it is cut."""
    meaning: RankMeaning = "ranks"
    mapping: Mapping[str, str] | None = None
    loss_on: str = "answers"
    max_length: int = 2048
    chat_template: str = OWN
    """The name of the one that the run writes by."""


@dataclass(frozen=True)
class Token:
    """One token; ``label`` is told at the last token of a step that is judged."""

    id: int
    text: str
    is_trained: bool
    is_cut: bool
    label: bool | None = None


@dataclass(frozen=True)
class PreviewPart:
    """One text that goes into the model."""

    name: str
    tokens: tuple[Token, ...]

    @property
    def total(self) -> int:
        return len(self.tokens)

    @property
    def trained(self) -> int:
        """Tokens that are learned from; what is cut is not."""
        return sum(token.is_trained and not token.is_cut for token in self.tokens)

    @property
    def was_cut(self) -> bool:
        return any(token.is_cut for token in self.tokens)


@dataclass(frozen=True)
class Preview:
    """What the model sees of one row, or why it sees nothing of it."""

    row: int
    line: int
    kind: Kind
    parts: tuple[PreviewPart, ...] = ()
    problem: RowProblem | None = None
    made: int = 1
    """What the row makes: the pairs of a ranking; the first is shown."""
    note: str = ""
    doubt: str = ""
    """Why the trainer's tokens may differ from these, where they may."""


@dataclass(frozen=True)
class Lengths:
    """How many tokens the rows of a file have; of a large file those of a sample, spread over all of it."""

    lengths: array[int]
    seen: array[int]
    """Tokens of each row that the model reads: of a pair both sides, and none beyond ``max_length``."""
    trained: array[int]
    """How many of them are learned."""
    rows_total: int
    max_length: int
    kind: Kind
    refused: int = 0
    """Rows that cannot be used, or that the model's template refuses."""

    @property
    def is_sample(self) -> bool:
        return len(self.lengths) + self.refused < self.rows_total

    def share_cut(self, max_length: int | None = None) -> float:
        """Return the share of the rows that are longer than the longest row, and lose their end."""
        if self.kind == "text":
            # What is too long is read in several pieces.
            return 0.0
        longest = max_length or self.max_length
        return sum(length > longest for length in self.lengths) / max(1, len(self.lengths))

    @property
    def share_trained(self) -> float:
        """Return the share of the tokens that are learned, of all that the model reads."""
        return sum(self.trained) / max(1, sum(self.seen))

    def percentile(self, percent: float) -> int:
        """Return the length that so many percent of the rows do not exceed."""
        ordered = sorted(self.lengths)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0

    def histogram(self, bins: int) -> list[tuple[int, int, int]]:
        """Return the lengths in bins of the same width, each from, to (not included) and how many."""
        if not self.lengths:
            return []
        width = max(1, -(-(max(self.lengths) + 1) // bins))
        counts = [0] * bins
        for length in self.lengths:
            counts[length // width] += 1
        return [(number * width, (number + 1) * width, count) for number, count in enumerate(counts)]


@dataclass
class Measured:
    """The lengths of some rows; see ``Lengths``."""

    lengths: array[int] = field(default_factory=lambda: array("L"))
    seen: array[int] = field(default_factory=lambda: array("L"))
    trained: array[int] = field(default_factory=lambda: array("L"))
    refused: int = 0

    def add(self, length: int, seen: int, trained: int) -> None:
        self.lengths.append(length)
        self.seen.append(seen)
        self.trained.append(trained)

    def extend(self, others: Measured) -> None:
        self.lengths.extend(others.lengths)
        self.seen.extend(others.seen)
        self.trained.extend(others.trained)
        self.refused += others.refused
