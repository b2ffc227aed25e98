"""Plain text, which has no rows: a line, what lies between blank lines, or the whole file is taken for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from trainer_image.formats.encodings import bad_letters
from trainer_image.formats.rows import Row, RowProblem

TextBy = Literal["line", "blank_line", "file"]


def read_text(lines: Iterable[bytes], by: TextBy) -> Iterator[Row | RowProblem]:
    """Yield the pieces of a text, with its line ends as \\n."""
    number, start, piece = 0, 1, list[bytes]()
    for line, raw in enumerate(lines, 1):
        is_blank = raw.isspace()
        if not is_blank or (by == "file" and piece):
            start = start if piece else line
            piece.append(raw)
        if piece and by != "file" and (is_blank or by == "line"):
            number += 1
            yield _row(start, number, piece)
            piece = []
    if piece:
        yield _row(start, number + 1, piece)


def _row(line: int, number: int, piece: list[bytes]) -> Row | RowProblem:
    try:
        text = b"".join(piece).decode()
    except UnicodeDecodeError as error:
        return bad_letters(error).at(line, number)
    return Row(line, number, {"text": text.replace("\r\n", "\n").rstrip("\r\n")})
