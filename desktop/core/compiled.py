"""The libraries made of our own C files, where there was a compiler when the app was installed."""

from __future__ import annotations

import ctypes
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def address(array: NDArray[Any]) -> ctypes.c_void_p:
    """Return where the numbers of an array begin, which has to be kept until the library is done with them."""
    return ctypes.c_void_p(array.ctypes.data)


def compiled_library(path: Path, version_word: str, version: int, not_wanted: str) -> ctypes.CDLL | None:
    """Return the library at ``path``, to which Python's own ending is added, or None where it is not to be had.

    ``version_word`` is the function that tells its version, for one of another source may be left there; with the
    variable ``not_wanted`` set in the environment it is as if there were none.
    """
    if os.environ.get(not_wanted) or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    for suffix in EXTENSION_SUFFIXES:
        file = path.with_name(path.name + suffix)
        if not file.is_file():
            continue
        try:
            library = ctypes.CDLL(str(file))
            if getattr(library, version_word)() == version:
                return library
        except (OSError, AttributeError):
            continue
    return None
