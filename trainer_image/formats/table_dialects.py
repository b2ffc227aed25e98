"""How the cells of a table are written: what quotes them, what escapes a quote, whether blanks stand around them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

SAMPLE_ROWS = 50


class Dialect(NamedTuple):
    """How cells are written, but for what stands between them."""

    quote: str = '"'
    escape: str | None = None
    """What is written before a quote inside a cell, where it is not doubled."""
    is_spaced: bool = False
    """Whether blanks between a quoted cell and its delimiters are no part of it."""

    def reader(self, lines: Iterable[str], delimiter: str, *, strict: bool = True) -> Iterator[list[str]]:
        """Return the reader of the standard library for tables that are written so."""
        return csv.reader(
            self._without_blanks(lines, delimiter) if self.is_spaced else lines,
            delimiter=delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            skipinitialspace=self.is_spaced,
            strict=strict,
        )

    def _without_blanks(self, lines: Iterable[str], delimiter: str) -> Iterator[str]:
        """Yield the lines without the blanks around quoted cells; those inside the quotes stay."""
        blanks = _blanks(delimiter)
        quote, between = re.escape(self.quote), re.escape(delimiter)
        opening = re.compile(rf"((?:^|{between})[{blanks}]*){quote}")
        plain = rf"[^{quote}]" if self.escape is None else rf"[^{quote}{re.escape(self.escape)}]"
        escaped = "" if self.escape is None else rf"|{re.escape(self.escape)}."
        inside = re.compile(rf"{plain}*(?:(?:{quote}{quote}{escaped}){plain}*)*", re.DOTALL)
        behind = re.compile(rf"{quote}[{blanks}]+(?=[\r\n]|{between}|$)")
        is_open = False
        for line in lines:
            pieces, at = list[str](), 0
            while at < len(line):
                if not is_open:
                    opened = opening.search(line, at)
                    if opened is None:
                        break
                    pieces += (line[at : opened.start()], opened[1].rstrip(blanks), self.quote)
                    at = opened.end()
                cell = inside.match(line, at)
                end = cell.end() if cell else at
                pieces.append(line[at:end])
                at, is_open = end, end == len(line)
                if closed := behind.match(line, at):
                    pieces.append(self.quote)
                    at = closed.end()
            yield "".join(pieces) + line[at:]


USUAL = Dialect()


def _blanks(delimiter: str) -> str:
    """Return the blanks that may stand around cells."""
    return " " if delimiter == "\t" else " \t"


def find_dialect(text: str, delimiter: str) -> Dialect:
    """Return how the first lines are written: otherwise than usual only where that reads them better."""
    if _is_spaced(text, delimiter):
        spaced = (Dialect(is_spaced=True), Dialect(escape="\\", is_spaced=True))
        found = next((one for one in spaced if _reads_nearly_well(text, delimiter, one)), None)
        if found is not None:
            return found
    begins_single = text[:1] == "'" or any(f"{before}'" in text for before in ("\n", delimiter))
    others: tuple[Dialect, ...] = (Dialect(escape="\\"),) if '\\"' in text else ()
    others += (Dialect("'"), Dialect("'", "\\")) if begins_single else ()
    if not others or _reads_well(text, delimiter, USUAL):
        return USUAL
    return next((one for one in others if _reads_well(text, delimiter, one)), USUAL)


def _is_spaced(text: str, delimiter: str) -> bool:
    """Say whether blanks stand between delimiters and quotes, so that the usual dialect reads the quotes as letters."""
    blanks, between = _blanks(delimiter), re.escape(delimiter)
    if delimiter == " " or not re.search(rf'{between}[{blanks}]+"|"[{blanks}]+{between}', text):
        return False
    for cells in _rows(text, delimiter, USUAL):
        if cells is None or any(cell[:1] in blanks and cell.lstrip(blanks)[:1] == '"' for cell in cells):
            return True
    return False


def _rows(text: str, delimiter: str, dialect: Dialect) -> Iterator[list[str] | None]:
    """Yield the first rows, and nothing in the place of each whose quotes do not match."""
    lines = io.StringIO(text, newline="\n")
    reader = dialect.reader(lines, delimiter)
    for _ in range(SAMPLE_ROWS):
        try:
            cells = next(reader, [])
        except csv.Error:
            # At its end the sample may be cut inside a quote; else the next line begins anew.
            if not lines.read(1):
                return
            lines.seek(lines.tell() - 1)
            reader = dialect.reader(lines, delimiter)
            yield None
        else:
            if cells:
                yield cells


def _reads_nearly_well(text: str, delimiter: str, dialect: Dialect) -> bool:
    """Say whether nine of ten of the first rows are of one width, with no quote out of its place."""
    rows = list(_rows(text, delimiter, dialect))
    widths = Counter(len(cells) for cells in rows if cells is not None)
    width, fitting = widths.most_common(1)[0] if widths else (0, 0)
    return width > 1 and len(rows) > 1 and fitting * 10 >= 9 * len(rows)


def _reads_well(text: str, delimiter: str, dialect: Dialect) -> bool:
    """Say whether the first rows all have the width of the first, and no quote is out of its place."""
    rows, lines = list[list[str]](), io.StringIO(text, newline="\n")
    try:
        rows += (cells for cells in islice(dialect.reader(lines, delimiter), SAMPLE_ROWS) if cells)
    except csv.Error:
        # At its end the sample may be cut inside a quote.
        if lines.read(1):
            return False
    return len(rows) > 1 and all(len(cells) == len(rows[0]) for cells in rows)
