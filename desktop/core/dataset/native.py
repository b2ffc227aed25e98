"""The library made of lines.c, where there was a compiler when the app was installed; else numpy does its work."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from desktop.core.compiled import address, compiled_library
from desktop.core.dataset.line_parts import LineParts, Places, Words

NOT_WANTED = "TUNEDECK_NUMPY_LINES"
"""Set in the environment, it keeps to numpy: for tests, and to find out which of the two is at fault."""
_VERSION = 4
_LINE, _STRING = 48, 12
"""So many bytes a line or a string takes at least as a rule; where they take less, there is a second try."""


def _library() -> ctypes.CDLL | None:
    library = compiled_library(Path(__file__).with_name("_lines"), "lines_version", _VERSION, NOT_WANTED)
    if library is not None:
        library.lines_take_apart.restype = ctypes.c_int64
        library.lines_hash.restype = ctypes.c_uint64
        library.lines_exact.restype = None
    return library


_LIBRARY = _library()


def _hash_by(library: ctypes.CDLL) -> Callable[[bytes], int]:
    call = library.lines_hash
    call.argtypes = [ctypes.c_char_p, ctypes.c_int64]
    return lambda text: int(call(text, len(text)))


def _hash_of_python(text: bytes) -> int:
    return hash(text) & 0xFFFFFFFFFFFFFFFF


hash_of: Callable[[bytes], int] = _hash_by(_LIBRARY) if _LIBRARY else _hash_of_python
"""The hash of a text, the same in all processes of one scan."""


def take_apart(data: bytes | memoryview, size: int) -> LineParts | None:
    """Return what the lines in the first so many bytes consist of, or None where the library is not there."""
    if _LIBRARY is None:
        return None
    found = _take_apart(_LIBRARY, data, size, size // _LINE + 16, size // _STRING + 16)
    return found or _take_apart(_LIBRARY, data, size, size + 1, size // 2 + 1)


def _take_apart(
    library: ctypes.CDLL, data: bytes | memoryview, size: int, most_lines: int, most_strings: int
) -> LineParts | None:
    """Return what lines consist of, or None where there are more of them, or of their strings, than there is room."""
    ends, firsts, counts = (np.empty(most_lines, np.intp) for _ in range(3))
    signatures, is_good = np.empty(most_lines, np.uint64), np.empty(most_lines, np.bool_)
    begins, stops = np.empty(most_strings, np.intp), np.empty(most_strings, np.intp)
    hashes, is_open = np.empty(most_strings, np.uint64), np.empty(most_strings, np.bool_)
    found = ctypes.c_int64()
    arrays = (ends, firsts, counts, signatures, is_good, begins, stops, hashes, is_open)
    count = library.lines_take_apart(
        address(np.frombuffer(data, np.uint8)),
        *map(ctypes.c_int64, (size, most_lines, most_strings)),
        *map(address, arrays),
        ctypes.byref(found),
    )
    if count < 0:
        return None
    strings = found.value
    return LineParts(
        ends[:count],
        firsts[:count],
        counts[:count],
        signatures[:count],
        is_good[:count],
        begins[:strings],
        stops[:strings],
        is_open[:strings],
        hashes[:strings],
    )


def exact(firsts: Places, numbers: Places, hashes: Words, *table: Places | Words) -> Words:
    """Return the hashes of what lines say, see ``lines_exact`` in lines.c."""
    assert _LIBRARY is not None
    made = np.empty(len(firsts), np.uint64)
    arrays = [np.ascontiguousarray(array) for array in (firsts, numbers, hashes, *table)]
    _LIBRARY.lines_exact(ctypes.c_int64(len(firsts)), *map(address, (*arrays, made)))
    return made
