"""Reads long runs off the GUI thread, and hands them over at the place up to which they have been read."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import Live
from desktop.core import folders
from desktop.core.opening import read_whole
from desktop.core.progress import Progress, advance
from desktop.core.run import Run
from desktop.core.run_log import RunLog
from desktop.errors import AppError, StoreError

Hear = Callable[[float], None]
Done = Callable[[], None]
KEEP_AFTER_MS = 1000
"""What was read is kept on the disk when its curves have been drawn: until then every core is needed for them."""


class LongRuns:
    """One reading for each run; whoever asks for one that is being read already is told with the others."""

    def __init__(self, jobs: Jobs, notices: Notices, take: Callable[[str, Live, Progress], None]) -> None:
        self._jobs = jobs
        self._notices = notices
        self._take = take
        self._waiting: dict[str, list[tuple[Hear, Done]]] = {}
        self._unread: dict[str, list[tuple[Hear, Done]]] = {}
        """Who waits for runs that could not be read: to be told of an end, they would ask again, without end."""
        self._to_keep: list[Callable[[], None]] = []
        """What has been read and is not on the disk yet."""

    @property
    def unread(self) -> list[str]:
        """The runs that could not be read when that was tried last."""
        return list(self._unread)

    def forget(self, run_id: str) -> None:
        """Do not read a run again that could not be read."""
        self._unread.pop(run_id, None)

    def close(self) -> None:
        """Keep at once what was to be kept in a moment."""
        while self._to_keep:
            self._to_keep.pop(0)()

    def _keep(self, work: Callable[[], None]) -> None:
        if work in self._to_keep:
            self._to_keep.remove(work)
            self._jobs.run("pool", work)

    def read_again(self, run: Run) -> None:
        """Try a run again that could not be read; who waits for it is told at the end."""
        if run.id not in self._waiting:
            self._begin(run, self._unread.get(run.id, []))

    def read(self, run: Run, heard: Hear, done: Done) -> None:
        """Read a run; ``heard`` gets the share that was read, and ``done`` is told at the end."""
        if run.id in self._waiting:
            self._waiting[run.id].append((heard, done))
            return
        self._begin(run, [*self._unread.get(run.id, []), (heard, done)])

    def _begin(self, run: Run, waiting: list[tuple[Hear, Done]]) -> None:
        is_known = self._unread.pop(run.id, None) is not None
        self._waiting[run.id] = waiting

        def tell(share: float) -> None:
            for hear, _ in list(waiting):
                hear(share)

        later: list[Callable[[], None]] = []

        def read() -> tuple[Live, Progress]:
            live = Live(RunLog(run.files.events), folders.read_launch(run.files))
            try:
                events = read_whole(
                    live.log,
                    live.series,
                    live.completions,
                    lambda share: self._jobs.call_soon(lambda: tell(share)),
                    later.append,
                )
            except OSError as error:
                sentence = f"The events of {run.name} cannot be read: {error.strerror}."
                raise StoreError(sentence, "This is tried again; look at the disk that holds them.") from error
            live.samples.add(events)
            return live, advance(Progress(), events)

        def end() -> None:
            del self._waiting[run.id]
            for _, tell_end in waiting:
                tell_end()

        def take(found: tuple[Live, Progress]) -> None:
            try:
                self._take(run.id, *found)
            finally:
                end()
            self._to_keep += later
            for work in later:
                QTimer.singleShot(KEEP_AFTER_MS, lambda work=work: self._keep(work))

        def fail(error: AppError) -> None:
            waiting = self._waiting.pop(run.id)
            if error.code != "crashed":  # a mistake of ours would be made again
                self._unread[run.id] = waiting
            if not is_known:
                self._notices.post_error(error, run.id)

        self._jobs.run("pool", read, take, fail)
