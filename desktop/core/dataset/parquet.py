"""The rows of a Parquet file, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyarrow import lib, parquet

from trainer_image.formats import FileFacts, Row, RowProblem, UnreadableFileError, open_parquet, with_text
from trainer_image.formats.naming import row_or_problem
from trainer_image.formats.strict_json import HALF_LETTERS, WRITE_ANEW

BATCH = 512
_BYTES = ("binary", "large_binary", "binary_view")
_REFUSED = (lib.ArrowException, OSError)


@contextmanager
def _open(path: Path, part: str | None) -> Iterator[Any]:
    with open_parquet(path, part) as source, parquet.ParquetFile(source) as file:
        yield file


def parquet_rows(path: Path, first: int = 1, part: str | None = None) -> Iterator[Row | RowProblem]:
    """Yield the rows of a Parquet file from a row on; the groups of rows before it are not read."""
    number = 1
    try:
        with _open(path, part) as file:
            groups = list(range(file.num_row_groups))
            while groups and number + file.metadata.row_group(groups[0]).num_rows <= first:
                number += file.metadata.row_group(groups.pop(0)).num_rows
            if not groups:
                return
            for batch in file.iter_batches(BATCH, row_groups=groups):
                for value in _values(batch):
                    if number >= first:
                        yield _row(number, value)
                    number += 1
    except _REFUSED as error:
        raise UnreadableFileError(f"{path.name} is no whole Parquet file.", "Fetch or save it again.") from error


def parquet_facts(path: Path, part: str | None = None) -> FileFacts:
    """Say of a Parquet file what is said of others; whether it is whole shows at its end."""
    try:
        with _open(path, part) as file:
            # Read here, so that a broken one is told before its rows.
            as_bytes = [field.name for field in file.schema_arrow if str(field.type) in _BYTES]
    except _REFUSED as error:
        raise UnreadableFileError(f"{path.name} is no whole Parquet file.", "Fetch or save it again.") from error
    if not as_bytes:
        return FileFacts("table", "utf-8")
    note = f"Stored as bytes, and read as text where they are UTF-8: {', '.join(as_bytes[:8])}."
    return FileFacts("table", "utf-8", notes=(note,))


def _values(batch: Any) -> Iterator[dict[str, Any] | UnicodeDecodeError]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for number in range(batch.num_rows):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield error


def _row(number: int, value: dict[str, Any] | UnicodeDecodeError) -> Row | RowProblem:
    if isinstance(value, UnicodeDecodeError):
        return RowProblem(number, number, "", "broken_letters", f"{HALF_LETTERS} {WRITE_ANEW}", WRITE_ANEW)
    return row_or_problem(number, number, with_text(value))
