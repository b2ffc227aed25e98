"""JSONL: one object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainer_image.formats.encodings import bad_letters
from trainer_image.formats.rows import BadRow, Row, RowProblem
from trainer_image.formats.strict_json import CUT, parse, row_or_problem


def read_json_lines(lines: Iterable[bytes]) -> Iterator[Row | RowProblem]:
    """Yield a row, or its problem, for every line that is not blank."""
    number = 0
    for line, raw in enumerate(lines, 1):
        if raw.isspace():
            continue
        number += 1
        try:
            value = parse(raw.decode())
        except UnicodeDecodeError as error:
            yield bad_letters(error).at(line, number)
        except BadRow as bad:
            if bad.fault.startswith(CUT) and not raw.endswith(b"\n"):
                bad.fix = "The file ends inside this row: fetch it again, or take the row out."
            yield bad.at(line, number)
        else:
            yield row_or_problem(line, number, value)
