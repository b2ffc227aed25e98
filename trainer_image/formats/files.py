"""Dataset files to rows: what a file is goes by what is in it, and only in doubt by its ending."""

from __future__ import annotations

import codecs
import csv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path, PurePath
from typing import BinaryIO

from trainer_image.formats.archives import Compression, Part, open_parts
from trainer_image.formats.encodings import ENCODING_WORDS, as_utf8, ends_in_returns, find_encoding, with_line_feeds
from trainer_image.formats.json_arrays import read_json
from trainer_image.formats.json_lines import read_json_lines
from trainer_image.formats.legacy import LEGACY_WORDS
from trainer_image.formats.members import which
from trainer_image.formats.noticed import Noticed
from trainer_image.formats.opening import FETCH_AGAIN, HEAD, refuse_what_is_no_text, shown
from trainer_image.formats.rows import Row, RowProblem, UnreadableFileError
from trainer_image.formats.shapes import SHAPE_WORDS, Shape, shape_of
from trainer_image.formats.table_layout import Layout, find_layout
from trainer_image.formats.tables import read_table
from trainer_image.formats.telling import LINES_TO_TELL, FileFormat, format_of, is_element
from trainer_image.formats.texts import TextBy, read_text

BRACKETS = "Its rows stand in brackets without commas between them; each line is read as a row, the brackets are not."


@dataclass(frozen=True)
class ReadOptions:
    """What a person says of a file; what is not said is found out."""

    text_by: TextBy = "blank_line"
    delimiter: str | None = None
    has_header: bool | None = None
    encoding: str | None = None
    array: str | None = None
    """The key of the rows in a JSON object with several arrays."""
    part: str | None = None
    """The file of an archive that holds several datasets, or one of its splits by its name."""


@dataclass(frozen=True)
class FileFacts:
    """How a file is read, and what of that was assumed."""

    format: FileFormat
    encoding: str
    delimiter: str = ""
    has_header: bool = False
    compression: Compression = ""
    parts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    in_array: bool = False
    """Whether its lines were copied out of an array, with the commas between its rows."""
    noticed: tuple[Noticed, ...] = ()
    """What a person should know before anything else."""
    encodings: tuple[str, ...] = ()
    """Those of the files of an archive, one by one."""

    @property
    def are_alike(self) -> bool:
        """Return whether what is read first is written in the letters of all that follows."""
        return len(set(self.encodings)) <= 1


@dataclass(frozen=True)
class _Plan:
    """How one part is read."""

    part: Part
    format: FileFormat
    encoding: str
    layout: Layout | None
    cr_only: bool
    in_array: bool
    has_bracket: bool
    """Whether a bracket on a line of its own stands before its rows."""

    def open(self) -> BinaryIO:
        stream = as_utf8(self.part.open(), self.encoding)
        return with_line_feeds(stream) if self.cr_only else stream

    def read(self, options: ReadOptions) -> Iterator[Row | RowProblem]:
        with self.open() as stream:
            items = self._items(stream, options)
            yield from items if self.encoding in ("utf-8", "utf-8-sig") else map(self._in_its_words, items)

    def _items(self, stream: BinaryIO, options: ReadOptions) -> Iterator[Row | RowProblem]:
        if self.format == "jsonl":
            return read_json_lines(stream, in_array=self.in_array)
        if self.format == "json":
            return read_json(stream, self.part.name, options.array)
        if self.layout is not None:
            return read_table(stream, self.layout)
        return read_text(stream, options.text_by)

    def _in_its_words(self, item: Row | RowProblem) -> Row | RowProblem:
        """Return a problem with letters as one of the file's own encoding, which is not the one that is read here."""
        if isinstance(item, Row) or item.kind != "broken_letters":
            return item
        called = ENCODING_WORDS.get(self.encoding, self.encoding)
        what = f"{item.column or 'It'} holds something that is no letter in {called}, so a letter is broken."
        return replace(item, sentence=f"{what} {item.fix}".rstrip())


DEFAULT = ReadOptions()


def read_rows(path: Path, options: ReadOptions = DEFAULT) -> Iterator[Row | RowProblem]:
    """Yield every row of a file, and a problem in the place of each that cannot be read; neither is ever held."""
    with damage_in_words(path), open_parts(path, options.part) as (_, parts, _notes):
        plans = _plans(parts, options, shown(path.name))
        if len(plans) == 1:
            yield from plans[0].read(options)
            return
        numbers = count(1)
        for plan in plans:
            for item in plan.read(options):
                if isinstance(item, Row):
                    yield replace(item, number=next(numbers), part=plan.part.name)
                else:
                    yield replace(item, row=next(numbers), part=plan.part.name)


def look_at(path: Path, options: ReadOptions = DEFAULT) -> FileFacts:
    """Tell how a file would be read, without reading its rows."""
    with damage_in_words(path), open_parts(path, options.part) as (compression, parts, notes):
        plans = _plans(parts, options, shown(path.name))
        first = plans[0]
        guessed = next((plan for plan in plans if plan.encoding in LEGACY_WORDS), first)
        said = [*notes, *_note_of_letters(guessed, options), *_notes_of(first, options)]
        return FileFacts(
            format=first.format,
            encoding=first.encoding,
            delimiter=first.layout.delimiter if first.layout else "",
            has_header=first.layout.has_header if first.layout else False,
            compression=compression,
            parts=tuple(plan.part.name for plan in plans),
            notes=tuple(said),
            in_array=any(plan.in_array for plan in plans),
            encodings=tuple(plan.encoding for plan in plans),
            noticed=tuple(
                one
                for plan in plans
                if plan.layout is not None
                for one in plan.layout.noticed(plan.part.name if len(plans) > 1 else "")
            ),
        )


