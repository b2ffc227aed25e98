"""What lines of JSON consist of, as arrays: the same whoever has taken them apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


class LineParts(NamedTuple):
    """Lines that follow each other, and their strings.

    A line is good if it is of whole letters, without control characters, rare escapes or a trace of a template's mark,
    if its quotes pair, and if each of its texts says something or is empty. The strings of other lines are not told.
    """

    ends: Places
    firsts: Places
    """The first string of each line."""
    counts: Places
    """Strings of each line."""
    signatures: Words
    """A number for what is left of each line without its texts."""
    is_good: Flags
    begins: Places
    """Where each string begins, without its quotes."""
    stops: Places
    is_open: Flags
    """Which strings are texts, and neither keys nor roles."""
    hashes: Words | None
    """The hash of each string, where it was taken on the way."""
