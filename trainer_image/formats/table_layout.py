"""How a table is laid out, told from its first lines: delimiter, header or none, names of the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from trainer_image.formats.noticed import Noticed
from trainer_image.formats.opening import shown
from trainer_image.formats.shapes import KNOWN_COLUMNS, shape_of
from trainer_image.formats.table_dialects import SAMPLE_ROWS, USUAL, Dialect, find_dialect

DELIMITERS = ",;\t|"
RARE_DELIMITERS = "^~:"
"""Those that are taken for one only where they stand between known columns."""
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_PROSE_END = re.compile(r"[.?!…]['\"”»)]?$")
_LONGEST_NAME = 60
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
    dialect: Dialect = USUAL
    skipped_lines: tuple[int, ...] = ()
    """Where the rows above the header begin: a title, a comment."""
    header: tuple[str, ...] = ()
    """The names of the columns as they stand in the file, where it has them."""
    doubled: tuple[str, ...] = ()
    """Names that several columns have, each of which has got a number for it."""

    def noticed(self, part: str) -> Iterator[Noticed]:
        """Yield what may cost rows or columns; ``part`` names the table where an archive holds several."""
        of, lines = f" of {part}" if part else "", self.skipped_lines
        if lines:
            is_are = "row is" if len(lines) == 1 else "rows are"
            where = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(map(str, lines))}"
            sentence = f"{len(lines)} {is_are} above the header{of} and not read ({where})."
            yield Noticed("rows_above_header", len(lines), sentence, lines)
        for name in self.doubled:
            if name in KNOWN_COLUMNS:
                fault = f"Several columns{of} are called {name}, so none of them is read as {name}"
                yield Noticed("doubled_columns", 1, f"{fault}: say which one is meant.")

    def notes(self) -> Iterator[str]:
        """Yield what of the table was not read as it stands there, or was called otherwise."""
        if self.skipped_lines:
            above = "row is" if len(self.skipped_lines) == 1 else "rows are"
            yield f"{len(self.skipped_lines)} {above} above its header and not read."
        for name in self.doubled:
            called = [now for now in self.columns if now == name or re.fullmatch(rf"{re.escape(name)}_\d+", now)]
            read = ", ".join(map(shown, called[:8]))
            yield f"Several of its columns are called {shown(name[:40])}: they are read as {read}."
        for name in self.columns:
            small = name.lower()
            if small != name and small in KNOWN_COLUMNS and small in self.columns:
                yield f"It has columns {shown(name)} and {small}: {small} is read, {shown(name)} is not."

    def reader(self, lines: Iterable[str], *, strict: bool = True) -> Iterator[list[str]]:
        """Return the reader of the standard library for this table."""
        return self.dialect.reader(lines, self.delimiter, strict=strict)


def find_layout(text: str, delimiter: str | None = None, has_header: bool | None = None) -> Layout:
    """Tell the layout from the first lines of a table; what the user says goes before what is found."""
    # Two files with marks put together, or one that was marked twice: the mark is no part of the first name.
    text = text.lstrip("\ufeff")
    announced = _SEPARATOR_LINE.match(text)
    body = text[announced.end() :] if announced else text
    delimiter = delimiter or (announced.group(1) if announced else find_delimiter(body))
    dialect = find_dialect(body, delimiter)
    rows = _sample(body, delimiter, dialect)
    skipped = 0 if has_header is False else _rows_above_header(rows)
    first = [cell.strip() for cell in rows[skipped]] if rows else []
    if has_header is None:
        has_header = looks_like_header(first)
    names, doubled = _names(first) if has_header else ((), ())
    columns = names if has_header else tuple(f"column_{n}" for n in range(1, _usual_width(rows) + 1))
    ruled = has_header and len(rows) > skipped + 1 and _is_rule(rows[skipped + 1])
    header = tuple(first) if has_header else ()
    layout = Layout(delimiter, columns, has_header, 0, dialect, header=header, doubled=doubled)
    above, begins = _records(body, layout, has_header + skipped + ruled)
    lines = tuple(begin + bool(announced) for begin in begins[:skipped])
    return replace(layout, lines_above_rows=above + bool(announced), skipped_lines=lines)


def _records(text: str, layout: Layout, rows: int) -> tuple[int, list[int]]:
    """Return how many records so many rows are, with the blank ones before and between them, and where they begin."""
    records, read, begins = 0, 0, list[int]()

    def lines() -> Iterator[str]:
        nonlocal read
        for line in io.StringIO(text, newline="\n"):
            read += 1
            yield line

    reader = layout.reader(lines(), strict=False)
    while len(begins) < rows:
        begin = read + 1
        if next(reader):
            begins.append(begin)
        records += 1
    return records, begins


def _rows_above_header(rows: Sequence[Sequence[str]]) -> int:
    """Return the place of the row with known columns, where it is not the first but soon comes."""
    for place, cells in enumerate(rows[:_LOWEST_HEADER]):
        if len(cells) == _usual_width(rows) and _are_known(cells):
            return place
    return 0


def _is_rule(cells: Sequence[str]) -> bool:
    """Say whether a row is the line that Markdown draws below a header."""
    return any("-" in cell for cell in cells) and all(_RULE.fullmatch(cell) for cell in cells)


def _are_known(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and shape_of(dict.fromkeys((cell.strip().lower() for cell in cells), "")) is not None


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


def _sample(text: str, delimiter: str, dialect: Dialect = USUAL) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    rows: list[list[str]] = []
    lines = io.StringIO(text, newline="\n")
    reader = dialect.reader(lines, delimiter, strict=False)
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    # The sample may end in the middle of a row.
    return rows[:-1] if 2 < len(rows) < SAMPLE_ROWS else rows


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


def _names(cells: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the columns, and which of them were there twice; one without a name gets its number.

    Of a known name that is written twice nobody knows which column is meant, so none keeps it; of another the first.
    """
    small = {cell for cell in cells if cell in KNOWN_COLUMNS}
    # A known name in capitals is read in small letters, unless a column has that name already.
    given = [
        cell.lower() if cell.lower() in KNOWN_COLUMNS and cell.lower() not in small else cell or f"column_{number}"
        for number, cell in enumerate(cells, 1)
    ]
    counts = Counter(given)
    doubled = tuple(one for one, count in counts.items() if count > 1)
    taken, names = {*given, *small}, list[str]()
    for one in given:
        is_free = counts[one] == 1 or (one not in KNOWN_COLUMNS and one not in names)
        number = 1 if one in KNOWN_COLUMNS else 2
        while not is_free and f"{one}_{number}" in taken:
            number += 1
        names.append(one if is_free else f"{one}_{number}")
        taken.add(names[-1])
    return tuple(names), doubled
