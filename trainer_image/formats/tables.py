"""CSV and its relatives: one row a record, whose cells may hold delimiters, quotes and line breaks."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trainer_image.formats.rows import BadRow, Row, RowProblem
from trainer_image.formats.shapes import KNOWN_COLUMNS
from trainer_image.formats.strict_json import is_whole
from trainer_image.formats.table_layout import Layout
from trainer_image.formats.written_out import is_plain, structured

LARGEST_ROW = 64 << 20
LOOK_AHEAD = 50
"""So many lines behind a broken quote tell whether rows were swallowed or the cell is a long one."""

_BLANKS = 8
"""So many blanks and marks may stand around a name where a header is repeated."""

_CALL = r"=[-+(]*\s*[^\W\d][\w.]*\s*\(|[+@-][A-Z][A-Z0-9_.]*\(.*\)\s*$"
_CELL = r"\$?[A-Z]{1,3}\$?\d+|\$?[A-Z]{1,3}:\$?[A-Z]{1,3}|R\d+C\d+|R\[-?\d+\]C(?:\[-?\d+\])?|RC\[-?\d+\]"
_REFERENCE = rf"=[-+(@]*(?:(?:'[^']*'|[\w.]+)!)?(?:{_CELL})\s*(?:[-+*/&:=<>%^)].*)?$|\+\$?[A-Z]{{1,3}}\$?\d+$"
_VALUE = r"=(?:TRUE|FALSE)$|=\"[^\"]*\"\s*&|=[-+(]*\d+(?:[.,]\d+)?\s*[-+*/^]\s*[-+(]*\d[-+*/^().,\d\s]*$"
_COMMAND = r"[=+@-].*\|.*![A-Z]*\$?[A-Z]?\$?\d*\s*$"
_ERROR = (
    r"#(?:REF!|NAME\?|VALUE!|DIV/0!|N/A|NUM!|NULL!|ERROR!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!|UNKNOWN!)$"
    r"|#GETTING_DATA$|Err:5\d\d$"
)
_FORMULA = re.compile(f"{_CALL}|{_REFERENCE}|{_VALUE}|{_COMMAND}|{_ERROR}", re.DOTALL)


class _Lines:
    """The lines of a table, with those of the row that is being read kept, so that they can be read again."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._before = 0
        self._holds_pieces = False
        self.row: list[str] = []
        self.holds_zeros = self.holds_bytes = False
        """Whether zero bytes, or such as are no UTF-8, have been met: until then no cell is looked at for them."""

    def lines(self) -> Iterator[str]:
        """Yield the lines that have not been read; whoever begins another reader asks for them anew."""
        row, again, size = self.row, self._again, 0
        while True:
            if again:
                line = again.popleft()
            elif (raw := next(self._lines, None)) is None:
                return
            else:
                try:
                    line = raw.decode()
                except UnicodeDecodeError:
                    # What is no UTF-8 is carried along as half a letter, to be named with its row.
                    self.holds_bytes = True
                    line = raw.decode("utf-8", "surrogateescape")
                if "\0" in line:
                    self.holds_zeros = True
            size = size + len(line) if row else len(line)
            row.append(line)
            if size > LARGEST_ROW:
                raise BadRow("", "broken_row", "A quote is opened here and not closed within 64 million letters.")
            yield line

    def begin_row(self) -> int:
        """Forget the row before and return the line where the next one begins."""
        # What a return alone ends is a piece of a line.
        self._before += sum(line.endswith("\n") for line in self.row) if self._holds_pieces else len(self.row)
        self.row.clear()
        return self._before + 1

    def give_back(self, count: int) -> None:
        """Let the last so many lines of this row be read again."""
        if count:
            self._again.extendleft(reversed(self.row[-count:]))
            del self.row[-count:]

    def give_back_pieces(self) -> None:
        """Let the line of this row be read again as the rows that carriage returns alone have made of it."""
        self._holds_pieces = True
        self._again.extendleft(reversed(_pieces(self.row[0])))
        self.row.clear()


def read_table(lines: Iterable[bytes], layout: Layout) -> Iterator[Row | RowProblem]:
    """Yield every record below the header."""
    # A cell may hold a whole book; the default limit is 128 KiB.
    csv.field_size_limit(2**31 - 1)
    feed = _Lines(lines)
    reader = layout.reader(feed.lines())
    for _ in range(layout.lines_above_rows):
        next(reader, None)
    number, width = 0, len(layout.columns)
    plain = [*map(is_plain, layout.columns)]
    names = [*map(_as_name, layout.header or layout.columns)]
    longest = max(map(len, names), default=0) + _BLANKS
    while True:
        line = feed.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, BadRow) as error:
            if _are_rows(feed.row, layout):
                feed.give_back_pieces()
                reader = layout.reader(feed.lines())
                continue
            number += 1
            feed.give_back(_swallowed(feed.row, layout))
            reader = layout.reader(feed.lines())
            yield _broken(error).at(line, number)
            continue
        if not cells:
            continue
        number += 1
        try:
            if len(cells) != width:
                cells = _fitted(cells, width, layout.delimiter)
            if layout.has_header and len(cells[0]) <= longest and _as_name(cells[0]) in names:
                _refuse_header([*map(_as_name, cells)], names)
            if feed.holds_zeros and any("\0" in cell for cell in cells):
                _refuse_zeros(cells, layout.columns)
            if feed.holds_bytes:
                _refuse_broken_letters(cells, layout.columns)
            yield Row(line, number, _value(cells, layout.columns, plain))
        except BadRow as bad:
            yield bad.at(line, number)


