"""What can be said of a file that is refused or has to be asked about: its size, its hash, its letters, its parts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from desktop.core.dataset.file_hash import FileHash
from desktop.core.dataset.report import Cancelled, Report
from desktop.errors import AppError
from trainer_image.formats import UnreadableFileError
from trainer_image.formats.archives import files_with_rows
from trainer_image.formats.encodings import as_utf8, find_encoding
from trainer_image.formats.files import damage_in_words
from trainer_image.formats.json_arrays import keys_of_arrays
from trainer_image.formats.opening import GZIP, HEAD, PARQUET, ZIP, open_regular, refuse_what_is_no_text

HASHED_UP_TO = 1 << 30
"""Of a larger file that is no dataset at all nobody waits for the hash."""


def with_facts(report: Report, is_cancelled: Callable[[], bool]) -> Report:
    """Return the report of a refused file with what its bytes say all the same; Cancelled where somebody stops it."""
    path = report.path
    with suppress(UnreadableFileError, OSError), open_regular(path) as file:
        head, size = file.read(HEAD), path.stat().st_size
        asks = report.outcome == "ask"
        encoding = _encoding_of(path, head)
        return replace(
            report,
            size=size,
            sha256=_hash_of(path, is_cancelled) if asks or size <= HASHED_UP_TO else "",
            encoding=encoding,
            parts=_parts_of(path) if asks and head.startswith(ZIP) else (),
            arrays=_arrays_of(path, encoding) if asks and encoding else (),
        )
    return report


def _hash_of(path: Path, is_cancelled: Callable[[], bool]) -> str:
    made = FileHash(path)
    try:
        while not made.is_ready(0.1):
            if is_cancelled():
                raise Cancelled
        return made.result()
    except Cancelled:
        raise
    except AppError:
        return ""
    finally:
        made.stop()


def _encoding_of(path: Path, head: bytes) -> str:
    """Return how the letters of a text are written; nothing of what is no text."""
    if head.startswith((GZIP, PARQUET, *ZIP)):
        return ""
    try:
        refuse_what_is_no_text(head, path.name)
        with damage_in_words(path):
            return find_encoding(lambda: open_regular(path), path.name)
    except UnreadableFileError:
        return ""


def _arrays_of(path: Path, encoding: str) -> tuple[str, ...]:
    try:
        with damage_in_words(path), as_utf8(open_regular(path), encoding) as stream:
            return keys_of_arrays(stream)
    except UnreadableFileError:
        return ()


def _parts_of(path: Path) -> tuple[str, ...]:
    try:
        with damage_in_words(path):
            return files_with_rows(path)
    except UnreadableFileError:
        return ()
