"""A log file by its lines: where each ends, what it is, and its text, which stays on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from desktop.core.log_levels import Level, Offsets, Trace, look_through

MAX_READ = 16 * 1024 * 1024
LOOK_BYTES = 256 * 1024
"""So much is looked through at a time, so that nobody waits long for the interpreter."""
FIND_BYTES = 1024 * 1024
MAX_LINE = 4096
"""So much of a line is shown; nobody reads further, and one line of a gigabyte must not stop the window."""


class LogIndex:
    """Grows with its file; offsets at once, levels and stack traces when ``look`` is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends: Offsets = np.empty(1024, np.int64)
        self._levels: NDArray[np.uint8] = np.zeros(1024, np.uint8)
        self.lines = 0
        """Lines that have their end."""
        self.size = 0
        self.looked = 0
        """Lines of which it is known what they are."""
        self.traces: dict[int, Trace] = {}
        """By their last line."""

    @property
    def rows(self) -> int:
        """Lines, with one that is still being written."""
        return self.lines + (1 if self.size > self.end_of(self.lines - 1) else 0)

    @property
    def ends(self) -> Offsets:
        return self._ends[: self.lines]

    @property
    def levels(self) -> NDArray[np.uint8]:
        """A Level for each line that has its end."""
        return self._levels[: self.lines]

    def end_of(self, row: int) -> int:
        """Return the offset behind a line; of the one that is being written, what is there."""
        return int(self._ends[row]) if 0 <= row < self.lines else 0 if row < 0 else self.size

    def start_of(self, row: int) -> int:
        return self.end_of(row - 1)

    def row_at(self, offset: int) -> int:
        """Return the line in which a byte of the file lies."""
        return int(np.searchsorted(self.ends, offset, side="right"))

    def rows_at(self, offsets: Offsets) -> Offsets:
        """Return the lines in which bytes lie, each once."""
        return np.unique(np.searchsorted(self.ends, offsets, side="right"))

    def grow(self) -> bool:
        """Take in what was appended; return False where the file has been cut short or replaced: begin anew."""
        while True:
            try:
                with self.path.open("rb") as file:
                    if file.seek(0, 2) < self.size:
                        return False
                    file.seek(self.size)
                    data = file.read(MAX_READ)
            except FileNotFoundError:
                return True
            if not data:
                return True
            self._append(data)

    def _append(self, data: bytes) -> None:
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + self.size + 1
        lines = self.lines + len(ends)
        if lines > len(self._ends):
            room = max(lines, 2 * len(self._ends))
            self._ends = np.concatenate([self.ends, np.empty(room - self.lines, np.int64)])
            self._levels = np.concatenate([self.levels, np.zeros(room - self.lines, np.uint8)])
        self._ends[self.lines : lines] = ends
        self.lines, self.size = lines, self.size + len(data)

    def unlooked(self) -> tuple[int, int]:
        """Return from which line to which, exclusive, the next part to look through goes; equal at the end."""
        start = self.start_of(self.looked)
        until = int(np.searchsorted(self.ends, start + LOOK_BYTES, side="right"))
        return self.looked, min(self.lines, max(until, min(self.lines, self.looked + 1)))

    def look(self) -> list[Trace]:
        """Look through the next lines; return the stack traces among them."""
        first, until = self.unlooked()
        if first == until:
            return []
        start = self.start_of(first)
        found = look_through(self._read(start, self.end_of(until - 1)), self._ends[first:until] - start)
        for number, level in found.levels:
            self._levels[first + number] = level
        traces = [Trace(first + trace.first, first + trace.last) for trace in found.traces]
        for trace in traces:
            self._levels[trace.first : trace.last + 1] = Level.ERROR
            self.traces[trace.last] = trace
        is_open = found.open_trace is not None
        self.looked = first + found.open_trace if found.open_trace is not None else until
        if is_open and self.looked == first and until < self.lines:
            self.looked = until  # it does not end within a megabyte: no trace
        return traces

    @property
    def is_looked_through(self) -> bool:
        """Say whether nothing more can be known now; a stack trace without its end waits for it."""
        return self.looked >= self.lines

    def count(self, level: Level) -> int:
        """Return how many places there are of a level; a stack trace is one."""
        lines = int(np.count_nonzero(self.levels == level))
        inside = sum(trace.last - trace.first for trace in self.traces.values()) if level is Level.ERROR else 0
        return lines - inside

    def level(self, row: int) -> Level:
        return Level(int(self._levels[row])) if row < self.lines else Level.INFO

    def text(self, row: int) -> str:
        """Return one line; of a progress bar that draws over itself, its latest state."""
        start, end = self.start_of(row), self.end_of(row)
        try:
            with self.path.open("rb") as file:
                skipped = 0 if end - start <= MAX_LINE else max(0, _last_return(file.read, file.seek, start, end))
                file.seek(start + skipped)
                data = file.read(min(end - start - skipped, MAX_LINE))
        except FileNotFoundError:
            return ""
        return _shown(data)

    def texts(self, rows: Iterable[int]) -> list[str]:
        """Return many lines, read in as few strokes as they lie together."""
        found: list[str] = []
        for first, last in _stretches(rows):
            data = self._read(self.start_of(first), self.end_of(last))
            found += [_shown(line) for line in data.removesuffix(b"\n").split(b"\n")]
        return found

    def _read(self, start: int, end: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        except FileNotFoundError:
            return b""


def find_all(path: Path, text: str, is_wanted: Callable[[], bool] = lambda: True) -> Offsets:
    """Return where ``text`` stands in a file, in any case of letters; every line is found once at least."""
    wanted = text.lower().encode()
    places: list[int] = []
    base, rest = 0, b""
    with path.open("rb") as file:
        while (data := file.read(FIND_BYTES)) and is_wanted():
            data = rest + data.lower()
            at = data.find(wanted)
            while at >= 0:
                places.append(base + at)
                line_end = data.find(b"\n", at)
                at = data.find(wanted, line_end) if line_end >= 0 else -1
            keep = max(0, len(data) - len(wanted) + 1)
            base, rest = base + keep, data[keep:]
    return np.array(sorted(set(places)), np.int64)


def _shown(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r\n").rpartition("\r")[2].expandtabs(4)


def _stretches(rows: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def _last_return(read: Callable[[int], bytes], seek: Callable[[int], int], start: int, end: int) -> int:
    """Of a long line return where its last state begins: behind a carriage return near its end, else at 0."""
    near = max(start, end - MAX_LINE)
    seek(near)
    found = read(end - near).rstrip(b"\r\n").rfind(b"\r")
    return near - start + found + 1 if found >= 0 else 0
