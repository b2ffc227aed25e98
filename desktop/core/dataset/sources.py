"""The rows of any dataset file: what ``trainer_image.formats`` reads, and Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from trainer_image.formats import FileFacts, ReadOptions, Row, RowProblem, is_parquet, look_at
from trainer_image.formats import read_rows as read_other_rows

Format = Literal["jsonl", "json", "table", "text", "parquet"]


def rows_of_file(path: Path, read: ReadOptions, first: int = 1) -> Iterator[Row | RowProblem]:
    """Yield the rows of a file of any format, with a problem in the place of each that cannot be read."""
    if is_parquet(path, read.part):
        rows: Iterator[Row | RowProblem] = _parquet().parquet_rows(path, first, read.part)
        return rows
    return islice(read_other_rows(path, read), first - 1, None)


def facts_of_file(path: Path, read: ReadOptions) -> tuple[Format, FileFacts]:
    """Return how a file is read, and its format."""
    if is_parquet(path, read.part):
        return "parquet", _parquet().parquet_facts(path, read.part)
    facts = look_at(path, read)
    # Between the lines of an array there may be brackets, so it is read from its beginning.
    return "json" if facts.in_array else facts.format, facts


def _parquet() -> Any:
    """Return the reader of Parquet, whose library takes more time and memory than most files do as a whole."""
    return import_module("desktop.core.dataset.parquet")
