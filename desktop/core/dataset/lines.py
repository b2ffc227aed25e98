"""Lines of a JSONL file by the thousand: where their strings lie, and what else can be told from bytes alone."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import numpy as np

from desktop.core.dataset import lines_numpy, native
from desktop.core.dataset.line_parts import Places, Words

BLOCK = 8 << 20
_MAPPED_FROM = 1 << 20
_TAIL = 1 << 16


class Lines:
    """Whole lines that follow each other, taken apart at their quotes."""

    def __init__(self, offset: int, data: bytes | memoryview, size: int) -> None:
        """Take apart the first ``size`` bytes."""
        self.offset, self.data, self.size = offset, data, size
        self.parts = native.take_apart(data, size) or lines_numpy.take_apart(bytes(data[:size]))
        self.starts = np.concatenate(([0], self.parts.ends[:-1]))

    def __len__(self) -> int:
        return len(self.parts.ends)

    def line(self, place: int) -> bytes:
        return bytes(self.data[self.starts[place] : self.parts.ends[place]])

    def strings(self, numbers: Places) -> list[bytes]:
        """Return strings by their numbers."""
        data, begins, stops = self.data, self.parts.begins[numbers], self.parts.stops[numbers]
        return [bytes(data[begin:stop]) for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]

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
        data = _bytes_at(file, at, min(most, end - at))
        is_last = len(data) < min(most, end - at) or len(data) == end - at
        whole = len(data) if is_last else _end_of_lines(data)
        if whole:
            yield Lines(at, data, whole)
            most = BLOCK
        elif is_last:
            # The file has become shorter meanwhile.
            return
        else:
            most *= 2
        at += whole


def _bytes_at(file: BinaryIO, at: int, size: int) -> bytes | memoryview:
    """Return so many bytes of a file, or those that are there.

    Many are mapped into memory, which saves the time that copying them takes. Where another program cuts the file short
    meanwhile, this process ends, and ``scan`` says so.
    """
    if size >= _MAPPED_FROM:
        before = at % mmap.ALLOCATIONGRANULARITY
        # Some file systems have no maps, and none reach over the end of a file that has become shorter.
        with suppress(OSError, ValueError):
            mapped = mmap.mmap(file.fileno(), before + size, access=mmap.ACCESS_READ, offset=at - before)
            return memoryview(mapped)[before:]
    file.seek(at)
    return file.read(size)


def _end_of_lines(data: bytes | memoryview) -> int:
    """Return where the last whole line ends; 0 where there is none."""
    size = min(_TAIL, len(data))
    while (found := bytes(data[-size:]).rfind(b"\n")) < 0 and size < len(data):
        size = min(8 * size, len(data))
    return len(data) - size + found + 1 if found >= 0 else 0


def _line_from(file: BinaryIO, at: int) -> int:
    """Return where the first line begins that begins at a byte or behind it."""
    file.seek(at - 1)
    return at - 1 + len(file.readline())
