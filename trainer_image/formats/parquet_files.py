"""Parquet, by itself or inside an archive: told from other files, and opened for a library that reads it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from trainer_image.formats.archives import Part, open_parts
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
        found = sum(_begins_as_parquet(part) for part in parts)
        if found and len(parts) > 1:
            raise UnreadableFileError(
                f"{shown(path.name)} holds several Parquet files.", which(one.name for one in parts)
            )
        return bool(found)


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


@contextmanager
def open_parquet(path: Path, part: str | None = None) -> Iterator[BinaryIO]:
    """Give a Parquet file to read at any place; one in an archive is unpacked into a file that is gone afterwards."""
    with open_regular(path) as file:
        if file.read(4) == PARQUET:
            file.seek(0)
            yield file
            return
    with tempfile.TemporaryFile() as whole:
        with damage_in_words(path), open_parts(path, part) as (_, parts, _notes), parts[0].open() as packed:
            shutil.copyfileobj(packed, whole, 1 << 20)
        whole.seek(0)
        yield whole
