"""What a dataset file holds: rows, shape and the rows that cannot be used, read off the GUI thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from desktop.errors import AppError
from trainer_image.formats import (
    Example,
    Labelled,
    LeftOut,
    Made,
    Message,
    Preference,
    RowProblem,
    Shape,
    Steps,
    UnreadableFileError,
    examples_of,
    is_parquet,
    unknown_shape,
)

SHOWN_PROBLEMS = 50


@dataclass(frozen=True)
class DatasetReport:
    """A whole file in a few words."""

    path: Path
    shape: Shape | None
    rows: int
    problems: tuple[RowProblem, ...]
    """The first of them."""
    bad_rows: int
    first: Made | None
    note: str = ""
    remarks: tuple[str, ...] = ()
    """What was assumed of the rows."""

    @property
    def good_rows(self) -> int:
        return self.rows - self.bad_rows


def examine_dataset(path: Path) -> DatasetReport:
    """Read the whole file, once for its shape and once for its rows; AppError where it cannot be read at all."""
    if not path.exists():
        raise AppError(f"There is no file {path}.", "Choose a file on this machine.", "dataset_missing")
    try:
        if is_parquet(path):
            return DatasetReport(path, None, 0, (), 0, None, "Parquet: its rows are checked when the run begins.")
        return _examine(path)
    except UnreadableFileError as error:
        raise AppError(error.sentence, error.hint, "bad_data") from error


def _examine(path: Path) -> DatasetReport:
    examples = examples_of(path)
    first: Made | None = None
    problems: list[RowProblem] = []
    bad_rows = 0
    for made in examples:
        if not isinstance(made, RowProblem):
            # What these rows are meant for leaves none of them out.
            assert not isinstance(made, LeftOut)
            first = first or made
            continue
        bad_rows += 1
        if len(problems) < SHOWN_PROBLEMS:
            problems.append(made)
    note = "" if examples.rows else "The file has no rows."
    if examples.shape is None and examples.rows:
        note = unknown_shape(examples.columns) if examples.columns else "No row of this file can be read."
    return DatasetReport(path, examples.shape, examples.rows, tuple(problems), bad_rows, first, note, examples.notes)


def turns_of(made: Made) -> list[tuple[str, str]]:
    """Return what a row holds as pairs of a name and a text, in the order in which a person reads it."""
    if isinstance(made, Example):
        return [("text", made.text)] if made.text else _spoken(made.messages)
    turns = _spoken(made.prompt)
    if isinstance(made, Preference):
        return [*turns, *_named("chosen", made.chosen), *_named("rejected", made.rejected)]
    if isinstance(made, Labelled):
        return [*turns, *_named("good answer" if made.label else "bad answer", made.completion)]
    if isinstance(made, Steps):
        marks = ("right" if label else "wrong" for label in made.labels)
        return [*turns, *((f"{mark} step", step) for mark, step in zip(marks, made.steps, strict=True))]
    return [*turns, ("answer", made.answer)] if made.answer else turns


def _spoken(messages: Iterable[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content or "(calls a tool)") for message in messages]


def _named(name: str, messages: Iterable[Message]) -> list[tuple[str, str]]:
    return [(name, text) for _, text in _spoken(messages)]
