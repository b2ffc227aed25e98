"""What a dataset file holds: rows, shape and the rows that cannot be used, read off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from desktop.errors import AppError
from trainer_image.formats import (
    Example,
    Row,
    RowProblem,
    Shape,
    UnreadableFileError,
    detect_shape,
    read_rows,
    to_example,
    unknown_shape,
)

SHAPE_WORDS: dict[Shape, str] = {
    "messages": "conversations (messages)",
    "sharegpt": "conversations (ShareGPT)",
    "alpaca": "instructions and outputs",
    "prompt_completion": "prompts and completions",
    "question_answer": "questions and answers",
    "text": "plain text",
}
SHOWN_PROBLEMS = 50
ROWS_FOR_SHAPE = 2000
"""So many rows vote on the shape, so that a file of gigabytes is read once and never held."""


@dataclass(frozen=True)
class DatasetReport:
    """A whole file in a few words."""

    path: Path
    shape: Shape | None
    rows: int
    problems: tuple[RowProblem, ...]
    """The first of them."""
    bad_rows: int
    first: Example | None
    note: str = ""

    @property
    def good_rows(self) -> int:
        return self.rows - self.bad_rows


def examine_dataset(path: Path) -> DatasetReport:
    """Read the whole file once; AppError where it cannot be read at all."""
    if not path.is_file():
        raise AppError(f"There is no file {path}.", "Choose a file on this machine.", "dataset_missing")
    if path.suffix.lower() == ".parquet":
        return DatasetReport(path, None, 0, (), 0, None, "Parquet: its rows are checked when the run begins.")
    try:
        return _examine(path)
    except UnreadableFileError as error:
        raise AppError(error.sentence, error.hint, "bad_data") from error
    except OSError as error:
        raise AppError(f"{path.name} cannot be read: {error.strerror}.", "Check its rights.") from error


def _examine(path: Path) -> DatasetReport:
    items = read_rows(path)
    head = list(islice(items, ROWS_FOR_SHAPE))
    known = [item for item in head if isinstance(item, Row)]
    shape = detect_shape(known)
    rows = bad_rows = 0
    first: Example | None = None
    problems: list[RowProblem] = []
    for item in chain(head, items):
        rows += 1
        made = _read(item, shape)
        if isinstance(made, Example):
            first = first or made
            continue
        bad_rows += 1
        if len(problems) < SHOWN_PROBLEMS:
            problems.append(made)
    note = unknown_shape(known[:50]) if shape is None and rows else "" if rows else "The file has no rows."
    return DatasetReport(path, shape, rows, tuple(problems), bad_rows, first, note)


def _read(item: Row | RowProblem, shape: Shape | None) -> Example | RowProblem:
    if isinstance(item, RowProblem):
        return item
    if shape is None:
        return RowProblem(item.line, item.number, "", "unknown_shape", unknown_shape([item]))
    return to_example(item, shape)
