"""Imports without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Iterator[None]:
    """Import what lasts as long as the process, and leave it out of every later collection.

    The imports make half a million objects, which the collector would go through a hundred times while they come, and
    Unsloth collects by hand a dozen times while a model loads.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