def _broken(error: csv.Error | BadRow) -> BadRow:
    """Return why a row cannot be told from the next."""
    if isinstance(error, csv.Error) and str(error).startswith("new-line character"):
        fault = "A carriage return that ends no line stands in a cell without quotes."
        return BadRow("", "stray_return", fault, "Take it out, or put the cell in quotes.")
    fault = error.fault if isinstance(error, BadRow) else f"The quotes of this row do not match ({error})."
    return BadRow("", "broken_row", fault, "Double each quote inside a cell, and close the cell with one.")


def _pieces(line: str) -> list[str]:
    """Return what carriage returns make of a line, each with what ends it."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", line)


def _are_rows(row: Sequence[str], layout: Layout) -> bool:
    """Say whether a line is several rows, as in a file that was put together from those of two systems."""
    if len(row) != 1 or len(layout.columns) < 2 or "\r" not in row[0].rstrip("\r\n"):
        return False
    return all(_cells_in(piece, layout) == len(layout.columns) for piece in _pieces(row[0]))


def _swallowed(row: Sequence[str], layout: Layout) -> int:
    """Return how many lines of a broken row are rows of their own, which its open quote has swallowed."""
    behind = row[1:]
    if not behind:
        return 0
    # The last line is where the quote was closed by that of another row; with nothing between it has to do.
    between = behind[:-1][:LOOK_AHEAD] or behind
    # A single line has to be a row all by itself: the second line of a cell may open and close quotes, too.
    is_one = len(behind) == 1
    fitting = sum(_cells_in(line, layout, is_whole=is_one) == len(layout.columns) for line in between)
    return len(behind) if fitting * 2 > len(between) else 0


def _cells_in(line: str, layout: Layout, *, is_whole: bool = False) -> int:
    """Return how many cells a line holds; of a row that ends further down only where it need not be whole."""
    try:
        return len(next(layout.reader([line]), []))
    except csv.Error:
        if is_whole:
            return 0
        # It opens a quote that is closed further down, as the first line of a row may.
        try:
            return len(next(layout.reader([line], strict=False), []))
        except csv.Error:
            return 0


def _fitted(cells: list[str], width: int, delimiter: str) -> list[str]:
    """Drop empty cells that a spreadsheet has left at the end; anything else is a row that does not fit."""
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    fix = "Put cells with tabs in quotes." if delimiter == "\t" else f"Put cells with {delimiter!r} in quotes."
    fix = fix if len(cells) > width else "Add what is missing, or an empty cell for it."
    what = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    raise BadRow("", "wrong_cells", f"It has {what} where the header has {width}.", fix)


def _as_name(cell: str) -> str:
    return cell.strip("\ufeff \t").lower()


def _refuse_header(cells: Sequence[str], names: Sequence[str]) -> None:
    if cells == names:
        fault = "It repeats the header, as files do that were put together."
        raise BadRow("", "repeated_header", fault, "Take the line out.")
    if sorted(cells) == sorted(names) and not KNOWN_COLUMNS.isdisjoint(cells):
        fault = "It repeats the header in another order, and the rows below it are read in the first one."
        raise BadRow("", "repeated_header", fault, "Put these rows into a file of their own.")


def _refuse_zeros(cells: Sequence[str], columns: Sequence[str]) -> None:
    name = next(name for name, cell in zip(columns, cells, strict=True) if "\0" in cell)
    fault = f"{name} holds a zero byte, which a program or a disk has left there."
    raise BadRow(name, "zero_byte", fault, "Write the cell anew or take the row out.")


def _refuse_broken_letters(cells: Sequence[str], columns: Sequence[str]) -> None:
    for name, cell in zip(columns, cells, strict=True):
        if not is_whole(cell):
            fault = f"{name} holds a byte that is no UTF-8, so a letter is broken."
            raise BadRow(name, "broken_letters", fault, "Write the letter anew or take the row out.")


def _value(cells: Sequence[str], columns: Sequence[str], plain: Sequence[bool]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, cell, as_it_is in zip(columns, cells, plain, strict=True):
        if cell[:1] in _FORMULA_BEGINS and 0 < len(cell) < _LONGEST_FORMULA and _FORMULA.match(cell):
            fault = f"{name} holds a spreadsheet's formula or error ({cell[:30]!r}), not its value."
            raise BadRow(name, "formula_cell", fault, "Save the table with values instead of formulas.")
        value[name] = cell if as_it_is else structured(name, cell)
    return value


_FORMULA_BEGINS = "=+-@#E"
_LONGEST_FORMULA = 8192
"""So does Excel limit it."""
