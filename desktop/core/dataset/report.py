"""What a scan finds out about a dataset file: plain values, for a window, for a program, for the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from desktop.core.dataset.found_copies import Duplicates, Overlap
from desktop.core.dataset.index import RowIndex
from desktop.errors import AppError
from trainer_image.formats import Kind, RankMeaning, ReadOptions, RowProblem, Shape

if TYPE_CHECKING:
    from trainer_image.contract import Method

Outcome = Literal["accept", "warn", "ask", "reject"]


class Cancelled(AppError):
    """The user has stopped it."""

    def __init__(self) -> None:
        super().__init__("Stopped.", "", "cancelled")


@dataclass(frozen=True)
class ScanOptions:
    """What a scan is to do, and what a person has said of the file."""

    read: ReadOptions = field(default_factory=ReadOptions)
    mapping: Mapping[str, str] | None = None
    """Our name of a column -> the file's."""
    shape: Shape | None = None
    kind: Kind | None = None
    """What the rows are to be made into; without it, what their shape is meant for."""
    evaluation: Path | None = None
    """A second file whose rows must not be among those of the first."""
    kept: int = 200
    """Problems that are kept of each kind; the others are counted."""
    near: bool | None = None
    """Whether near duplicates are looked for; without a word, in files of up to 256 MB, as it takes its time."""


@dataclass(frozen=True)
class Progress:
    """How far a scan is."""

    bytes_done: int
    bytes_total: int
    rows: int

    @property
    def share(self) -> float | None:
        """Return the share that is done, or None where rows come from inside an archive or a table."""
        return self.bytes_done / self.bytes_total if self.bytes_done and self.bytes_total else None


@dataclass(frozen=True)
class Finding:
    """Something that a person should know, and that keeps no row from being used."""

    kind: str
    count: int
    message: str
    lines: tuple[int, ...] = ()


def rows_in_words(count: int) -> str:
    """Return a number of rows for a sentence."""
    return "1 row" if count == 1 else f"{count:,} rows"


@dataclass(frozen=True)
class PlacedPair:
    """Two rows that say the same, each with its place as a person looks for it: line, row, file of an archive."""

    one: str
    other: str
    rows: tuple[int, int]
    is_near: bool = False


@dataclass(frozen=True)
class Report:
    """Everything about one file. ``rows + bad_rows + left_out == rows_total``, always."""

    path: Path
    outcome: Outcome
    sentence: str
    hint: str = ""
    size: int = 0
    sha256: str = ""
    seconds: float = 0.0
    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = False
    compression: str = ""
    parts: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    """The keys under which the rows of a JSON object may be, where that has to be asked."""
    notes: tuple[str, ...] = ()
    rows_total: int = 0
    rows: int = 0
    bad_rows: int = 0
    left_out: int = 0
    shape: Shape | None = None
    kind: Kind | None = None
    meaning: RankMeaning = "ranks"
    votes: Mapping[Shape | None, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    why_not: Mapping[Method, str] = field(default_factory=dict)
    problems: tuple[RowProblem, ...] = ()
    """What is wrong with rows: the first of each kind, by their rows; ``problem_counts`` has them all."""
    problem_counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
    duplicates: Duplicates = field(default_factory=Duplicates)
    overlap: Overlap | None = None
    copies: tuple[PlacedPair, ...] = ()
    """Rows and earlier ones that they are copies of, the first of them: exact copies, then near ones."""
    overlaps: tuple[PlacedPair, ...] = ()
    """Rows here and in the evaluation file that say the same, the first of them."""
    languages: Mapping[str, int] = field(default_factory=dict)
    languages_looked_at: int = 0
    empty_fields: Mapping[str, int] = field(default_factory=dict)
    index: RowIndex | None = None
