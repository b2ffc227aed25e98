"""Rows by their number: at once where the index knows their place, by reading up to them elsewhere."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from desktop.core.dataset.index import Place, RowIndex
from desktop.core.dataset.sources import rows_of_file
from desktop.errors import AppError
from trainer_image.formats import Row, RowProblem, UnreadableFileError
from trainer_image.formats.json_lines import read_json_lines
from trainer_image.formats.opening import open_regular

GROUP = 100


def rows_at(index: RowIndex, first: int, count: int) -> list[Row | RowProblem]:
    """Return ``count`` rows from row ``first`` on; fewer at the end of the file."""
    try:
        return list(islice(_from(index, first), count))
    except UnreadableFileError as error:
        raise AppError(error.sentence, error.hint, "bad_data") from error


def read_rows_at(index: RowIndex, first: int, count: int) -> Generator[None, None, list[Row | RowProblem]]:
    """Do the same as the task of a worker."""
    yield
    return rows_at(index, first, count)


def _from(index: RowIndex, first: int) -> Iterator[Row | RowProblem]:
    if index.places:
        return _from_place(index.path, _nearest(index.places, first), first)
    return rows_of_file(index.path, index.read, first)


def _nearest(places: tuple[Place, ...], row: int) -> Place:
    return places[max(0, bisect_right(places, row, key=lambda place: place.row) - 1)]


def _from_place(path: Path, place: Place, first: int) -> Iterator[Row | RowProblem]:
    number, line = place.row - 1, place.line - 1
    with open_regular(path) as file:
        file.seek(place.offset)
        for raw in file:
            line += 1
            if raw.isspace():
                continue
            number += 1
            if number < first:
                continue
            for item in read_json_lines((raw,)):
                if isinstance(item, Row):
                    yield replace(item, line=line, number=number)
                else:
                    yield replace(item, line=line, row=number)


def sample_rows(index: RowIndex, most: int) -> Generator[list[Row | RowProblem], None, None]:
    """Say rows in groups, at most so many, spread evenly over the file."""
    total = index.rows
    if total <= most:
        items = _from(index, 1)
        while group := list(islice(items, GROUP)):
            yield group
        return
    apart = -(-total * GROUP // most)
    if index.places:
        for first in range(1, total + 1, apart):
            yield rows_at(index, first, GROUP)
        return
    items = _from(index, 1)
    while group := list(islice(items, GROUP)):
        yield group
        next(islice(items, apart - GROUP, apart - GROUP), None)
