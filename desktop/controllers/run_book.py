"""The runs of one home as values, and what is kept of each while it is open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from PySide6.QtCore import QObject, Signal

from desktop.core import folders
from desktop.core.completions import Completions
from desktop.core.opening import open_run
from desktop.core.progress import Progress, advance, by_new_clock
from desktop.core.run import Run, with_progress
from desktop.core.run_log import RunLog
from desktop.core.samples import Samples
from desktop.core.series import Series
from desktop.core.store import Store
from desktop.core.wishes import Wishes
from trainer_image.contract import Clock, Event, Launch, UnknownLine


@dataclass
class Live:
    """What is kept of a run while it is open: where its events are read, and what was asked of it."""

    log: RunLog
    launch: Launch
    series: Series = field(default_factory=Series)
    completions: Completions = field(default_factory=Completions)
    samples: Samples = field(default_factory=Samples)
    starting: bool = False
    was_started_here: bool = False
    asked_at: float | None = None
    told_to_go: bool = False
    was_built: bool = False
    """The engine has been made ready anew since this start was asked for: a body from before that is of old code."""
    missed: int = 0
    """Looks in a row at which the engine knew of no body."""
    wishes: Wishes | None = None
    """What was asked since ``launch``."""
    start: folders.Start | None = None
    """Held while this app starts the body, so that others know that somebody does."""
    foreseen_s: float = 0.0
    """By how much the clock was set since the trainer spoke last, which may not know it yet."""


class RunBook(QObject):
    """Holds the runs, keeps the catalogue in step with them, and tells what has changed."""

    run_added = Signal(str)
    run_changed = Signal(str)
    run_removed = Signal(str)
    advanced = Signal(str, list)
    """Run id and its new events, in order."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.runs: dict[str, Run] = {}
        self.live: dict[str, Live] = {}
        self.clock = Clock()

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return sorted(self.runs.values(), key=lambda run: (run.created, run.id), reverse=True)

    def followers(self, run_id: str) -> list[Run]:
        """Return the runs that start after this one, oldest first."""
        return [run for run in reversed(self.all()) if run.after == run_id]

    def add(self, run: Run) -> None:
        """Take in a run that the catalogue does not have yet."""
        self._store.save_run(run)
        self.runs[run.id] = run
        self.run_added.emit(run.id)

    def remove(self, run_id: str) -> None:
        self._store.delete_run(run_id)
        self.runs.pop(run_id)
        self.live.pop(run_id, None)
        self.run_removed.emit(run_id)

    def change(self, run_id: str, **fields: object) -> None:
        """Give a run other values; the catalogue is told what it keeps of them."""
        saved = self.runs[run_id]
        run = replace(saved, **fields)  # type: ignore[arg-type]
        if run == saved:
            return
        self.runs[run_id] = run
        if (run.state, run.name, run.size_bytes) != (saved.state, saved.name, saved.size_bytes):
            self._store.save_run(run)
        self.run_changed.emit(run_id)

    def place(self, run_id: str, position: float | None, not_before: datetime | None = None) -> None:
        """Give a run its place in the queue, or take it out of it."""
        self._store.place(run_id, position, not_before)
        self.change(run_id, position=position, not_before=not_before)

    def take_in(self, run_id: str) -> list[Event | UnknownLine]:
        """Add what is new in the events to the run, and return it; the first time that is everything."""
        self._look_at_clock()
        live = self.live[run_id]
        events: list[Event | UnknownLine] = []
        if not live.log.offset:
            events = open_run(live.log, live.series, live.completions)
        while new := live.log.poll():
            live.series.add(new)
            live.completions.add(new)
            events += new
        if events:
            live.samples.add(events)
            before = self.runs[run_id].progress
            # Now the trainer says itself whether the clock was set.
            before = by_new_clock(before, -live.foreseen_s) if live.foreseen_s else before
            live.foreseen_s = 0.0
            self.keep_progress(run_id, advance(before, events))
        return events

    def _look_at_clock(self) -> None:
        """Where the clock was set, let nothing seem longer that goes on without a word, such as a model that loads."""
        if not (by := self.clock.set_by()):
            return
        for run_id, live in self.live.items():
            if run_id in self.runs and self.runs[run_id].state.is_live:
                live.foreseen_s += by
                self.keep_progress(run_id, by_new_clock(self.runs[run_id].progress, by))

    def keep_progress(self, run_id: str, progress: Progress) -> None:
        """Let a run be as far as its events say."""
        was_set = progress.clock_set_s or self.runs[run_id].progress.clock_set_s
        run = with_progress(self.runs[run_id], progress)
        if was_set:
            # It has lasted no hour more because somebody set the clock an hour forward.
            started = self.live[run_id].launch.started + timedelta(seconds=progress.clock_set_s)
            run = replace(run, started=started)
        self.runs[run_id] = run
