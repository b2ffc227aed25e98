"""What a person should know of a file as a whole, as it may cost rows or columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Noticed:
    """One such thing: its kind, how many rows or columns it is about, a sentence, and the lines where it stands."""

    kind: str
    count: int
    sentence: str
    lines: tuple[int, ...] = ()
