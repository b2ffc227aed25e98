"""The rows of Parquet files, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyarrow import lib, parquet

from trainer_image.formats import FileFacts, Row, RowProblem, Shape, UnreadableFileError, parquet_files, with_text
from trainer_image.formats.files import refuse_several_shapes
from trainer_image.formats.naming import row_or_problem
from trainer_image.formats.opening import shown
from trainer_image.formats.parquet_files import ParquetFiles
from trainer_image.formats.shapes import shape_of
from trainer_image.formats.strict_json import HALF_LETTERS, WRITE_ANEW

BATCH = 512
_BYTES = ("binary", "large_binary", "binary_view")
_REFUSED = (lib.ArrowException, OSError)


@contextmanager
def _open(files: ParquetFiles, number: int, path: Path) -> Iterator[Any]:
    try:
        with files.open(number) as source, parquet.ParquetFile(source) as file:
            yield file
    except _REFUSED as error:
        which = f"{files.names[number]} in {path.name}" if len(files.names) > 1 else path.name
        raise UnreadableFileError(f"{which} is no whole Parquet file.", "Fetch or save it again.") from error


def parquet_rows(path: Path, first: int = 1, part: str | None = None) -> Iterator[Row | RowProblem]:
    """Yield the rows of a Parquet file, or of those in an archive, from a row on.

    Groups of rows before it are not read. A line is a row of one file, and rows are counted over all files.
    """
    files, number = parquet_files(path, part), 1
    for place, name in enumerate(files.names):
        before = number - 1
        with _open(files, place, path) as file:
            groups = list(range(file.num_row_groups))
            while groups and number + file.metadata.row_group(groups[0]).num_rows <= first:
                number += file.metadata.row_group(groups.pop(0)).num_rows
            for batch in file.iter_batches(BATCH, row_groups=groups) if groups else ():
                for value in _values(batch):
                    if number >= first:
                        yield _row(number - before, number, value, name if len(files.names) > 1 else "")
                    number += 1


def parquet_facts(path: Path, part: str | None = None) -> FileFacts:
    """Say of a Parquet file what is said of others; whether it is whole shows at its end."""
    files = parquet_files(path, part)
    as_bytes: dict[str, None] = {}
    shapes: list[tuple[str, Shape | None]] = []
    for place, name in enumerate(files.names):
        with _open(files, place, path) as file:
            # Read here, so that a broken one is told before its rows.
            as_bytes |= {field.name: None for field in file.schema_arrow if str(field.type) in _BYTES}
            if len(files.names) > 1:
                shapes.append((name, _first_shape(file)))
    if shapes:
        refuse_several_shapes(shown(path.name), shapes)
    notes = [*files.notes]
    if as_bytes:
        notes.append(f"Stored as bytes, and read as text where they are UTF-8: {', '.join(list(as_bytes)[:8])}.")
    parts = files.names if files.compression else ()
    return FileFacts("table", "utf-8", compression=files.compression, parts=parts, notes=tuple(notes))


def _first_shape(file: Any) -> Shape | None:
    """Return the shape of the first row of a file."""
    batch = next(file.iter_batches(1), None)
    value = next(_values(batch), None) if batch is not None else None
    row = None if value is None else _row(1, 1, value)
    return shape_of(row.value) if isinstance(row, Row) else None


def _values(batch: Any) -> Iterator[dict[str, Any] | UnicodeDecodeError]:
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for number in range(batch.num_rows):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield error


def _row(line: int, number: int, value: dict[str, Any] | UnicodeDecodeError, part: str = "") -> Row | RowProblem:
    if isinstance(value, UnicodeDecodeError):
        return RowProblem(line, number, "", "broken_letters", f"{HALF_LETTERS} {WRITE_ANEW}", WRITE_ANEW, part)
    made = row_or_problem(line, number, with_text(value))
    return replace(made, part=part) if part else made
