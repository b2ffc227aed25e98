"""Parquet, by itself or inside an archive: told from other files, and opened for a library that reads it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from trainer_image.formats.archives import Compression, Part, open_parts
from trainer_image.formats.files import damage_in_words
from trainer_image.formats.members import which
from trainer_image.formats.opening import GZIP, PARQUET, ZIP, open_regular, shown
from trainer_image.formats.rows import UnreadableFileError


def is_parquet(path: Path, part: str | None = None) -> bool:
    """Say whether a file is Parquet, which this package does not read: give its rows to ``rows_of``.

    ``part`` is the file of an archive that is meant, where it holds several.
    """
    with open_regular(path) as file:
        head = file.read(4)
    if not head.startswith((GZIP, *ZIP)):
        return head == PARQUET
    with damage_in_words(path), open_parts(path, part) as (_, parts, _notes):
        found = [_begins_as_parquet(part) for part in parts]
        if any(found) and not all(found):
            name, names = shown(path.name), [one.name for one in parts]
            both = f"{names[found.index(True)]} and {names[found.index(False)]}"
            raise UnreadableFileError(f"{name} holds files of several kinds ({both}).", which(names))
        return any(found)


def _begins_as_parquet(part: Part) -> bool:
    with part.open() as stream:
        return stream.read(4) == PARQUET


def with_text(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in which text that an old program has stored as bytes is text; other bytes stay what they are."""
    return {name: _as_text(cell) if isinstance(cell, bytes) else cell for name, cell in value.items()}


def _as_text(cell: bytes) -> str | bytes:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell


class ParquetFiles(NamedTuple):
    """The Parquet files to read one after the other: one by itself, or the shards of an archive."""

    names: tuple[str, ...]
    open: Callable[[int], AbstractContextManager[BinaryIO]]
    """Give one of them, by its number from 0, to read at any place."""
    compression: Compression = ""
    notes: tuple[str, ...] = ()


def parquet_files(path: Path, part: str | None = None) -> ParquetFiles:
    """Return the Parquet files that a file is or holds, in the order of their names."""
    with open_regular(path) as file:
        if file.read(4) == PARQUET:
            return ParquetFiles((shown(path.name),), lambda _: open_regular(path))
    with damage_in_words(path), open_parts(path, part) as (compression, parts, notes):
        names = tuple(one.name for one in parts)
    return ParquetFiles(names, partial(_unpacked, path, part), compression, tuple(notes))


@contextmanager
def _unpacked(path: Path, part: str | None, number: int) -> Iterator[BinaryIO]:
    """Unpack a Parquet file of an archive into a file that is gone afterwards."""
    with tempfile.TemporaryFile() as whole:
        with damage_in_words(path), open_parts(path, part) as (_, parts, _notes), parts[number].open() as packed:
            shutil.copyfileobj(packed, whole, 1 << 20)
        whole.seek(0)
        yield whole
