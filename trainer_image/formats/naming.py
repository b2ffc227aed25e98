"""The names of a row's columns as we write them: Question is question, in JSON as in the header of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trainer_image.formats.rows import Row
from trainer_image.formats.shapes import KNOWN_COLUMNS


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


def rows_of(values: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Number rows that came from elsewhere (Parquet), where a line is a row."""
    for number, value in enumerate(values, 1):
        yield Row(number, number, with_known_names(dict(value)))
