"""A row as we read it: its columns by the names that we write, and its turns as a list where their text was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from trainer_image.formats.rows import BadRow, Row, RowProblem, Taken, kind_of
from trainer_image.formats.shapes import KNOWN_COLUMNS, TURN_COLUMNS
from trainer_image.formats.written_out import structured


def with_known_names(value: dict[str, Any]) -> dict[str, Any]:
    """Return a row with each known column in small letters, unless it has one of that name beside it."""
    if all(name in KNOWN_COLUMNS or name.lower() not in KNOWN_COLUMNS for name in value):
        return value
    named: dict[str, Any] = {}
    for name, cell in value.items():
        small = name.lower()
        is_free = small in KNOWN_COLUMNS and small not in value and small not in named
        named[small if is_free else name] = cell
    return named


def row_or_problem(line: int, number: int, value: Any, taken: tuple[Taken, ...] = ()) -> Row | RowProblem:
    """Return a value as a row, which has to be an object."""
    if not isinstance(value, dict):
        fault = f"A row has to be an object in curly brackets, and this is {kind_of(value)}."
        return BadRow("", "not_an_object", fault).at(line, number)
    row = Row(line, number, with_known_names(value), taken=taken)
    try:
        return with_turns(row)
    except BadRow as bad:
        return bad.at(line, number)


def with_turns(row: Row) -> Row:
    """Return a row with the list of its turns where it has their text; BadRow where its JSON is refused."""
    column = next((name for name in TURN_COLUMNS if name in row.value), "")
    cell = row.value.get(column)
    if not isinstance(cell, str):
        return row
    try:
        turns = structured(column, cell)
    except BadRow as bad:
        raise BadRow(column, bad.kind, bad.fault, bad.fix) from None
    if isinstance(turns, str):
        return row
    return replace(row, value={**row.value, column: turns}, taken=(*row.taken, "turns_as_text"))


def rows_of(values: Iterable[Mapping[str, Any]], before: int = 0, part: str = "") -> Iterator[Row | RowProblem]:
    """Number rows that came from elsewhere (Parquet), where a line is a row; ``before`` are in the files before it."""
    for line, value in enumerate(values, 1):
        row = row_or_problem(line, before + line, dict(value))
        yield replace(row, part=part) if part else row
