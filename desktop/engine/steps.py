"""How far a build or a pull has come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_S = 8.0
"""Speed is that of the last seconds: networks change their mind."""


@dataclass(frozen=True)
class Fetched:
    """What has come over the network; sizes in bytes."""

    done: int
    total: int | None
    """All that will be fetched, as far as anybody knows."""
    per_s: float | None

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes to fetch at this speed."""
        if self.total is None or not self.per_s:
            return None
        return max(0, self.total - self.done) / self.per_s

    @property
    def sentence(self) -> str:
        """Return the words for a person: amount, speed and what is left."""
        amount = _size(self.done) if self.total is None else f"{_size(self.done)} of {_size(self.total)}"
        speed = f" at {_size(self.per_s)}/s" if self.per_s else ""
        left = self.seconds_left
        return f"{amount}{speed}{'' if left is None else f', {_left(left)} left to fetch'}"


@dataclass(frozen=True)
class BuildStep:
    """Step ``number`` of ``total``, what it does, and how long the whole build has run."""

    number: int
    total: int
    text: str
    seconds: float
    size_bytes: int | None = None
    """Bytes on disk so far, where the builder can tell."""
    fetched: Fetched | None = None

    @property
    def sentence(self) -> str:
        step = f"step {self.number} of {self.total}: {self.text}"
        return f"{step} · {self.fetched.sentence}" if self.fetched is not None else step


@dataclass
class Fetching:
    """Adds up what several downloads have brought, and how fast."""

    total: int | None = None
    clock: Callable[[], float] = time.monotonic
    _parts: dict[str, int] = field(default_factory=dict)
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, part: str, done: int) -> None:
        """Take in how many bytes of one download are there."""
        self._parts[part] = max(done, self._parts.get(part, 0))
        now, done_in_all = self.clock(), sum(self._parts.values())
        if not self._seen:
            self._seen.append((now, done_in_all - done))
        self._seen.append((now, done_in_all))
        while self._seen[-1][0] - self._seen[0][0] > WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()

    def now(self) -> Fetched | None:
        """Return what is there so far; None before the first byte."""
        if not self._parts:
            return None
        done = sum(self._parts.values())
        (began, before), (last, _) = self._seen[0], self._seen[-1]
        per_s = (done - before) / (last - began) if last - began > 0.2 else None
        # More may come than was expected, and nobody is helped by 5.1 of 5.0 GB.
        return Fetched(done, max(done, self.total) if self.total is not None else None, per_s)


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _left(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
