"""The answers that a run tried and how they were rewarded: the latest at hand, the earlier ones from its log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from trainer_image.contract import Completion, Event, Hello, UnknownLine, read_event

KEPT = 512
CHUNK = 1024 * 1024


class Completions:
    """The latest completions of one run."""

    def __init__(self, kept: int = KEPT) -> None:
        self._latest: deque[Completion] = deque(maxlen=kept)
        self.total = 0
        """How many were ever tried, those included that a resume has undone."""

    def add(self, events: Iterable[Event | UnknownLine]) -> bool:
        """Take in events; return whether anything changed."""
        changed = False
        for event in events:
            match event:
                case Completion():
                    self._latest.append(event)
                    self.total += 1
                case Hello() if self._latest:
                    kept = [known for known in self._latest if known.step <= (event.resumed_from or 0)]
                    self._latest = deque(kept, self._latest.maxlen)
                case _:
                    continue
            changed = True
        return changed

    def __len__(self) -> int:
        return len(self._latest)

    def all(self) -> list[Completion]:
        """Return the latest completions, oldest first."""
        return list(self._latest)

    def reward_names(self) -> tuple[str, ...]:
        """Return the rewards that the latest completions were given, in the order first heard of."""
        return tuple(dict.fromkeys(name for known in self._latest for name in known.rewards))


class EarlierCompletions:
    """Reads the completions in a log from its end backwards, a chunk at a time; what a resume undid is left out."""

    def __init__(self, events_file: Path) -> None:
        self._file = events_file
        self._start: int | None = None
        """Everything from this byte on has been read; None before the first chunk."""
        self._rest = b""
        """The end of a line that began in an earlier chunk."""
        self._found: deque[Completion] = deque()
        self._undone_after: int | None = None

    def read(self, count: int) -> list[Completion]:
        """Return up to ``count`` more, newest first; none at the beginning of the run."""
        while len(self._found) < count and self._read_chunk():
            pass
        return [self._found.popleft() for _ in range(min(count, len(self._found)))]

    def _read_chunk(self) -> bool:
        """Take in the chunk before the one read last; return False where there is none."""
        if self._start == 0:
            return False
        try:
            with self._file.open("rb") as file:
                end = file.seek(0, 2) if self._start is None else self._start
                start = max(0, end - CHUNK)
                file.seek(start)
                data = file.read(end - start)
        except FileNotFoundError:
            return False
        is_newest = self._start is None
        self._start = start
        lines = (data + self._rest).split(b"\n")
        if is_newest:
            lines.pop()  # empty, or half a line that is still being written
        self._rest = lines.pop(0) if start > 0 and lines else b""
        for line in reversed(lines):
            self._take(line)
        return True

    def _take(self, line: bytes) -> None:
        if b'"completion"' not in line and b'"hello"' not in line:
            return
        match read_event(line):
            case Hello(resumed_from=resumed_from):
                limit = resumed_from or 0
                self._undone_after = limit if self._undone_after is None else min(limit, self._undone_after)
            case Completion() as known if self._undone_after is None or known.step <= self._undone_after:
                self._found.append(known)
