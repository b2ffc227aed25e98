"""Models on their way from the Hub: one at a time, each in a process that can be ended at once and goes on later."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.engine.hub_download import Fetched
from desktop.errors import AppError
from desktop.workers import Worker, WorkerLost

State = Literal["waiting", "running", "done", "failed", "stopped"]
WINDOW_S = 8.0
"""Speed is the mean over so long."""


@dataclass(frozen=True)
class Download:
    """One model and how far it is, in bytes."""

    id: str
    revision: str | None
    state: State
    done_bytes: int = 0
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    error: AppError | None = None

    @property
    def is_live(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def seconds_left(self) -> float | None:
        """Return how long it will take at this speed; None while nobody knows."""
        if self.total_bytes is None or not self.bytes_per_s:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.bytes_per_s


@dataclass
class Pace:
    """How fast something goes on, as the mean over the latest seconds."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def speed(self, done: int) -> float | None:
        """Return bytes a second, now that so many are done; None while nobody knows."""
        now = time.monotonic()
        self.seen.append((now, done))
        while now - self.seen[0][0] > WINDOW_S:
            self.seen.popleft()
        seconds = now - self.seen[0][0]
        return max(0.0, (done - self.seen[0][1]) / seconds) if seconds > 0.5 else None


@dataclass
class _Going:
    """What belongs to the download that is under way."""

    worker: Worker
    is_stopped: bool = False
    pace: Pace = field(default_factory=Pace)


class Downloads(QObject):
    """Starts, stops and takes up downloads; whoever shows them looks at ``all`` when ``changed`` comes."""

    changed = Signal(str)
    """The id of a model."""

    def __init__(
        self,
        jobs: Jobs,
        cache: Path,
        token: Callable[[], str | None],
        endpoint: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._cache = cache
        self._token = token
        self._endpoint = endpoint
        self._known: dict[str, Download] = {}
        self._going: _Going | None = None
        self._is_closed = False

    def all(self) -> list[Download]:
        """Return every download of this session, in the order in which they were asked for."""
        return list(self._known.values())

    def get(self, id: str) -> Download | None:
        return self._known.get(id)

    def start(self, id: str, revision: str | None = None) -> None:
        """Begin a download, or take one up where it was; one that is under way is left alone."""
        known = self._known.get(id)
        if known is not None and known.is_live:
            return
        self._set(Download(id, revision, "waiting"))
        self._begin_next()

    def stop(self, id: str) -> None:
        """Stop at once; what has come is kept, and a new start goes on from there."""
        known = self._known.get(id)
        if known is None or not known.is_live:
            return
        if known.state == "running" and self._going is not None:
            self._going.is_stopped = True
            self._going.worker.close()
        else:
            self._set(replace(known, state="stopped"))

    def stop_all(self) -> None:
        """Stop what is under way and what waits; what has come is kept."""
        # Those that wait go first: with the one under way stopped, the next of them would begin.
        for known in sorted(self._known.values(), key=lambda one: one.state == "running"):
            self.stop(known.id)

    def close(self) -> None:
        """End whatever is under way, for good."""
        self._is_closed = True
        if self._going is not None:
            self._going.is_stopped = True
            self._going.worker.close()

    def _begin_next(self) -> None:
        waiting = next((one for one in self._known.values() if one.state == "waiting"), None)
        if self._going is not None or waiting is None or self._is_closed:
            return
        going = self._going = _Going(Worker())
        self._set(replace(waiting, state="running"))
        self._jobs.run(
            "data",
            lambda: self._work(going, waiting),
            lambda _: self._end(going, waiting.id, None),
            lambda error: self._end(going, waiting.id, error),
        )

    def _work(self, going: _Going, wanted: Download) -> None:
        task = ("desktop.engine.hub_download:fetch", wanted.id, wanted.revision, self._cache)
        try:
            for said in going.worker.stream(*task, self._token(), self._endpoint):
                self._jobs.call_soon(partial(self._take, going, wanted.id, said))
        except ValueError as error:  # its pipe was closed while it was read
            raise WorkerLost from error
        finally:
            going.worker.close()

    def _take(self, going: _Going, id: str, said: Fetched) -> None:
        if going is self._going and not going.is_stopped:
            speed = going.pace.speed(said.done_bytes)
            known = replace(self._known[id], done_bytes=said.done_bytes, total_bytes=said.total_bytes)
            self._set(replace(known, bytes_per_s=speed))

    def _end(self, going: _Going, id: str, error: AppError | None) -> None:
        self._going = None
        known = self._known[id]
        if error is None:
            self._set(replace(known, state="done", done_bytes=known.total_bytes or known.done_bytes, error=None))
        elif going.is_stopped:
            self._set(replace(known, state="stopped", bytes_per_s=None))
        else:
            lost = isinstance(error, WorkerLost)
            said = AppError("The download has ended early.", "Start it again; it goes on where it was.", "download")
            self._set(replace(known, state="failed", bytes_per_s=None, error=said if lost else error))
        self._begin_next()

    def _set(self, download: Download) -> None:
        self._known[download.id] = download
        self.changed.emit(download.id)