@contextmanager
def damage_in_words(path: Path) -> Iterator[None]:
    """Say in words what archives, decoders and disks raise from their depths."""
    name = shown(path.name)
    try:
        yield
    except (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableFileError(f"{name} is damaged: {error}.", FETCH_AGAIN) from error
    except OSError as error:
        raise UnreadableFileError(f"{name} cannot be read: {error.strerror or error}.", FETCH_AGAIN) from error
    except csv.Error as error:
        raise UnreadableFileError(f"The header of {name} is broken ({error}).", "Mend its quotes.") from error
    except UnicodeError as error:
        raise UnreadableFileError(f"{name} is not {ENCODING_WORDS['utf-8']}: {error}.", FETCH_AGAIN) from error


def _plans(parts: list[Part], options: ReadOptions, archive: str) -> list[_Plan]:
    plans = [_plan_in(archive, part, options) for part in parts]
    different = next((plan for plan in plans if plan.format != plans[0].format), None)
    if different:
        both = f"{plans[0].part.name} and {different.part.name}"
        raise UnreadableFileError(
            f"{archive} holds files of several kinds ({both}).", which(plan.part.name for plan in plans)
        )
    refuse_several_shapes(archive, [(plan.part.name, _first_shape(plan, options)) for plan in plans])
    return plans


def refuse_several_shapes(archive: str, shapes: Sequence[tuple[str, Shape | None]]) -> None:
    """Refuse an archive whose files are no parts of one dataset by the shapes of their first rows."""
    first, *others = shapes
    for name, shape in others:
        if shape is not None and first[1] not in (None, shape):
            both = f"{first[0]} ({SHAPE_WORDS[first[1]]}) and {name} ({SHAPE_WORDS[shape]})"
            raise UnreadableFileError(f"{archive} holds several datasets: {both}.", which((first[0], name)))


def _plan_in(archive: str, part: Part, options: ReadOptions) -> _Plan:
    """Plan a part, and say of one that cannot be read in which archive it is."""
    try:
        return _plan(part, options)
    except UnreadableFileError as error:
        if archive.startswith(part.name):
            raise
        raise UnreadableFileError(f"In {archive}: {error.sentence}", error.hint) from error


def _first_shape(plan: _Plan, options: ReadOptions) -> Shape | None:
    """Return the shape of the first good row of a part."""
    rows = (item for item in islice(plan.read(options), LINES_TO_TELL) if isinstance(item, Row))
    return next((shape for row in rows if (shape := shape_of(row.value)) is not None), None)


def _plan(part: Part, options: ReadOptions) -> _Plan:
    with part.open() as stream:
        head = stream.read(HEAD)
    refuse_what_is_no_text(head, part.name)
    encoding = options.encoding or find_encoding(part.open, part.name)
    with as_utf8(part.open(), encoding) as stream:
        sample = stream.read(HEAD)
    is_whole = len(sample) < HEAD
    cr_only = ends_in_returns(sample)
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    text = text.replace("\r", "\n") if cr_only else text
    ending = PurePath(part.name).suffix.lower()
    found = format_of(text, ending, part.name, is_whole)
    layout = None
    if found == "table":
        # A file of one column has no delimiter; then its ending says what it would have been.
        delimiter = options.delimiter or ("\t" if ending in (".tsv", ".tab") and "\t" in text else None)
        layout = find_layout(text, delimiter, options.has_header)
    is_lines, lines = found == "jsonl", text.split("\n", LINES_TO_TELL)[:LINES_TO_TELL]
    has_bracket = is_lines and text[:HEAD].lstrip("\ufeff \t\r\n").split("\n", 1)[0].strip() == "["
    in_array = has_bracket or (is_lines and any(map(is_element, lines)))
    return _Plan(part, found, encoding, layout, cr_only, in_array, has_bracket)


def _note_of_letters(plan: _Plan, options: ReadOptions) -> Iterator[str]:
    if plan.encoding in LEGACY_WORDS and options.encoding is None:
        called = ENCODING_WORDS[plan.encoding]
        yield f"Its letters are no UTF-8 and are read as {called}. Look whether accents and quotes are right."


def _notes_of(plan: _Plan, options: ReadOptions) -> Iterator[str]:
    if plan.layout is not None:
        yield from plan.layout.notes()
    if plan.layout is not None and options.has_header is None:
        if plan.layout.has_header and not plan.layout.skipped_lines:
            yield f"Its first row is taken for the header: {_names(plan.layout)}."
        elif not plan.layout.has_header:
            yield f"It has no header, so its columns are called {_names(plan.layout)}."
    if plan.has_bracket:
        yield BRACKETS
    if plan.format == "text":
        words = {"blank_line": "What lies between blank lines", "line": "Each line", "file": "The whole file"}
        yield f"{words[options.text_by]} is taken for one row."


def _names(layout: Layout) -> str:
    """Return the first columns on one line: a cell of the header may have several."""
    return ", ".join(map(shown, layout.columns[:8]))
