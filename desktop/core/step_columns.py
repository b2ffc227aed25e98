"""The library made of steps.c: takes the lines of events apart into columns of numbers, where there was a compiler."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desktop.core.compiled import compiled_library
from desktop.core.curves import COLUMNS
from desktop.core.series import Floats

NOT_WANTED = "TUNEDECK_NO_STEPS"
"""Set in the environment, it does without the library: for tests, and to find out which of the two ways is at fault."""
COMPLETION = 1
"""What the library says of a line that is a completion."""
_VERSION = 1
_MOST_METRICS = 64
_STEP_BYTES, _OTHER_BYTES = 128, 64
"""So many bytes a step or another line takes as a rule; where they take less, there is another turn."""
_MOST_LINES = 300_000
"""No more are taken apart in one turn."""


@dataclass(frozen=True)
class StepLines:
    """What some lines consist of; a line begins and ends at bytes of the buffer, its line feed left out."""

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
    """Of every other line that is not blank: where it begins and ends, the rows before it, and COMPLETION or 0."""


def _library() -> ctypes.CDLL | None:
    library = compiled_library(Path(__file__).with_name("_steps"), "steps_begin", _VERSION, NOT_WANTED)
    if library is not None:
        library.steps_take_apart.restype = ctypes.c_int64
    return library


_LIBRARY = _library()


def is_there() -> bool:
    """Say whether steps can be read fast."""
    return _LIBRARY is not None


class StepReader:
    """Takes lines apart, up to so many bytes at a time; for one thread, while others go on."""

    def __init__(self, most: int) -> None:
        self.buffer = np.empty(most, np.uint8)
        """Where the lines are to be put."""
        self._rows = min(most // _STEP_BYTES + 1, _MOST_LINES)
        self._most_others = min(most // _OTHER_BYTES + 1, _MOST_LINES)
        self._columns = np.empty((COLUMNS, self._rows))
        self._metrics = np.empty((_MOST_METRICS, self._rows))
        self._spans = np.empty((self._rows, 2), np.int64)
        self._others = np.empty((self._most_others, 4), np.int64)
        self._names = np.empty((_MOST_METRICS, 2), np.int64)
        self._said = np.empty((2, _MOST_METRICS), np.int64)

    def read(self, size: int) -> Iterator[StepLines]:
        """Take the first so many bytes of the buffer apart, which are whole lines; in several turns if need be.

        What is returned is there until this is called again.
        """
        first = 0
        while first < size:
            found = self._read(first, size)
            first += found.taken
            yield found if first == size else deepcopy(found)

    def _read(self, first: int, size: int) -> StepLines:
        assert _LIBRARY is not None
        data, counts = self.buffer[first:size], np.empty(3, np.int64)
        arrays = (self._columns, self._metrics, self._spans, self._names, *self._said, self._others, counts)
        taken = _LIBRARY.steps_take_apart(
            ctypes.c_void_p(data.ctypes.data),
            *map(ctypes.c_int64, (len(data), self._rows, self._most_others)),
            *(ctypes.c_void_p(array.ctypes.data) for array in arrays),
        )
        if taken <= 0:
            raise ValueError("these are no whole lines")
        rows, count, found = counts.tolist()
        names = [data[begin : begin + length].tobytes().decode() for begin, length in self._names[:count].tolist()]
        others = self._others[:found].copy()
        others[:, :2] += first
        return StepLines(
            taken,
            self._columns[:, :rows],
            self._spans[:rows] + first,
            {name: self._metrics[index, :rows] for index, name in enumerate(names)},
            {name: (int(self._said[0, index]), int(self._said[1, index])) for index, name in enumerate(names)},
            others,
        )
