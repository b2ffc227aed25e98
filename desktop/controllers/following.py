"""Follows the live runs: reads what they say, asks the engines what is still there, and settles what that means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.body import GONE, Body, EngineName
from desktop.controllers.ends import Ends
from desktop.controllers.folder_sizes import FolderSizes
from desktop.controllers.jobs import Jobs
from desktop.controllers.long_runs import LongRuns
from desktop.controllers.moved_folders import MovedFolders
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import Live, RunBook
from desktop.core import curves, folders, opening
from desktop.core.progress import Progress
from desktop.core.run import DISK_FULL, Failure, Run, RunState, decide_state
from desktop.core.run_log import RunLog
from desktop.core.store import Store
from desktop.core.wishes import Wishes
from desktop.engine.verbs import Engine
from desktop.errors import StoreError
from trainer_image.contract import Checkpoint
from trainer_image.contract.standby import waiting_file

POLL_MS = 100
LOOK_MS = 1000
GRACE_S = 180.0
"""How long a trainer may take to come to its next step boundary and save, before it is told to go."""
GRACE_STEPS = 3
"""And never less than so many of its steps: some methods take minutes for one."""
KILL_AFTER_S = 60.0
"""How long after that it may still live."""
STARTED_ELSEWHERE = timedelta(seconds=60)
"""How long after a start by another app one look that finds no body says nothing: it may be older than the body."""
READ_AGAIN_S = 30.0
"""How often a long run is tried again that could not be read."""
MISSED = 3
"""So many looks in a row do, once nobody is busy with the start."""


class Following(QObject):
    """Keeps every live run in step with its folder and its body."""

    about_to_look = Signal()
    looked = Signal()
    """Every engine that has a live run has been asked, or did not answer."""
    ended = Signal(str)
    """A run has just ended, however it did."""

    def __init__(
        self,
        book: RunBook,
        store: Store,
        engines: Mapping[EngineName, Engine],
        jobs: Jobs,
        notices: Notices,
    ) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._engines = engines
        self._jobs = jobs
        self.ends = Ends(book, store, notices)
        self._looking: set[EngineName] = set()
        self.leftovers: dict[str, float] = {}
        """Runs that have ended by their own word, while their bodies may still take a moment to go, and since when."""
        self.silent: set[EngineName] = set()
        """Engines that did not answer when they were asked last."""
        self._folders = MovedFolders(book, jobs, notices, self.take_in)
        self._sizes = FolderSizes(book, jobs)
        self._reader = LongRuns(jobs, notices, self._take_up)
        self._read_again_at = 0.0
        self.reads_aside = False
        """Long runs are read by another thread, because this one has a window to keep going."""
        self.is_quiet = False
        """While old runs are read back: what they came to is no news."""
        self.polling = QTimer(self, interval=POLL_MS)
        self.polling.timeout.connect(self._poll_next)
        self._round: list[str] = []
        """The live runs that are still to be polled in this round."""
        self.looking = QTimer(self, interval=LOOK_MS)
        self.looking.timeout.connect(self.look_for_bodies)

    def begin(self) -> None:
        """Begin to follow what is in the book."""
        # An app that ended right after its run's last word could not clear the body away.
        ended = (run for run in self._book.runs.values() if not run.state.can_cancel)
        self.leftovers = {run.id: time.monotonic() for run in ended if not _is_kept(run)}
        self.polling.start()
        self.looking.start()
        self.look_for_bodies()

    def open(self, run: Run) -> Live:
        """Return what is kept of a run while it is open; the first time its folder is read."""
        live = self._book.live.get(run.id)
        if live is None:
            live = self._book.live[run.id] = Live(RunLog(run.files.events), folders.read_launch(run.files))
            self._book.runs[run.id] = replace(run, progress=Progress())
            self.poll(run.id)
            self.recall_failure(run.id)
            self._keep_earlier_work(run)
        return live

    def _keep_earlier_work(self, before: Run) -> None:
        """Let the catalogue know what a long run had worked before its latest start: the next app does not read it."""
        run = self._book.runs[before.id]
        if run.earlier_s != before.earlier_s and curves.is_long(run.files.events):
            self._store.save_run(run)

    def take_in(self, run: Run) -> None:
        """Begin to follow a run: at once, or where it is long and a window has to go on, when it has been read."""
        if self.reads_later(run):
            self.open_aside(run.id)
        else:
            self.open(run)

    def reads_later(self, run: Run) -> bool:
        """Say whether another thread reads a run."""
        return self.reads_aside and curves.is_long(run.files.events)

    def is_open(self, run_id: str) -> bool:
        """Say whether the folder of a run has been read."""
        return run_id in self._book.live

    def open_aside(
        self, run_id: str, heard: Callable[[float], None] = lambda _: None, done: Callable[[], None] = lambda: None
    ) -> None:
        """Read a long run off this thread; ``heard`` gets the share that was read, and ``done`` is told at the end."""
        self._reader.read(self._book.runs[run_id], heard, done)

    def close(self) -> None:
        """Keep what was read of long runs, so that they open at once the next time."""
        self._reader.close()

    def _take_up(self, run_id: str, live: Live, progress: Progress) -> None:
        """Follow a run from where another thread has read it to."""
        if run_id not in self._book.runs or run_id in self._book.live:
            return
        before = self._book.runs[run_id]
        live.launch = folders.read_launch(before.files)  # it may have been started anew meanwhile
        self._book.live[run_id] = live
        self._book.keep_progress(run_id, progress)
        self.poll(run_id)
        run = self._book.runs[run_id]
        if run.state.is_live:
            # It may have ended while nobody looked, and then nothing new comes.
            self.settle(run_id, run.body if run.body and run.body.state == "running" else None)
            if self._book.runs[run_id].asked in ("pause", "cancel"):
                live.asked_at = time.monotonic()
        self.recall_failure(run_id)
        self._keep_earlier_work(before)
        self._book.run_changed.emit(run_id)

    def _read_again(self) -> None:
        """Try the long runs again that could not be read: a disk comes back, and their trainers go on."""
        now = time.monotonic()
        if now < self._read_again_at:
            return
        self._read_again_at = now + READ_AGAIN_S
        for run_id in self._reader.unread:
            run = self._book.runs.get(run_id)
            if run is None:
                self._reader.forget(run_id)
            elif not run.is_away:
                self._reader.read_again(run)

    def recall_failure(self, run_id: str) -> None:
        """Say again why a run ended badly that did so before this app began; the catalogue keeps the state only."""
        run = self._book.runs[run_id]
        if run.failure is not None or not run.state.can_resume:
            return
        launched_after = self._book.live[run_id].launch.after_seq
        state, failure = decide_state(run.progress, GONE, launched_after=launched_after)
        if state is not run.state:
            without_a_word = Failure("crashed", "The trainer ended without a word.", "The end of its log says more.")
            known = {RunState.CANCELLED: None, RunState.PAUSED: DISK_FULL}
            failure = known.get(run.state, without_a_word)
        self._book.runs[run_id] = replace(run, failure=failure)

    # What the events say

    def _poll_next(self) -> None:
        """Poll one live run; each has its turn in every round, and between two of them the window has its own."""
        if not self._round:
            self._round = [run.id for run in self._book.runs.values() if run.state.is_live and self.is_open(run.id)]
            interval = max(1, POLL_MS // max(1, len(self._round)))
            if interval != self.polling.interval():
                self.polling.setInterval(interval)
        if self._round:
            run = self._book.runs.get(self._round.pop())
            if run is not None and run.state.is_live and self.is_open(run.id):
                self.poll(run.id)

    def poll(self, run_id: str) -> None:
        """Take in what is new in the events, settle what follows from it, and tell."""
        events = self._book.take_in(run_id)
        if not events:
            return
        run = self._book.runs[run_id]
        if run.state.is_live:
            self.settle(run_id, run.body if run.body and run.body.state == "running" else None)
            if any(isinstance(event, Checkpoint) for event in events):
                self._sizes.measure(run_id)
        self._book.advanced.emit(run_id, events)
        self._book.run_changed.emit(run_id)

    # What the engines say

    def look_for_bodies(self) -> None:
        """Ask each engine that has a live run what is still there."""
        self.about_to_look.emit()
        self._folders.look()
        self._read_again()
        runs = self._book.runs.values()
        wanted = {run.engine for run in runs if run.state.can_cancel or run.id in self.leftovers}
        for name in wanted - self._looking:
            self._look(name)
        if not self._looking:
            self.looked.emit()

    def _look(self, engine: EngineName) -> None:
        self._looking.add(engine)
        self._jobs.run(
            "engine",
            self._engines[engine].find,
            lambda bodies: self._take_bodies(engine, bodies),
            lambda _: self._could_not_look(engine),
        )

    def _could_not_look(self, engine: EngineName) -> None:
        """An engine that is gone is not asked every second for the sake of tidiness; the next start asks again."""
        self.leftovers = {
            run_id: since
            for run_id, since in self.leftovers.items()
            if run_id in self._book.runs and self._book.runs[run_id].engine != engine
        }
        self.silent.add(engine)
        self._has_looked(engine)

    def _has_looked(self, engine: EngineName) -> None:
        self._looking.discard(engine)
        if not self._looking:
            self.looked.emit()

    def _take_bodies(self, engine: EngineName, bodies: dict[str, Body]) -> None:
        self.silent.discard(engine)
        for run in list(self._book.runs.values()):
            if run.engine != engine or run.id not in self._book.live:
                continue
            body = bodies.get(run.id, GONE)
            if run.state.is_live:
                live = self._book.live[run.id]
                if waiting_file(run.files).exists() and not live.starting:
                    body = GONE  # it stands ready, and whoever was about to tell it to go is no more
                live.missed = live.missed + 1 if body.state == "gone" else 0
                # While we start a body, only that job knows what becomes of it.
                if not live.starting:
                    self.settle(run.id, body)
                self._hurry(run.id)
                continue
            if run.id in self.leftovers and body.state != "running":
                self._hear_the_launcher(run.id, body)
            if body.state == "exited" and not _is_kept(run):
                self._remove_body(run)
            elif body.state == "gone":
                self.leftovers.pop(run.id, None)
        self._has_looked(engine)

    def _hear_the_launcher(self, run_id: str, body: Body) -> None:
        """Take in what was said after the trainer's own last word: that it paused because its card went away."""
        if events := self._book.take_in(run_id):
            self.settle(run_id, body)
            self._book.advanced.emit(run_id, events)
            self._book.run_changed.emit(run_id)

    # What both mean

    def settle(self, run_id: str, body: Body | None) -> None:
        """Give the run the state that its events and its body say, and keep it when that ends it."""
        run, live = self._book.runs[run_id], self._book.live[run_id]
        if body is not None and body.state != "running" and not live.starting:
            self._drain(run_id)
            run = self._book.runs[run_id]
        wishes = _wishes(run, live)
        asked = wishes.poll(run.progress)
        state, failure = decide_state(
            run.progress,
            body,
            starting=live.starting or _may_be_starting_elsewhere(run, live),
            launched_after=live.launch.after_seq,
            stop_asked=wishes.has_stop,
        )
        asked = asked if state.is_live else ""
        if failure is not None and failure.code == "crashed" and body is not None:
            self._keep_output(run)
        if (state, failure, body, asked) == (run.state, run.failure, run.body, run.asked):
            return
        if failure is not None and failure.code == "out_of_memory" and body is not None and body.out_of_memory:
            # Only the engine knows, and it forgets with the container.
            with suppress(StoreError):
                folders.write_failure(run, failure.sentence, failure.hint, "out_of_memory")
        ended = run.ended or (None if state.is_live else datetime.now(UTC))
        has_ended = run.state.is_live and not state.is_live
        if has_ended and not self.is_quiet:
            self.ends.mark(run_id, state, failure)
        self._book.change(run_id, state=state, failure=failure, body=body or run.body, ended=ended, asked=asked)
        if has_ended:
            self._has_ended(run_id)

    def _drain(self, run_id: str) -> None:
        """Read the last words of a body that is no more, before anything is concluded from their absence."""
        if events := self._book.take_in(run_id):
            self._book.advanced.emit(run_id, events)

    def _keep_output(self, run: Run) -> None:
        """A body that died before its log began has said why to the engine."""
        engine = self._engines[run.engine]
        if not run.files.log.exists():

            def keep(output: str) -> None:
                if output.strip():
                    run.files.log.write_text(output)
                    self._book.run_changed.emit(run.id)

            self._jobs.run("engine", lambda: engine.output(run.id), keep, lambda _: None)

    def _has_ended(self, run_id: str) -> None:
        run = self._book.runs[run_id]
        live = self._book.live[run_id]
        live.asked_at, live.told_to_go = None, False
        self._store.save_run(run)
        events = run.files.events
        self._jobs.run("pool", lambda: opening.prepare(events))  # a long run opens at once from now on
        self._sizes.measure(run_id)
        if not _is_kept(run):
            self.leftovers[run_id] = time.monotonic()
            self._remove_body(run)
        if self.is_quiet:
            return
        self.ends.tell(run)
        self.ended.emit(run_id)

    def _remove_body(self, run: Run) -> None:
        """Clear a body away; one that still runs, as after its last word, is left until the next look."""
        engine = self._engines[run.engine]
        self._jobs.run("engine", lambda: engine.remove(run.id), failed=lambda _: None)

    # Trainers that take their time

    def _hurry(self, run_id: str) -> None:
        """Tell a trainer to go that has not come to a step boundary in all the time it was given."""
        run, live = self._book.runs[run_id], self._book.live[run_id]
        if live.asked_at is None or not run.state.is_live:
            return
        waited = time.monotonic() - live.asked_at
        grace = max(GRACE_S, GRACE_STEPS * (run.progress.pace_s or 0))
        if any(phase.name == "save" for phase in run.progress.open_phases):
            # A checkpoint on its way to a slow disk is what the pause is for.
            return
        if waited > grace and not live.told_to_go:
            live.told_to_go = True
            self.signal(run, "stop")
        elif waited > grace + KILL_AFTER_S:
            self.signal(run, "kill")

    def has_asked(self, run_id: str, *, to_end: bool) -> None:
        """Take note that something was asked of the trainer just now; to end, it has its time and no more."""
        live = self._book.live.get(run_id)
        if live is None:
            return  # whoever reads the run finds it among the requests
        if to_end:
            live.asked_at = live.asked_at or time.monotonic()
        run = self._book.runs[run_id]
        self._book.change(run_id, asked=_wishes(run, live).poll(run.progress))

    def signal(self, run: Run, how: Literal["stop", "kill"]) -> None:
        """Signal the body of a run."""
        engine = self._engines[run.engine]
        self._jobs.run("engine", lambda: engine.signal(run.id, how))


def _wishes(run: Run, live: Live) -> Wishes:
    """Return what follows the requests since the latest launch."""
    if live.wishes is None or live.wishes.launch is not live.launch:
        live.wishes = Wishes(run.files, live.launch)
    return live.wishes


def _is_kept(run: Run) -> bool:
    """Say whether what is left of a run's body is worth a look: it died without a word."""
    return run.failure is not None and run.failure.code == "crashed"


def _may_be_starting_elsewhere(run: Run, live: Live) -> bool:
    """Say whether another app of this home may be about to start the body that is not there yet."""
    has_spoken = run.progress.last_seq > live.launch.after_seq
    if has_spoken or live.was_started_here:
        return False
    if folders.is_being_started(run.files):
        live.missed = 0
        return True
    # A launch of the future is one from before the clock was set back.
    is_young = timedelta(0) <= datetime.now(UTC) - live.launch.started < STARTED_ELSEWHERE
    return is_young and live.missed < MISSED
