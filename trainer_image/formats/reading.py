"""Rows to examples: every row becomes one or more examples, exactly one problem, or is left out for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer_image.formats.conversations import READERS
from trainer_image.formats.files import DEFAULT, ReadOptions, read_rows
from trainer_image.formats.kinds import Example, Kind, Made, Message
from trainer_image.formats.naming import with_turns
from trainer_image.formats.preferences import both_labelled, check_question, read_labelled, read_preference
from trainer_image.formats.rankings import RankMeaning, RankVotes, best_of, pairs_of
from trainer_image.formats.rows import BadRow, LeftOut, Row, RowProblem
from trainer_image.formats.shapes import FEEDS, SHAPE_WORDS, Shape, most_voted, shape_of, unknown_shape, why_not
from trainer_image.formats.strict_json import too_deep
from trainer_image.formats.taken import TakenVotes, words_of_pair
from trainer_image.formats.tasks import read_steps, read_task
from trainer_image.formats.turns import FILL_IN, check_turns, plain_text_in, read_tools

Outcome = Made | RowProblem | LeftOut
Mapped = Mapping[str, str]
"""Our name of a column -> the file's."""
_COLUMNS = 100


class Survey:
    """What all rows of a file together say: their shape, what else is among them, and how rankings are meant."""

    def __init__(self, mapping: Mapped | None = None) -> None:
        self.rows = 0
        self.votes: Counter[Shape | None] = Counter()
        self.ranks = RankVotes()
        self.taken = TakenVotes()
        self.columns: dict[str, None] = {}
        self._mapping = mapping

    def add(self, item: Row | RowProblem) -> None:
        """Count a row, and let it vote."""
        self.rows += 1
        if isinstance(item, Row):
            row = mapped(item, self._mapping) if self._mapping else item
            value = row.value
            shape = shape_of(value)
            self.taken.add(row, shape)
            self.votes[shape] += 1
            if shape is None and len(self.columns) < _COLUMNS:
                self.columns |= dict.fromkeys(value)
            if shape == "ranking":
                self.ranks.add(value)

    @property
    def shape(self) -> Shape | None:
        """Return the shape that most rows have."""
        return most_voted({shape: count for shape, count in self.votes.items() if shape is not None})

    def notes(self) -> tuple[str, ...]:
        """Return what a person should know before the rows are used."""
        shape = self.shape
        others = [(one, count) for one, count in self.votes.items() if one not in (None, shape)]
        said = [
            f"{count} of {self.rows} rows {'has' if count == 1 else 'have'} another shape: {SHAPE_WORDS[one]}."
            for one, count in others
            if one is not None
        ]
        said += (sentence for _, sentence in self.taken.sentences())
        if shape == "prompt_completion":
            read = words_of_pair(self.taken.pair)
            said += [f"By its columns {read}."] if read else []
            said += (sentence for _, sentence in self.taken.other_pairs())
        return (*said, *(self.ranks.notes() if shape == "ranking" else ()))


def survey(items: Iterable[Row | RowProblem], mapping: Mapped | None = None) -> Survey:
    """Let every row vote."""
    made = Survey(mapping)
    for item in items:
        made.add(item)
    return made


def mapped(row: Row, mapping: Mapped) -> Row:
    """Return a row with its columns under our names; those that were not named keep their own."""
    # A known name in capitals has been read in small letters.
    found = {ours: theirs if theirs in row.value else theirs.lower() for ours, theirs in mapping.items()}
    taken = {*found, *found.values()}
    value = {name: cell for name, cell in row.value.items() if name not in taken}
    value |= {ours: row.value[theirs] for ours, theirs in found.items() if theirs in row.value}
    made = replace(row, value=value)
    try:
        return with_turns(made)
    except BadRow:
        # That its turns are the text of a list, and a refused one, is said where they are read.
        return made


class Examples:
    """The examples of a dataset without its rows: a first pass lets them vote, and each later one makes them."""

    def __init__(
        self,
        rows: Callable[[], Iterable[Row | RowProblem]],
        shape: Shape | None = None,
        kind: Kind | None = None,
        mapping: Mapped | None = None,
    ) -> None:
        self._rows, self._mapping = rows, mapping
        self.survey = survey(rows(), mapping)
        self.shape = shape or self.survey.shape
        self.kind: Kind = kind or (FEEDS[self.shape][0] if self.shape else "conversation")
        self.rows = self.survey.rows
        self.notes = self.survey.notes()
        self.columns = tuple(self.survey.columns)
        """Those of rows whose shape is not known."""

    def __iter__(self) -> Iterator[Outcome]:
        meaning = self.survey.ranks.meaning
        for item in self._rows():
            if isinstance(item, RowProblem):
                yield item
            else:
                row = mapped(item, self._mapping) if self._mapping else item
                yield from convert(row, self.shape, self.kind, meaning)


