"""What a worker does to make a dataset file: read rows one by one, and write those that were chosen."""

from __future__ import annotations

import random
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from desktop.core.dataset.sources import rows_of_file
from desktop.core.dataset_making.groups import held_back
from desktop.core.dataset_making.written import (
    Source,
    examples_of_row,
    line_of,
    meaning_of,
    plain_row,
    usable_lines,
    usable_rows,
)
from desktop.errors import AppError
from trainer_image.formats import Kind, ReadOptions, RowProblem, UnreadableFileError

NOWHERE = 255
STRIDE = 1000
Told = Generator[int, None, int]
"""Rows done so far on the way, and the rows written at the end."""


@dataclass(frozen=True)
class Portion:
    """What a merge takes of a version: all of its rows so many times, and some of them once more."""

    source: Source
    times: int
    once_more: bytes
    """1 for each usable row that comes once more; empty for none."""

    @property
    def rows(self) -> int:
        return self.times * self.source.rows + self.once_more.count(1)


def part_of(target: Path) -> Path:
    """Return where a file is written until it is whole."""
    return target.with_name(f".{target.name}.part")


def write_chosen(source: Source, places: bytes, by_number: bool, targets: Sequence[Path]) -> Told:
    """Write each usable row into the target that its place names, or nowhere.

    A place is that of a row among the usable ones, or by its number in the file.
    """
    written = 0
    with _files(targets) as files:
        for count, (number, line) in enumerate(usable_lines(source)):
            place = number - 1 if by_number else count
            target = places[place] if place < len(places) else NOWHERE
            if target != NOWHERE:
                files[target].write(line)
                written += 1
            if count % STRIDE == 0:
                yield count
    return written


def write_split(
    source: Source, copies: Sequence[int], firsts: Sequence[int], count: int, seed: int, targets: Sequence[Path]
) -> Told:
    """Write all but some of the usable rows into the first target, those into the second, copies with their first."""
    numbers: Sequence[int] = range(1, source.rows_total + 1)
    if source.rows != source.rows_total:
        usable = array("L")
        for number, _ in usable_lines(source):
            usable.append(number)
            if len(usable) % STRIDE == 0:
                yield 0
        numbers = usable
    places = held_back(numbers, source.rows_total, copies, firsts, count, seed)
    return (yield from write_chosen(source, places, True, targets))


def write_merged(portions: Sequence[Portion], kind: Kind | None, seed: int, mixed: bool, target: Path) -> Told:
    """Write the rows of several versions into one file; with a kind, made into rows of our own."""
    done = written = 0
    streams = [_rows_of(portion, kind) for portion in portions]
    with _files([target]) as (file,):
        for place in _order([portion.rows for portion in portions], seed, mixed):
            lines = next(streams[place], [])
            file.writelines(lines)
            written += len(lines)
            done += 1
            if done % STRIDE == 0:
                yield done
    return written


def write_joined(paths: Sequence[Path], target: Path) -> Told:
    """Write the rows of several files into one, as they are and in their order."""
    written = 0
    with _files([target]) as (file,):
        for path in paths:
            for item in rows_of_file(path, ReadOptions()):
                if isinstance(item, RowProblem):
                    raise AppError(f"{path.name}: {item}", "Take another split, or fetch the file itself.", "bad_data")
                file.write(line_of(item.value))
                written += 1
                if written % STRIDE == 0:
                    yield written
    return written


def _rows_of(portion: Portion, kind: Kind | None) -> Iterator[list[bytes]]:
    """Yield for each row of a portion the lines that it becomes."""
    for _ in range(portion.times):
        yield from _lines_of(portion.source, kind)
    if portion.once_more:
        once_more = zip(_lines_of(portion.source, kind), portion.once_more, strict=True)
        yield from (lines for lines, is_taken in once_more if is_taken)


def _lines_of(source: Source, kind: Kind | None) -> Iterator[list[bytes]]:
    if kind is None:
        yield from ([line] for _, line in usable_lines(source))
        return
    meaning = meaning_of(source)
    for usable in usable_rows(source):
        yield [line_of(plain_row(made)) for made in examples_of_row(usable, source, kind, meaning)]


def _order(rows: list[int], seed: int, mixed: bool) -> Iterator[int]:
    """Yield whose row comes next; every way to mix them that keeps their own order is as likely as any other."""
    chance, left = random.Random(seed), sum(rows)
    if not mixed:
        for place, count in enumerate(rows):
            yield from (place for _ in range(count))
        return
    rows = list(rows)
    while left:
        number = chance.randrange(left)
        for place, count in enumerate(rows):
            if number < count:
                rows[place] -= 1
                left -= 1
                yield place
                break
            number -= count


@contextmanager
def _files(targets: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Open files that are there whole in the end, or not at all; say in words what the disk does not do."""
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(part_of(target).open("wb")) for target in targets]
        for target in targets:
            part_of(target).replace(target)
    except OSError as error:
        raise AppError(
            f"The new file cannot be written: {error.strerror or error}.", "Free some space, then try again.", "disk"
        ) from error
    except UnreadableFileError as error:
        raise AppError(error.sentence, error.hint, "bad_data") from error
    finally:
        for target in targets:
            part_of(target).unlink(missing_ok=True)
