"""What lines of one skeleton say, kept as arrays, so that lines of many skeletons are read together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from desktop.core.dataset import native
from desktop.core.dataset.fingerprints import PART_END
from desktop.core.dataset.line_parts import Flags, Places, Words
from desktop.core.dataset.lines import Lines
from desktop.core.dataset.lines_numpy import weights
from desktop.core.dataset.native import hash_of

NO_STRING = -1
UNKNOWN, STRICT = -2, -1
"""In the place of a pattern's number: its lines were not met yet, or have to go the strict way."""


@dataclass(frozen=True)
class Pattern:
    """What the lines of one skeleton say: which of their strings are texts, and who says them."""

    frame: bytes
    texts: tuple[int, ...]
    """The strings with the texts, in the order of what is said; of what stands in none and is empty, ``NO_STRING``."""
    has_instructions: bool
    """Whether the first of them is what the conversation begins with, which many lines have in common."""
    empty: tuple[str, ...]
    pair: tuple[str, str] | None
    """The columns that are read as prompt and completion, where that is their shape."""
    apart: tuple[int, ...] | None
    """The strings with the better and the worse answer, which must not be the same."""


class Table(NamedTuple):
    """Patterns by their numbers, side by side."""

    frames: Words
    """The hashes of their frames."""
    starts: Places
    counts: Places
    """Which of ``texts`` are theirs."""
    instructions: Places
    """How many of their texts are instructions: one, or none."""
    answers: Places
    """The strings with the better and the worse answer; twice the same where there are none."""
    texts: Places


def _table_of(patterns: Sequence[Pattern], before: int) -> Table:
    """Return a table of patterns that stand behind others with so many texts."""
    counts = np.array([len(pattern.texts) for pattern in patterns], np.intp)
    return Table(
        np.array([hash_of(pattern.frame) for pattern in patterns], np.uint64),
        np.cumsum(counts) - counts + before,
        counts,
        np.array([pattern.has_instructions for pattern in patterns], np.intp),
        np.array([pattern.apart or (0, 0) for pattern in patterns], np.intp).reshape(-1, 2),
        np.array([text for pattern in patterns for text in pattern.texts], np.intp),
    )


class Patterns:
    """The patterns met so far, by the signatures of their lines."""

    def __init__(self) -> None:
        self.known: list[Pattern] = []
        self.table = _table_of((), 0)
        self._signatures = np.empty(0, np.uint64)
        self._numbers = np.empty(0, np.intp)

    def __len__(self) -> int:
        """Return how many signatures are known, those of lines that go the strict way too."""
        return len(self._signatures)

    def add(self, found: Mapping[int, Pattern | None]) -> None:
        """Learn what lines with these signatures say; None where they have to go the strict way."""
        new = [pattern for pattern in found.values() if pattern is not None]
        counted = count(len(self.known))
        numbers = [STRICT if pattern is None else next(counted) for pattern in found.values()]
        self.known += new
        table = _table_of(new, len(self.table.texts))
        self.table = Table(*(np.concatenate(both) for both in zip(self.table, table, strict=True)))
        signatures = np.concatenate((self._signatures, np.fromiter(found, np.uint64, len(found))))
        order = np.argsort(signatures, kind="stable")
        self._signatures = signatures[order]
        self._numbers = np.concatenate((self._numbers, np.array(numbers, np.intp)))[order]

    def numbers_of(self, signatures: Words) -> Places:
        """Return the number of the pattern of each signature, or what stands in the place of one."""
        if not len(self):
            return np.full(len(signatures), UNKNOWN)
        at = np.minimum(np.searchsorted(self._signatures, signatures), len(self) - 1)
        return np.where(self._signatures[at] == signatures, self._numbers[at], UNKNOWN)


class Group(NamedTuple):
    """Lines whose patterns are known, and what each of them says; see ``fingerprints.Said``."""

    lines: Lines
    places: Places
    patterns: Patterns
    numbers: Places
    """The pattern of each line."""

    def exact(self) -> Words:
        """Return the hashes of what the lines say."""
        table = self.patterns.table
        counts = table.counts[self.numbers]
        parts, order = self.lines.parts, weights(int(counts.max()))
        if parts.hashes is not None:
            of_table = (table.frames, table.starts, table.counts, table.texts, order)
            return native.exact(parts.firsts[self.places], self.numbers, parts.hashes, *of_table)
        ends = np.cumsum(counts)
        starts = ends - counts
        strings, is_none = self._strings(self.places, table.starts[self.numbers], counts)
        hashes = self.lines.hashes(strings)
        if is_none is not None:
            hashes[is_none] = hash_of(b"")
        hashes *= order[np.arange(ends[-1]) - np.repeat(starts, counts)]
        made: Words = np.add.reduceat(hashes, starts)
        return made + table.frames[self.numbers]

    def texts(self, some: slice | list[int]) -> list[bytes]:
        """Return what some of the lines say, without the instructions."""
        table, numbers = self.patterns.table, self.numbers[some]
        skipped = table.instructions[numbers]
        counts = table.counts[numbers] - skipped
        strings, is_none = self._strings(self.places[some], table.starts[numbers] + skipped, counts)
        texts = self.lines.strings(strings)
        for place in () if is_none is None else np.flatnonzero(is_none).tolist():
            texts[place] = b""
        borders = np.cumsum(counts).tolist()
        return [PART_END.join(texts[start:end]) for start, end in pairwise([0, *borders])]

    def met(self) -> Iterator[tuple[Pattern, int]]:
        """Yield each pattern that the lines have, and how many of them have it."""
        times = np.bincount(self.numbers)
        for number in np.flatnonzero(times).tolist():
            yield self.patterns.known[number], int(times[number])

    def _strings(self, places: Places, starts: Places, counts: Places) -> tuple[Places, Flags | None]:
        """Return the numbers of the strings with the texts of lines, and which of them stand in none."""
        before = np.cumsum(counts) - counts
        texts = self.patterns.table.texts[np.repeat(starts - before, counts) + np.arange(int(counts.sum()))]
        is_none = texts == NO_STRING
        strings = texts + np.repeat(self.lines.parts.firsts[places], counts)
        if not is_none.any():
            return strings, None
        strings[is_none] = 0
        return strings, is_none


def first_of_each(signatures: Words, places: Sequence[int] | Places) -> dict[int, int]:
    """Return for each signature the first of its places."""
    found, at = np.unique(signatures, return_index=True)
    return dict(zip(found.tolist(), np.asarray(places)[at].tolist(), strict=True))
