"""What can be made of datasets, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEED = 3407


@dataclass(frozen=True)
class Split:
    """Hold back a share of the rows for another dataset; the rest is the next version."""

    share: float = 0.1
    seed: int = SEED
    held_back: str = ""
    """The dataset that gets the rows held back; without a word, the name and `held back` behind it."""


@dataclass(frozen=True)
class Sample:
    """Take some rows by chance, in the order in which they stand: a number of them, or a share."""

    rows: int | None = None
    share: float | None = None
    seed: int = SEED


@dataclass(frozen=True)
class Dedupe:
    """Leave out copies of earlier rows, and what is nearly one if that is asked for."""

    near: bool = False


@dataclass(frozen=True)
class Merge:
    """Put several versions into one: a weight says how often each row of a version comes, 1 is once."""

    weights: Mapping[str, float]
    """Version, as name or name@2 -> weight."""
    into: str
    seed: int = SEED
    mixed: bool = True
    """Mixed by chance, each version in its own order; else one behind the other."""
