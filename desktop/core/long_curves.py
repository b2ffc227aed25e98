"""The library made of long_curves.c: averages a million values in milliseconds, where there was a compiler."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desktop.core.compiled import address, compiled_library

Floats = NDArray[np.float64]

NOT_WANTED = "TUNEDECK_NO_LONG_CURVES"
"""Set in the environment, it does without the library: for tests, and to find out which of the two ways is at fault."""
_VERSION = 1


def _library() -> ctypes.CDLL | None:
    library = compiled_library(Path(__file__).with_name("_long_curves"), "curves_version", _VERSION, NOT_WANTED)
    if library is not None:
        library.curves_average.restype = library.curves_fold.restype = None
    return library


_LIBRARY = _library()


def average(values: Floats, weight: float, total: float, seen: float, averages: Floats) -> tuple[float, float] | None:
    """Work out the moving average into ``averages``; return the weighted sums of all values and of their weights.

    ``total`` and ``seen`` are those sums before the first of the values. Returns None where there is no library.
    """
    if _LIBRARY is None:
        return None
    assert averages.flags.c_contiguous
    assert len(averages) == len(values)
    values, state = np.ascontiguousarray(values, np.float64), np.array([total, seen])
    _LIBRARY.curves_average(
        address(values), ctypes.c_int64(len(values)), ctypes.c_double(weight), address(state), address(averages)
    )
    total, seen = state.tolist()
    return total, seen


def fold(values: Floats, size: int) -> tuple[Floats, Floats, NDArray[np.bool_]] | None:
    """Return the least and greatest of every ``size`` values, and where one is NaN; None without the library."""
    if _LIBRARY is None:
        return None
    values, blocks = np.ascontiguousarray(values, np.float64), -(-len(values) // size)
    least, most, gaps = np.empty(blocks), np.empty(blocks), np.empty(blocks, np.bool_)
    _LIBRARY.curves_fold(
        address(values), ctypes.c_int64(len(values)), ctypes.c_int64(size), address(least), address(most), address(gaps)
    )
    return least, most, gaps
