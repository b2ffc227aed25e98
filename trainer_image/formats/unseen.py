"""Texts that show nothing: blanks, and letters that nobody sees."""

from __future__ import annotations

UNSEEN = dict.fromkeys(
    # The soft hyphen, Mongolian's and general zero-width letters, marks of direction, and the byte order mark.
    (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
"""For ``str.translate``: takes them out."""


def is_unseen(text: str) -> bool:
    """Say whether a text is empty, or holds nothing that can be seen."""
    return not text or text.isspace() or (not text.isascii() and not text.translate(UNSEEN).strip())