def examples_of(
    path: Path,
    options: ReadOptions = DEFAULT,
    shape: Shape | None = None,
    kind: Kind | None = None,
    mapping: Mapped | None = None,
) -> Examples:
    """Return the examples of a file, which is read anew for each pass."""
    return Examples(lambda: read_rows(path, options), shape, kind, mapping)


@dataclass(frozen=True)
class Reading:
    """A whole dataset: each of the ``rows`` has made examples, or is among ``problems`` or ``left_out``."""

    shape: Shape | None
    kind: Kind
    rows: int
    examples: list[Made] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def read_examples(
    items: Iterable[Row | RowProblem],
    shape: Shape | None = None,
    kind: Kind | None = None,
    mapping: Mapped | None = None,
) -> Reading:
    """Turn every row into examples or a problem; without a kind, into what the shape is meant for."""
    every = list(items)
    source = Examples(lambda: every, shape, kind, mapping)
    reading = Reading(source.shape, source.kind, source.rows, notes=source.notes)
    for made in source:
        if isinstance(made, RowProblem):
            reading.problems.append(made)
        elif isinstance(made, LeftOut):
            reading.left_out.append(made)
        else:
            reading.examples.append(made)
    return reading


def to_example(row: Row, shape: Shape) -> Example | RowProblem:
    """Return the row as a conversation or a text, or what is wrong with it."""
    (made,) = convert(row, shape, "text" if shape == "text" else "conversation")
    assert isinstance(made, (Example, RowProblem))
    return made


def convert(row: Row, shape: Shape | None, kind: Kind, meaning: RankMeaning = "ranks") -> list[Outcome]:
    """Return what one row makes: examples of the kind, or one problem, or why it is left out."""
    try:
        if shape is None:
            raise BadRow("", "unknown_shape", unknown_shape(row.value), "Rename the columns, or say which is which.")
        if kind not in FEEDS[shape]:
            raise BadRow("", "unfit_shape", why_not(shape, kind), "Choose another method or another file.")
        return _made(row, shape, kind, meaning)
    except BadRow as bad:
        own = _other_shape(row, bad, shape)
        fault = f"{bad.fault} It has the shape {own}, unlike most rows." if own else bad.fault
        return [BadRow(bad.column, bad.kind, fault, bad.fix).at(row.line, row.number, row.part)]
    except RecursionError:
        return [too_deep().at(row.line, row.number, row.part)]


def _other_shape(row: Row, bad: BadRow, shape: Shape | None) -> Shape | None:
    """Return the shape of a row that lacks a column because it is of another shape than the rest."""
    if bad.kind != "missing_field" or bad.column in row.value or not bad.column.isidentifier():
        return None
    own = shape_of(row.value)
    return own if own != shape else None


def _made(row: Row, shape: Shape, kind: Kind, meaning: RankMeaning) -> list[Outcome]:
    if kind in ("conversation", "text"):
        return [_conversation(row, shape, meaning)]
    if kind == "preference":
        return list(pairs_of(row, meaning)) if shape == "ranking" else [read_preference(row)]
    if kind == "labelled":
        return list(both_labelled(read_preference(row))) if shape == "preference" else [read_labelled(row)]
    return [read_steps(row) if kind == "steps" else read_task(row, shape)]


def _conversation(row: Row, shape: Shape, meaning: RankMeaning) -> Example | LeftOut:
    value = row.value
    if shape == "text":
        # Its turns may be written out with the marks of a template, so those are no fault here.
        return Example(row.line, row.number, text=plain_text_in(value, "text", "empty_text"))
    tools: tuple[Mapping[str, object], ...] = ()
    if shape in READERS:
        messages = READERS[shape](value)
        tools = read_tools(value) if "tools" in value or "functions" in value else ()
    elif shape == "preference":
        preference = read_preference(row)
        messages = [*preference.prompt, *preference.chosen]
    elif shape == "ranking":
        messages = best_of(row, meaning)
    elif shape == "labelled":
        labelled = read_labelled(row)
        if not labelled.label:
            return LeftOut(
                row.line, row.number, "Its answer is labelled bad, and only good ones are learned.", row.part
            )
        messages = [*labelled.prompt, *labelled.completion]
    else:
        task = read_task(row, shape)
        if not task.answer:
            raise BadRow("answer", "empty_answer", "It has no answer to learn.", FILL_IN)
        messages = [*task.prompt, Message("assistant", task.answer)]
    check_turns(messages)
    check_question(messages[:-1])
    return Example(row.line, row.number, tuple(messages), tools=tools)
