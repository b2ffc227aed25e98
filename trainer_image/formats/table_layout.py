"""How a table is laid out, told from its first lines: delimiter, header or none, names of the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from trainer_image.formats.rows import UnreadableFileError
from trainer_image.formats.shapes import KNOWN_COLUMNS, shape_of

DELIMITERS = ",;\t|"
RARE_DELIMITERS = "^~:"
"""Those that are taken for one only where they stand between known columns."""
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_PROSE_END = re.compile(r"[.?!…]['\"”»)]?$")
_LONGEST_NAME = 60
_SAMPLE_ROWS = 50
_LOWEST_HEADER = 6
_RULE = re.compile(r"\s*(:?-+:?)?\s*")


@dataclass(frozen=True)
class Layout:
    """What the reader of a table has to know."""

    delimiter: str
    columns: tuple[str, ...]
    has_header: bool
    lines_above_rows: int
    """Records, as a name in a header may hold a line break."""
    quote: str = '"'
    escape: str | None = None
    """What is written before a quote inside a cell, where it is not doubled."""
    skipped: int = 0
    """Rows above the header: a title, a comment."""

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Return the reader of the standard library for this table."""
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, escapechar=self.escape, strict=strict)


def find_layout(text: str, name: str, delimiter: str | None = None, has_header: bool | None = None) -> Layout:
    """Tell the layout from the first lines of a table; what the user says goes before what is found."""
    # Two files with marks put together, or one that was marked twice: the mark is no part of the first name.
    text = text.lstrip("\ufeff")
    announced = _SEPARATOR_LINE.match(text)
    body = text[announced.end() :] if announced else text
    delimiter = delimiter or (announced.group(1) if announced else find_delimiter(body))
    quote, escape = _quoting(body, delimiter)
    rows = _sample(body, delimiter, quote, escape)
    skipped = 0 if has_header is False else _rows_above_header(rows)
    first = [cell.strip() for cell in rows[skipped]] if rows else []
    if has_header is None:
        has_header = looks_like_header(first)
    columns = _names(first, name) if has_header else tuple(f"column_{n}" for n in range(1, _usual_width(rows) + 1))
    ruled = has_header and len(rows) > skipped + 1 and _is_rule(rows[skipped + 1])
    layout = Layout(delimiter, columns, has_header, 0, quote, escape, skipped)
    above = _records(body, layout, has_header + skipped + ruled) + bool(announced)
    return replace(layout, lines_above_rows=above)


def _records(text: str, layout: Layout, rows: int) -> int:
    """Return how many records so many rows are, with the blank ones before and between them."""
    records = 0
    reader = layout.reader(io.StringIO(text, newline="\n"), strict=False)
    while rows:
        rows -= bool(next(reader))
        records += 1
    return records


def _rows_above_header(rows: Sequence[Sequence[str]]) -> int:
    """Return the place of the row with known columns, where it is not the first but soon comes."""
    for place, cells in enumerate(rows[:_LOWEST_HEADER]):
        if len(cells) == _usual_width(rows) and _are_known(cells):
            return place
    return 0


def _is_rule(cells: Sequence[str]) -> bool:
    """Say whether a row is the line that Markdown draws below a header."""
    return any(cells) and all(_RULE.fullmatch(cell) for cell in cells)


def _are_known(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and shape_of(dict.fromkeys((cell.strip().lower() for cell in cells), "")) is not None


def _quoting(text: str, delimiter: str) -> tuple[str, str | None]:
    """Return the quote and what escapes it: another than the usual only where the usual reads ill and it reads well."""
    usual: tuple[str, str | None] = ('"', None)
    begins_single = text[:1] == "'" or any(f"{before}'" in text for before in ("\n", delimiter))
    others: tuple[tuple[str, str | None], ...] = (('"', "\\"),) if '\\"' in text else ()
    others += (("'", None), ("'", "\\")) if begins_single else ()
    if not others or _reads_well(text, delimiter, *usual):
        return usual
    return next((one for one in others if _reads_well(text, delimiter, *one)), usual)


def _reads_well(text: str, delimiter: str, quote: str, escape: str | None) -> bool:
    """Say whether the first rows all have the width of the first, and no quote is out of its place."""
    rows, lines = list[list[str]](), io.StringIO(text, newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True)
    try:
        rows += (cells for cells in islice(reader, _SAMPLE_ROWS) if cells)
    except csv.Error:
        # At its end the sample may be cut inside a quote.
        if lines.read(1):
            return False
    return len(rows) > 1 and all(len(cells) == len(rows[0]) for cells in rows)


def find_delimiter(text: str) -> str:
    """Return the delimiter that gives known columns, or else rows of the same width."""
    best = max(DELIMITERS, key=lambda one: _fitness(_sample(text, one)))
    header = next((line for line in text.split("\n") if line.strip()), "")
    if not _are_known(header.split(best)):
        return next((one for one in RARE_DELIMITERS if _are_known(header.strip().split(one))), best)
    return best


def _fitness(rows: Sequence[Sequence[str]]) -> tuple[bool, float, int]:
    if not rows:
        return False, 0.0, 0
    width = _usual_width(rows)
    is_known = len(rows[0]) > 1 and shape_of(dict.fromkeys((cell.strip() for cell in rows[0]), "")) is not None
    alike = sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0
    # As many rows alike: then the delimiter of the header, which prose does not hold by chance.
    return is_known, alike, len(rows[0]) if len(rows[0]) == width else 0


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    return Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 0


def _sample(text: str, delimiter: str, quote: str = '"', escape: str | None = None) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    rows: list[list[str]] = []
    lines = io.StringIO(text, newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, escapechar=escape)
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    # The sample may end in the middle of a row.
    return rows[:-1] if 2 < len(rows) < _SAMPLE_ROWS else rows


def looks_like_header(cells: Sequence[str]) -> bool:
    """Say whether the first row names columns: known names, or else short words that are no data."""
    if any(cell.lower() in KNOWN_COLUMNS for cell in cells):
        return True
    named = [cell for cell in cells if cell]
    return (
        bool(named)
        and len(set(named)) == len(named)
        and not any(len(cell) > _LONGEST_NAME or _PROSE_END.search(cell) or _is_number(cell) for cell in named)
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _names(cells: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the names of the columns; one without a name gets its number."""
    names = tuple(
        (cell.lower() if cell.lower() in KNOWN_COLUMNS else cell) or f"column_{number}"
        for number, cell in enumerate(cells, 1)
    )
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise UnreadableFileError(f"Two columns of {name} are called {twice[:40]}.", "Give each a name of its own.")
    return names
