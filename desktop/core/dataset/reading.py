"""What the workers do for a scan: look at a file, count the rows of a part of it."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from desktop.core.dataset.batches import Batches
from desktop.core.dataset.counts import Counts, Guess, Look, TallyOptions
from desktop.core.dataset.index import Place
from desktop.core.dataset.lines import lines_between
from desktop.core.dataset.skeletons import skeletons_of
from desktop.core.dataset.sources import facts_of_file, rows_of_file
from desktop.core.dataset.tally import Tally
from desktop.errors import AppError
from trainer_image.formats import Kind, ReadOptions, Row, RowProblem, Shape, UnreadableFileError
from trainer_image.formats import mapped as with_our_names
from trainer_image.formats.encodings import wide_encoding
from trainer_image.formats.json_lines import read_json_lines
from trainer_image.formats.opening import HEAD, open_regular
from trainer_image.formats.reading import Survey
from trainer_image.formats.shapes import shape_of

_TO_GUESS = 500
STRIDE = 1000
"""Of so many rows one has its place remembered."""


@contextmanager
def _faults_in_words() -> Iterator[None]:
    """Say of a file that cannot be read what the window can show."""
    try:
        yield
    except UnreadableFileError as error:
        raise AppError(error.sentence, error.hint, "bad_data") from error
    except RecursionError as error:
        raise AppError("The brackets of this file are nested too deeply.", "Flatten it.", "bad_data") from error


def look(
    path: Path,
    read: ReadOptions,
    mapping: Mapping[str, str] | None,
    shape: Shape | None,
    kind: Kind | None,
    in_parts: bool = True,
) -> Generator[None, None, Look]:
    """Tell how a file is read and what its rows most likely are; AppError where it cannot be read."""
    yield
    with _faults_in_words():
        begin = _begin_of_lines(path) if in_parts else None
        if begin is not None:
            # Whether all letters are whole shows when every line is read, so the file is not read for it twice.
            encoding = "utf-8-sig" if begin else "utf-8"
            form, facts = facts_of_file(path, replace(read, encoding=read.encoding or encoding))
            if form != "jsonl" or facts.encoding != encoding:
                begin = None
        if begin is None:
            form, facts = facts_of_file(path, read)
        told = replace(read, encoding=facts.encoding) if facts.are_alike else read
        survey, samples = Survey(mapping), dict[Shape | None, Mapping[str, Any]]()
        for item in islice(rows_of_file(path, told), _TO_GUESS):
            survey.add(item)
            if isinstance(item, Row):
                value = with_our_names(item, mapping).value if mapping else item.value
                samples.setdefault(shape_of(value), item.value)
    return Look(form, facts, told, Guess.by(survey, shape, kind), samples, begin)


def _begin_of_lines(path: Path) -> int | None:
    """Return where the lines of a file begin if it is plain text in UTF-8 as far as its head shows, or None."""
    with open_regular(path) as file:
        head = file.read(HEAD)
    if head.startswith(codecs.BOM_UTF8):
        return len(codecs.BOM_UTF8)
    is_text = head.lstrip()[:1] == b"{" and b"\n" in head and not wide_encoding(head[:4096])
    return 0 if is_text else None


def tally_lines(
    path: Path, begin: int, end: int, is_first: bool, seen: Look, options: TallyOptions, to: Path
) -> Generator[tuple[int, int], None, tuple[Counts, list[Place]]]:
    """Count the lines that begin between two bytes; rows and lines are numbered from 1 here, too."""
    tally, skeletons = Tally(seen.guess, options), skeletons_of(seen.guess)
    # Where a person has named columns every row goes the strict way.
    is_quick = skeletons.is_of_use and not options.mapping
    places: list[Place] = []
    line = number = 0
    with _faults_in_words(), open_regular(path) as file:
        for lines in lines_between(file, begin, end, is_first):
            group = skeletons.take(lines) if is_quick else None
            left = np.ones(len(lines), bool)
            if group is not None:
                left[group.places] = False
            items = {
                place: next(read_json_lines((lines.line(place),)), None) for place in np.flatnonzero(left).tolist()
            }
            is_row = np.ones(len(lines), bool)
            blank = [place for place, item in items.items() if item is None]
            is_row[blank] = False
            numbers = number + np.cumsum(is_row)
            if group is not None:
                tally.add_group(numbers[group.places], group.places + line + 1, group)
            for place, item in items.items():
                if item is not None:
                    tally.add(_renumbered(item, line + place + 1, int(numbers[place])))
            for place in np.flatnonzero(is_row & (numbers % STRIDE == 1)).tolist():
                places.append(Place(int(numbers[place]), line + place + 1, lines.offset + int(lines.starts[place])))
            yield lines.size, int(numbers[-1]) - number
            number, line = int(numbers[-1]), line + len(lines)
    counts = tally.counts
    counts.lines = line
    np.save(to, tally.fingerprints.records())
    return counts, places


def _renumbered(item: Row | RowProblem, line: int, number: int) -> Row | RowProblem:
    if isinstance(item, Row):
        return Row(line, number, item.value, taken=item.taken)
    return replace(item, line=line, row=number)


def tally_rows(
    path: Path, read: ReadOptions, guess: Guess, options: TallyOptions, to: Path
) -> Generator[tuple[int, int], None, tuple[Counts, list[Place]]]:
    """Count every row of a file that has to be read from its beginning."""
    tally, skeletons = Tally(guess, options), skeletons_of(guess)
    is_quick = skeletons.is_of_use and not options.mapping and not options.is_strict
    batches = Batches(tally, skeletons, is_quick)
    told = 0
    with _faults_in_words():
        for number, item in enumerate(rows_of_file(path, read), 1):
            batches.add(item)
            if number - told >= STRIDE:
                yield 0, number - told
                told = number
        batches.close()
    yield 0, tally.counts.rows - told
    np.save(to, tally.fingerprints.records())
    return tally.counts, []


def encoding_of(path: Path, read: ReadOptions) -> Generator[None, None, str]:
    """Look at all the letters of a file, and return how they are read."""
    yield
    with _faults_in_words():
        return facts_of_file(path, read)[1].encoding
