"""The library made of steps.c: reads the lines of events into columns of numbers, where there was a compiler."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desktop.core.compiled import address, compiled_library
from desktop.core.curves import COLUMNS
from desktop.core.series import Floats

NOT_WANTED = "TUNEDECK_NO_STEPS"
"""Set in the environment, it does without the library: for tests, and to find out which of the two ways is at fault."""
COMPLETION = 1
"""What the library says of a line that is a completion."""
_VERSION = 2
_MOST_METRICS, _LONGEST_NAME = 64, 128
_STEP_BYTES, _OTHER_BYTES, _SHARE_OF_TEXT = 256, 64, 4
"""So many bytes a step or another line takes as a rule, and that share of all is no steps; where that is not so, there
is another turn. More room would be more memory that has to be had anew."""
_MOST_LINES = 300_000
"""No more are taken apart in one turn."""
_BUFFER = 256 * 1024
"""So much is read at a time, which stays near the processor."""
_LONGEST = 256 * 1024 * 1024
"""A line longer than that is not read."""
_TOO_LONG, _CHANGED = -1_000_000, -1_000_001


@dataclass(frozen=True)
class StepLines:
    """What some lines consist of; a line begins and ends at bytes of the file, its line feed left out."""

    taken: int
    """How many bytes were read."""
    columns: Floats
    """The columns of the steps as in STEP_COLUMNS, without ``elapsed``."""
    spans: NDArray[np.int64]
    """Where the line of each step begins and ends."""
    metrics: dict[str, Floats]
    """In the order in which they are said first."""
    said: dict[str, tuple[int, int]]
    """The first and the last row that say a metric, null included."""
    others: NDArray[np.int64]
    """Of every other line that is not blank: where it begins and ends, the rows before it, COMPLETION or 0, where its
    text is, and where that of the step before it is, -1 where that is not at hand."""
    texts: NDArray[np.uint8]


def _library() -> ctypes.CDLL | None:
    library = compiled_library(Path(__file__).with_name("_steps"), "steps_begin", _VERSION, NOT_WANTED)
    if library is not None:
        library.steps_read.restype = ctypes.c_int64
    return library


_LIBRARY = _library()


def is_there() -> bool:
    """Say whether steps can be read fast."""
    return _LIBRARY is not None


class StepReader:
    """Reads lines of a file, some so many bytes of it in one turn; for one thread, while others go on."""

    def __init__(self, most: int, buffer: int = _BUFFER) -> None:
        self._rows = min(most // _STEP_BYTES + 1, _MOST_LINES)
        self._most_others = min(most // _OTHER_BYTES + 1, _MOST_LINES)
        self._columns = np.empty((COLUMNS, self._rows))
        self._metrics = np.empty((_MOST_METRICS, self._rows))
        self._spans = np.empty((self._rows, 2), np.int64)
        self._others = np.empty((self._most_others, 6), np.int64)
        self._names = np.empty((_MOST_METRICS, _LONGEST_NAME), np.uint8)
        self._sizes = np.empty(_MOST_METRICS, np.int64)
        self._said = np.empty((2, _MOST_METRICS), np.int64)
        self._buffer = np.empty(buffer, np.uint8)
        self._texts = np.empty(max(buffer, most // _SHARE_OF_TEXT), np.uint8)

    def read(self, handle: int, begin: int, end: int) -> Iterator[StepLines]:
        """Read the whole lines of a file between two bytes; in several turns if need be.

        What is returned is there until this is called again. Raises OSError, and ValueError where there are no such
        lines, or one is too long.
        """
        while begin < end:
            found = self._read(handle, begin, end)
            begin += found.taken
            yield found if begin == end else deepcopy(found)

    def _read(self, handle: int, begin: int, end: int) -> StepLines:
        counts = np.empty(4, np.int64)
        while (taken := self._call(handle, begin, end, counts)) == _TOO_LONG:
            if len(self._buffer) >= _LONGEST:
                raise ValueError("a line is too long")
            self._buffer = np.empty(2 * len(self._buffer), np.uint8)
            self._texts = np.empty(max(len(self._texts), len(self._buffer)), np.uint8)
        if _CHANGED < taken < 0:
            raise OSError(-taken, os.strerror(-taken))
        if taken <= 0:
            raise ValueError("these are no whole lines")
        rows, count, others, size = counts.tolist()
        names = [
            name[:length].tobytes().decode()
            for name, length in zip(self._names[:count], self._sizes[:count].tolist(), strict=True)
        ]
        return StepLines(
            taken,
            self._columns[:, :rows],
            self._spans[:rows],
            {name: self._metrics[index, :rows] for index, name in enumerate(names)},
            {name: (int(self._said[0, index]), int(self._said[1, index])) for index, name in enumerate(names)},
            self._others[:others],
            self._texts[:size],
        )

    def _call(self, handle: int, begin: int, end: int, counts: NDArray[np.int64]) -> int:
        assert _LIBRARY is not None
        room = np.array([self._rows, self._most_others, len(self._texts)], np.int64)
        found = (self._columns, self._metrics, self._spans, self._names, self._sizes, *self._said)
        taken: int = _LIBRARY.steps_read(
            ctypes.c_int(handle),
            *map(ctypes.c_int64, (begin, end)),
            address(self._buffer),
            ctypes.c_int64(len(self._buffer)),
            *map(address, (room, *found, self._others, self._texts, counts)),
        )
        return taken
