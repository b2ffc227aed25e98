"""Where the rows of a file begin, so that any of them opens at once; the rows themselves stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer_image.formats import ReadOptions


@dataclass(frozen=True)
class Place:
    """Where a row begins."""

    row: int
    line: int
    offset: int


@dataclass(frozen=True)
class RowIndex:
    """How to find a row by its number; without places a file is read from its beginning."""

    path: Path
    read: ReadOptions
    rows: int
    places: tuple[Place, ...] = ()
