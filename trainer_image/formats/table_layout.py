"""How a table is laid out, told from its first lines: delimiter, header or none, names of the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_image.formats.rows import UnreadableFileError
from trainer_image.formats.shapes import KNOWN_COLUMNS, shape_of

DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_PROSE_END = re.compile(r"[.?!…]['\"”»)]?$")
_LONGEST_NAME = 60
_SAMPLE_ROWS = 50


@dataclass(frozen=True)
class Layout:
    """What the reader of a table has to know."""

    delimiter: str
    columns: tuple[str, ...]
    has_header: bool
    lines_above_rows: int
    """Records, as a name in a header may hold a line break."""


def find_layout(text: str, name: str, delimiter: str | None = None, has_header: bool | None = None) -> Layout:
    """Tell the layout from the first lines of a table; what the user says goes before what is found."""
    announced = _SEPARATOR_LINE.match(text)
    body = text[announced.end() :] if announced else text
    delimiter = delimiter or (announced.group(1) if announced else find_delimiter(body))
    rows = _sample(body, delimiter)
    first = [cell.strip() for cell in rows[0]] if rows else []
    if has_header is None:
        has_header = looks_like_header(first)
    columns = _names(first, name) if has_header else tuple(f"column_{n}" for n in range(1, _usual_width(rows) + 1))
    blank_lines = len(body) - len(body.lstrip("\r\n"))
    above = body[:blank_lines].count("\n") + has_header + bool(announced)
    return Layout(delimiter, columns, has_header, above)


def find_delimiter(text: str) -> str:
    """Return the delimiter that gives known columns, or else rows of the same width."""
    return max(DELIMITERS, key=lambda one: _fitness(_sample(text, one)))


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


def _sample(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
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
