"""Reads long runs off the GUI thread, and hands them over at the place up to which they have been read."""

from __future__ import annotations

from collections.abc import Callable

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import Live
from desktop.core import folders
from desktop.core.opening import read_whole
from desktop.core.progress import Progress, advance
from desktop.core.run import Run
from desktop.core.run_log import RunLog
from desktop.errors import AppError

Hear = Callable[[float], None]
Done = Callable[[], None]


class LongRuns:
    """One reading for each run; whoever asks for one that is being read already is told with the others."""

    def __init__(self, jobs: Jobs, notices: Notices, take: Callable[[str, Live, Progress], None]) -> None:
        self._jobs = jobs
        self._notices = notices
        self._take = take
        self._waiting: dict[str, list[tuple[Hear, Done]]] = {}

    def read(self, run: Run, heard: Hear, done: Done) -> None:
        """Read a run; ``heard`` gets the share that was read, and ``done`` is told at the end."""
        if run.id in self._waiting:
            self._waiting[run.id].append((heard, done))
            return
        waiting = self._waiting[run.id] = [(heard, done)]

        def tell(share: float) -> None:
            for hear, _ in list(waiting):
                hear(share)

        def read() -> tuple[Live, Progress]:
            live = Live(RunLog(run.files.events), folders.read_launch(run.files))
            events = read_whole(
                live.log, live.series, live.completions, lambda share: self._jobs.call_soon(lambda: tell(share))
            )
            return live, advance(Progress(), events)

        def end() -> None:
            del self._waiting[run.id]
            for _, tell_end in waiting:
                tell_end()

        def take(found: tuple[Live, Progress]) -> None:
            self._take(run.id, *found)
            end()

        def fail(error: AppError) -> None:
            self._notices.post_error(error)
            end()

        self._jobs.run("pool", read, take, fail)
