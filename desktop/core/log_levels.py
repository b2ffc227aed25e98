"""What lines of a trainer's log are: errors, warnings, and the stack traces that belong to an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.int64]


class Level(IntEnum):
    """How much a line matters."""

    INFO = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True)
class Trace:
    """A stack trace by its lines: the last one says what happened."""

    first: int
    last: int


@dataclass
class Found:
    """What a stretch of lines holds; lines count from its beginning."""

    levels: list[tuple[int, Level]] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    open_trace: int | None = None
    """The first line of a stack trace whose end has not been written yet."""


HINTS = (
    *(b"Error", b"error", b"ERROR", b"Warning", b"warning", b"warn", b"WARN", b"Traceback", b"Exception", b"exception"),
    *(b"CRITICAL", b"critical", b"FATAL", b"fatal", b"Interrupt", b"Exit"),
    *(b"ut of memory", b"core dumped", b"Segmentation fault", b"Illegal instruction", b" Killed", b" Aborted"),
    *(b"terminate called", b"[E0", b"[E1", b"[F0", b"[F1", b"[W0", b"[W1"),
)
"""A line without any of these is neither: bytes are searched many times faster than lines are matched."""
FIRST_WORDS = (b"E0", b"E1", b"F0", b"F1", b"W0", b"W1", b"Killed", b"Aborted")
"""The same, but only where a line begins with it: elsewhere they are too common."""
ERROR = re.compile(
    rb"^\W{0,3}[\w.-]*\b(?:error|fatal|critical|exception)\b\W*:"
    rb"|\b(?:ERROR|CRITICAL|FATAL)\b"
    rb"|^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit)(?::|$)"
    rb"|\[(?:error|fatal|critical)\]|level=(?:error|fatal)"
    # What the C library, the shell and the kernel say of a process that was ended.
    rb"|\(core dumped\)|^(?:Segmentation fault|Bus error|Illegal instruction|Killed|Aborted)\s*$"
    rb"|: line \d+:\s+\d+ (?:Segmentation fault|Bus error|Illegal instruction|Killed|Aborted)\b"
    rb"|^Fatal Python error\b|^terminate called\b|\bCUDA out of memory\b|\bOut of memory: Killed process\b"
    # glog and what looks like it: E1122 03:00:00.123 file.cc:12] or [E1122 03:00:00.123 file.cpp:12]
    rb"|^(?:\[rank\d+\]:\s?)?\[?[EF](?:0[1-9]|1[0-2])[0-3]\d \d\d:\d\d:\d\d"
)
WARNING = re.compile(
    rb"\bWARN(?:ING)?\b|\w*Warning\b|^\W{0,3}warning\b|\[warn(?:ing)?\]|level=warn|\bwarning:"
    rb"|^(?:\[rank\d+\]:\s?)?\[?W(?:0[1-9]|1[0-2])[0-3]\d \d\d:\d\d:\d\d"
)
HEAD = re.compile(rb"^(.*?)Traceback \(most recent call last\):\s*$")
CHAINED = (
    b"During handling of the above exception",
    b"The above exception was the direct cause",
)
LONGEST_TRACE = 4000
"""Lines after which a trace that does not end is taken for something else."""


def level_of(line: bytes) -> Level:
    """Return how much a line matters."""
    line = line[:4096]
    if ERROR.search(line):
        return Level.ERROR
    return Level.WARNING if WARNING.search(line) else Level.INFO


def look_through(data: bytes, ends: Offsets) -> Found:
    """Say what whole lines hold; ``ends`` are the offsets behind each of them."""
    found = Found()
    suspects = _suspects(data, ends)
    number = -1
    for suspect in suspects:
        if suspect <= number:
            continue
        line = _line(data, ends, suspect)
        if (head := HEAD.match(line)) is not None:
            last = _last_of_trace(data, ends, suspect, head[1])
            if last is None:
                if len(ends) - suspect < LONGEST_TRACE:
                    found.open_trace = suspect
                    return found
                continue
            found.traces.append(Trace(suspect, last))
            number = last
        elif (level := level_of(line)) is not Level.INFO:
            found.levels.append((suspect, level))
    return found


def _suspects(data: bytes, ends: Offsets) -> list[int]:
    places: list[int] = []
    for hint in HINTS:
        at = data.find(hint)
        while at >= 0:
            row = int(np.searchsorted(ends, at, side="right"))
            if row >= len(ends):
                break
            places.append(row)
            at = data.find(hint, int(ends[row]))
    for words in FIRST_WORDS:
        if data.startswith(words) and len(ends):
            places.append(0)
        newline = data.find(b"\n" + words)
        while newline >= 0:
            row = int(np.searchsorted(ends, newline + 1, side="right"))
            if row >= len(ends):
                break
            places.append(row)
            newline = data.find(b"\n" + words, int(ends[row]) - 1)
    return sorted(set(places))


def _line(data: bytes, ends: Offsets, number: int) -> bytes:
    start = int(ends[number - 1]) if number else 0
    return data[start : int(ends[number])].rstrip(b"\r\n")


def _last_of_trace(data: bytes, ends: Offsets, first: int, prefix: bytes) -> int | None:
    """Return the line that says what happened, or None while it has not been written."""
    number, stop = first + 1, min(len(ends), first + LONGEST_TRACE)
    said: int | None = None
    while number < stop:
        line = _line(data, ends, number)
        line = line[len(prefix) :] if line.startswith(prefix) else line
        if said is None:
            if line.strip() and not line.startswith((b" ", b"\t")) and line.strip() != b"^":
                said = number
        elif line.strip():
            # Only another exception that grew out of this one carries on.
            if line.startswith(CHAINED):
                said = None
                following = _next_head(data, ends, number + 1, stop)
                if following is None:
                    return None if stop == len(ends) else number
                number = following
            else:
                return said
        elif number - said > 2:
            return said
        number += 1
    return said


def _next_head(data: bytes, ends: Offsets, number: int, stop: int) -> int | None:
    while number < stop:
        line = _line(data, ends, number)
        if HEAD.match(line):
            return number
        if line.strip() and number:
            break
        number += 1
    return None
