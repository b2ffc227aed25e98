"""Letters that some program has spoilt before: lost for good, or read in the wrong encoding and written anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

Doubt = Literal["lost_letters", "wrong_letters"]

_LOST = "\ufffd".encode()
_WRONG = tuple(trace.encode() for trace in ("Ã", "Â", "Ð", "â€"))
TRACES = (_LOST, *_WRONG)
"""Rows without these bytes hold no such letters."""

_BEHIND = "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_PIECE = re.compile(f"[ÂÃÐ][{_BEHIND}]|â[{_BEHIND}]{{2}}")
"""What UTF-8 looks like where it was read as Windows-1252."""


def doubts_in(texts: Iterable[bytes]) -> Iterator[Doubt]:
    """Yield what is doubtful about the letters of a row."""
    found = [text for text in texts if not text.isascii() and any(trace in text for trace in TRACES)]
    if not found:
        return
    if any(_LOST in text for text in found):
        yield "lost_letters"
    if any(_is_wrong(piece) for text in found for piece in _PIECE.findall(text.decode("utf-8", "replace"))):
        yield "wrong_letters"


def _is_wrong(piece: str) -> bool:
    """Say whether a piece is UTF-8 that was read in another encoding."""
    for encoding in ("cp1252", "latin-1"):
        try:
            piece.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False
