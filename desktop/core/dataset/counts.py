"""What is counted of a file's rows: small values that travel between processes and are put together in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from desktop.core.dataset.letters import Doubt
from trainer_image.formats import FEEDS, FileFacts, Kind, RankMeaning, ReadOptions, RowProblem, Shape
from trainer_image.formats.reading import Survey


def is_empty(value: Any) -> bool:
    """Say whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


@dataclass(frozen=True)
class Guess:
    """What rows are read as; where the whole file says otherwise in the end, it is read again."""

    shape: Shape | None
    kind: Kind
    meaning: RankMeaning = "ranks"

    @classmethod
    def by(cls, survey: Survey, shape: Shape | None, kind: Kind | None) -> Guess:
        """Return what rows are best read as; what the user says goes before what they say themselves."""
        found = shape or survey.shape
        return cls(found, kind or (FEEDS[found][0] if found else "conversation"), survey.ranks.meaning)


@dataclass(frozen=True)
class TallyOptions:
    """What is asked of a tally."""

    mapping: Mapping[str, str] | None = None
    kept: int = 200
    """Problems that are kept of each kind; the others are counted."""
    near: bool = True
    one_language_in: int = 1
    """Of so many rows one is looked at for its language."""
    notes_letters: bool = False
    """Whether rows with letters beyond ASCII are noted, as their encoding was guessed."""
    notes_lines: bool = False
    """Whether the lines of the first rows are noted, whatever they hold."""
    is_strict: bool = False
    """Whether every row is read by itself, and none by what another one of its skeleton has said."""


@dataclass
class Counts:
    """The outcome of a tally: small, whatever the size of the file."""

    rows: int = 0
    lines: int = 0
    good: int = 0
    left_out: int = 0
    problem_counts: Counter[str] = field(default_factory=Counter)
    problems: dict[str, list[RowProblem]] = field(default_factory=dict)
    left_out_lines: list[int] = field(default_factory=list)
    doubts: Counter[Doubt] = field(default_factory=Counter)
    doubt_lines: dict[Doubt, list[int]] = field(default_factory=dict)
    """Lines with doubtful letters, as many as are kept."""
    shape_lines: dict[Shape, list[int]] = field(default_factory=dict)
    """Lines of rows with another shape than most, as many as are kept of each."""
    part_starts: dict[str, int] = field(default_factory=dict)
    """The files of an archive of several -> the row that each begins with."""
    labels: Counter[bool] = field(default_factory=Counter)
    unmarked: int = 0
    """Rows to be asked whose answer is a sentence with no final answer marked in it."""
    letters: int = 0
    """Rows with letters beyond ASCII, where they are noted."""
    letter_lines: list[int] = field(default_factory=list)
    first_lines: list[int] = field(default_factory=list)
    """Lines of the first rows, where they are noted."""
    survey: Survey = field(default_factory=Survey)
    languages: Counter[str] = field(default_factory=Counter)
    empty_fields: Counter[str] = field(default_factory=Counter)

    def add(self, behind: Counts, kept: int) -> None:
        """Put what was counted behind this part onto it."""
        for kind, problems in behind.problems.items():
            mine = self.problems.setdefault(kind, [])
            mine += (
                replace(problem, line=problem.line + self.lines, row=problem.row + self.rows)
                for problem in problems[: max(0, kept - len(mine))]
            )
        room = max(0, kept - len(self.left_out_lines))
        self.left_out_lines += (line + self.lines for line in behind.left_out_lines[:room])
        for doubt, lines in behind.doubt_lines.items():
            known = self.doubt_lines.setdefault(doubt, [])
            known += (line + self.lines for line in lines[: max(0, kept - len(known))])
        for shape, lines in behind.shape_lines.items():
            others = self.shape_lines.setdefault(shape, [])
            others += (line + self.lines for line in lines[: max(0, kept - len(others))])
        self.letter_lines += (
            line + self.lines for line in behind.letter_lines[: max(0, kept - len(self.letter_lines))]
        )
        room = max(0, kept - len(self.first_lines))
        self.first_lines += (line + self.lines for line in behind.first_lines[:room])
        self.letters += behind.letters
        self.labels += behind.labels
        self.unmarked += behind.unmarked
        for part, first in behind.part_starts.items():
            self.part_starts.setdefault(part, first + self.rows)
        self.doubts += behind.doubts
        self.survey.taken.join(behind.survey.taken, self.lines)
        self.rows += behind.rows
        self.lines += behind.lines
        self.good += behind.good
        self.left_out += behind.left_out
        self.problem_counts += behind.problem_counts
        self.languages += behind.languages
        self.empty_fields += behind.empty_fields
        self.survey.rows += behind.survey.rows
        self.survey.votes += behind.survey.votes
        self.survey.ranks.votes += behind.survey.ranks.votes
        self.survey.ranks.undecided += behind.survey.ranks.undecided
        self.survey.columns |= behind.survey.columns

    def part_of(self, row: int) -> str:
        """Return the file of an archive that a row is in, or nothing where there is one file alone."""
        return (
            max((start, part) for part, start in self.part_starts.items() if start <= row)[1]
            if self.part_starts
            else ""
        )


@dataclass(frozen=True)
class Look:
    """What the beginning of a file says."""

    format: str
    facts: FileFacts
    read: ReadOptions
    """How its rows are read, with what was found out."""
    guess: Guess
    samples: Mapping[Shape | None, Mapping[str, Any]]
    """The first row of each shape."""
    begin: int | None
    """Where the first line begins, if lines can be read from anywhere; else None."""

    @property
    def doubtful_encoding(self) -> str:
        """Return what is to be said of an encoding that was guessed, or nothing."""
        return next((note for note in self.facts.notes if "no UTF-8" in note), "")
