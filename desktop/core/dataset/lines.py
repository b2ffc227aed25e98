"""Lines of a JSONL file by the thousand: where their strings lie, and what else can be told from bytes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from desktop.core.dataset import lines_numpy, native
from desktop.core.dataset.line_parts import Places, Words

BLOCK = 8 << 20


class Lines:
    """Whole lines that follow each other, taken apart at their quotes."""

    def __init__(self, offset: int, data: bytes, size: int) -> None:
        """Take apart the first ``size`` bytes."""
        self.offset, self.data, self.size = offset, data, size
        self.parts = native.take_apart(data, size) or lines_numpy.take_apart(data[:size])
        self.starts = np.concatenate(([0], self.parts.ends[:-1]))

    def __len__(self) -> int:
        return len(self.parts.ends)

    def line(self, place: int) -> bytes:
        return self.data[self.starts[place] : self.parts.ends[place]]

    def strings(self, numbers: Places) -> list[bytes]:
        """Return strings by their numbers."""
        data, begins, stops = self.data, self.parts.begins[numbers], self.parts.stops[numbers]
        return [data[begin:stop] for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]

    def hashes(self, numbers: Places) -> Words:
        """Return the hashes of strings by their numbers."""
        if self.parts.hashes is not None:
            return self.parts.hashes[numbers]
        return np.fromiter(map(native.hash_of, self.strings(numbers)), np.uint64, len(numbers))


def lines_between(file: BinaryIO, begin: int, end: int, is_first: bool) -> Iterator[Lines]:
    """Yield the lines that begin between two bytes; at ``begin`` one begins for sure only where it is the first."""
    at = begin if is_first else _line_from(file, begin)
    end, most = _line_from(file, end), BLOCK
    while at < end:
        file.seek(at)
        data = file.read(min(most, end - at))
        is_last = len(data) < min(most, end - at) or len(data) == end - at
        whole = len(data) if is_last else data.rfind(b"\n") + 1
        if whole:
            yield Lines(at, data, whole)
            most = BLOCK
        elif is_last:
            # The file has become shorter meanwhile.
            return
        else:
            most *= 2
        at += whole


def _line_from(file: BinaryIO, at: int) -> int:
    """Return where the first line begins that begins at a byte or behind it."""
    file.seek(at - 1)
    return at - 1 + len(file.readline())
