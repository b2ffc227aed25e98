"""Reads a million steps out of an events file in a moment: several parts at once, by the library made of steps.c."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from desktop.core import step_columns
from desktop.core.curve_lines import Kept, NotOrdinary, Part, part_of
from desktop.core.curves import Curves, load
from desktop.core.step_columns import StepReader

_PART = 32 * 1024 * 1024
"""For each part Python's lock has to be waited for while a window draws: few large ones take half as long as many."""
_WINDOW = 16 * 1024
_THREADS = 4


def read(events_file: Path, heard: Callable[[float], None] = lambda _: None) -> Curves | None:
    """Return what a run's events say, or None where that has to be read another way; ``heard`` gets the share so far.

    What is kept of its curves is not read again. Raises OSError.
    """
    if not step_columns.is_there():
        return None
    known = load(events_file) or Curves()
    with events_file.open("rb", buffering=0) as file:
        handle = file.fileno()
        bounds = _bounds(handle, known.offset, os.fstat(handle).st_size)
        kept, size = Kept(known), bounds[-1] - known.offset
        try:
            with closing(_parts(handle, bounds)) as parts:  # nobody reads on when the file is closed
                for end, found in zip(bounds[1:], parts, strict=True):
                    for part in found:
                        kept.add(part, (end - known.offset) / size)
                    heard(end / bounds[-1])
        except (NotOrdinary, MemoryError, RuntimeError):
            return None  # a RuntimeError where no thread can be had
    return kept.result(bounds[-1])


def _bounds(handle: int, first: int, size: int) -> list[int]:
    """Return where the parts begin, and where the last whole line ends."""
    end = first
    for begin in range(max(first, size - _WINDOW), first - _WINDOW, -_WINDOW):
        begin = max(first, begin)
        if found := os.pread(handle, _WINDOW, begin)[: size - begin].rfind(b"\n") + 1:
            end = begin + found
            break
    bounds = [first]
    while bounds[-1] < end:
        bounds.append(_line_after(handle, bounds[-1] + _PART, end))
    return bounds


def _line_after(handle: int, place: int, end: int) -> int:
    """Return where the line ends in which a place is."""
    while place < end:
        found = os.pread(handle, _WINDOW, place).find(b"\n")
        if found >= 0:
            return min(end, place + found + 1)
        place += _WINDOW
    return end


def _parts(handle: int, bounds: list[int]) -> Generator[list[Part], None, None]:
    """Read the parts in order, several at once; each is there until the next one is asked for."""
    threads = min(_THREADS, os.cpu_count() or 1)
    free = [StepReader(_PART) for _ in range(threads + 1)]
    reading: deque[tuple[StepReader, Future[list[Part]]]] = deque()
    pool = ThreadPoolExecutor(threads, "steps")
    try:
        for begin, end in pairwise(bounds):
            if not free:
                reader, done = reading.popleft()
                yield done.result()
                free.append(reader)  # what it had read is not needed any more
            reader = free.pop()
            reading.append((reader, pool.submit(_read, handle, reader, begin, end)))
        for _, done in reading:
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(handle: int, reader: StepReader, begin: int, end: int) -> list[Part]:
    def text_of(first: int, last: int) -> bytes:
        text = os.pread(handle, last - first, first)
        if len(text) < last - first:
            raise NotOrdinary  # it has become shorter
        return text

    try:
        return [part_of(found, text_of) for found in reader.read(handle, begin, end)]
    except ValueError as error:
        raise NotOrdinary from error  # a line is too long, or the file has been written anew meanwhile
