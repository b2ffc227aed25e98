"""JSONL: one object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trainer_image.formats.encodings import bad_letters
from trainer_image.formats.naming import row_or_problem
from trainer_image.formats.rows import BadRow, Row, RowProblem, Taken
from trainer_image.formats.strict_json import AT_END, CUT, parse

_BRACKETS = (b"[", b"]")


def read_json_lines(lines: Iterable[bytes], *, in_array: bool = False) -> Iterator[Row | RowProblem]:
    """Yield a row, or its problem, for every line that is not blank.

    Of the rows of an array, each on its line, the brackets around them are no rows.
    """
    number = 0
    for line, raw in enumerate(lines, 1):
        if raw.isspace() or (in_array and raw.strip() in _BRACKETS):
            continue
        number += 1
        try:
            value, taken = _value_of(raw.decode())
        except UnicodeDecodeError as error:
            yield bad_letters(error).at(line, number)
        except BadRow as bad:
            if bad.fault.startswith(CUT) and not raw.endswith(b"\n"):
                bad.fix = "The file ends inside this row: fetch it again, or take the row out."
            yield bad.at(line, number)
        else:
            yield row_or_problem(line, number, value, taken)


def _value_of(text: str) -> tuple[Any, tuple[Taken, ...]]:
    """Return the value of a line, without the comma that stands behind it where it was copied out of an array."""
    try:
        return parse(text), ()
    except BadRow as bad:
        if bad.fix != AT_END:
            raise
        return parse(text.rstrip().removesuffix(",")), ("trailing_comma",)
