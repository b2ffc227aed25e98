"""The copies that were found in a file: plain values that load without numpy, as a check waits for what it loads."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path

CELLS = 16
"""Numbers in a sketch: the share of them that two rows have in common is about that of their wording."""

ALIKE = 13
"""So many cells in common make rows near duplicates: about four fifths of their wording or more."""

THRESHOLD = ALIKE / CELLS


@dataclass(frozen=True)
class Part:
    """The fingerprints of one part of a file, and how many rows and lines lie before it."""

    records: Path
    rows_before: int
    lines_before: int


@dataclass(frozen=True)
class Duplicates:
    """Copies of earlier rows, by row and line of the later one."""

    exact: int = 0
    near: int = 0
    exact_rows: array[int] = field(default_factory=lambda: array("L"))
    exact_firsts: array[int] = field(default_factory=lambda: array("L"))
    """For each of the exact rows the one that it is a copy of."""
    near_rows: array[int] = field(default_factory=lambda: array("L"))
    near_firsts: array[int] = field(default_factory=lambda: array("L"))
    """For each of the near rows the one that it is nearly the same as."""
    exact_pairs: tuple[tuple[int, int], ...] = ()
    """Lines of the first and of the copy."""
    near_pairs: tuple[tuple[int, int], ...] = ()
    exact_row_pairs: tuple[tuple[int, int], ...] = ()
    """Rows of the same pairs."""
    near_row_pairs: tuple[tuple[int, int], ...] = ()
    looked_at: int = 0
    """Rows that were compared for near duplicates."""
    threshold: float = THRESHOLD


@dataclass(frozen=True)
class Overlap:
    """Rows of a file that stand in the evaluation file too."""

    exact: int = 0
    near: int = 0
    rows: array[int] = field(default_factory=lambda: array("L"))
    pairs: tuple[tuple[int, int], ...] = ()
    """Lines of the row here and of the one there."""
    row_pairs: tuple[tuple[int, int], ...] = ()
    """Rows of the same pairs."""
