"""Lines of a dataset file as they stand in it, for a person who wants to mend one; the tasks of a worker."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from desktop.core.dataset.index import Place, RowIndex
from desktop.core.dataset.sources import rows_of_file
from desktop.errors import AppError
from trainer_image.formats import Row, RowProblem, UnreadableFileError, is_parquet, look_at
from trainer_image.formats.archives import open_parts
from trainer_image.formats.encodings import as_utf8
from trainer_image.formats.opening import open_regular

LONGEST = 20_000
"""So many letters of a line are shown."""
TELL_EVERY = 2000
_FIRST = Place(1, 1, 0)


@dataclass(frozen=True)
class SourceLine:
    """One line of a file; ``is_cut`` where it goes on beyond what is shown."""

    number: int
    text: str
    is_cut: bool = False


def lines_around(
    index: RowIndex, line: int, before: int, after: int, part: str = ""
) -> Generator[None, None, list[SourceLine]]:
    """Return a line, counted from 1, with some before and behind it; nothing of a file that has no lines."""
    yield
    first = max(1, line - before)
    try:
        return list(_lines(index, first, line + after, part))
    except (UnreadableFileError, OSError) as error:
        raise AppError(f"{index.path.name} cannot be read any more.", "Choose it again.", "bad_data") from error


def _lines(index: RowIndex, first: int, last: int, part: str) -> Iterator[SourceLine]:
    if is_parquet(index.path, index.read.part):
        return
    if index.places:
        place = index.places[max(0, bisect_right(index.places, first, key=lambda one: one.line) - 1)]
        place = place if place.line <= first else _FIRST
        with open_regular(index.path) as file:
            file.seek(place.offset)
            yield from _cut(file, place.line, first, last)
        return
    facts = None if index.read.encoding else look_at(index.path, index.read)
    with open_parts(index.path, index.read.part) as (_, parts, _notes):
        chosen = next((one for one in parts if one.name == part), parts[0])
        encoding = facts.encodings[parts.index(chosen)] if facts else index.read.encoding
        with as_utf8(chosen.open(), encoding or "utf-8") as stream:
            yield from _cut(stream, 1, first, last)


def _cut(stream: BinaryIO, number: int, first: int, last: int) -> Iterator[SourceLine]:
    """Yield the lines of a stream from one number to another; no line is ever held as a whole."""
    while number <= last:
        raw = stream.readline(LONGEST * 4)
        if not raw:
            return
        is_long = not raw.endswith(b"\n")
        rest = raw
        while is_long and rest and not rest.endswith(b"\n"):
            rest = stream.readline(1 << 20)
        if number >= first:
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            yield SourceLine(number, text[:LONGEST], len(text) > LONGEST or (is_long and bool(rest)))
        number += 1


def find_row(index: RowIndex, text: str, first: int) -> Generator[int, None, int | None]:
    """Return the number of the first row from ``first`` on that holds a text, else from the beginning on, or None.

    Says on the way how many rows were looked at. Capitals do not matter.
    """
    wanted = text.casefold()
    raw_wanted = tuple({_in_json(wanted, ascii_only) for ascii_only in (True, False)})
    looked_at = 0
    for begin, end in ((first, index.rows), (1, first - 1)):
        for item in islice(_from(index, begin), max(0, end - begin + 1)):
            looked_at += 1
            if looked_at % TELL_EVERY == 0:
                yield looked_at
            number, holds = item
            found = any(one in holds for one in raw_wanted) if isinstance(holds, bytes) else _holds(holds, wanted)
            if found:
                return number
    return None


def _in_json(text: str, ascii_only: bool) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].lower().encode()


def _from(index: RowIndex, first: int) -> Iterator[tuple[int, Any]]:
    """Yield rows by number: of JSONL the bytes in small letters, of other files the values."""
    if not index.places:
        for number, item in enumerate(rows_of_file(index.path, index.read, first), first):
            yield number, item
        return
    place = index.places[max(0, bisect_right(index.places, first, key=lambda one: one.row) - 1)]
    number = place.row - 1
    with open_regular(index.path) as file:
        file.seek(place.offset)
        for raw in file:
            if not raw.isspace():
                number += 1
                if number >= first:
                    yield number, _in_small_letters(raw)


def _in_small_letters(raw: bytes) -> bytes:
    if b"\\u" in raw:
        # A capital letter that is written as its number has no small letters to be found by.
        with suppress(ValueError, RecursionError):
            raw = json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    return raw.lower() if raw.isascii() else raw.decode("utf-8", "replace").lower().encode()


def _holds(item: Row | RowProblem, wanted: str) -> bool:
    return isinstance(item, Row) and _is_in(item.value, wanted)


def _is_in(value: Any, wanted: str) -> bool:
    if isinstance(value, Mapping):
        return any(_is_in(one, wanted) for one in value.values())
    if isinstance(value, list):
        return any(_is_in(one, wanted) for one in value)
    return value is not None and wanted in str(value).casefold()
