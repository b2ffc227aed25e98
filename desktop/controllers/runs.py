"""Every run: started, found again, followed, asked to pause or end, and read back from its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.catalogue import Catalogue
from desktop.controllers.chain import Chain
from desktop.controllers.following import Following
from desktop.controllers.jobs import Jobs
from desktop.controllers.launching import Launching
from desktop.controllers.notices import Notices
from desktop.controllers.queue import Queue
from desktop.controllers.recovery import Recovery
from desktop.controllers.run_book import RunBook
from desktop.controllers.setup import Setup
from desktop.controllers.standing import claim_standing, new_id
from desktop.core import chain, folders, inputs
from desktop.core.completions import Completions, EarlierCompletions
from desktop.core.curves import is_long
from desktop.core.dataset_choice import ref_of, resolved_at_once
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import DatasetVersion
from desktop.core.run import Failure, Run, RunState
from desktop.core.samples import Samples
from desktop.core.series import Series
from desktop.core.store import Store
from desktop.engine.launch import Machine, plan_training
from desktop.engine.verbs import Engine
from desktop.errors import ConfigError
from desktop.paths import Home
from trainer_image.contract import (
    CHAINS,
    CheckpointRequest,
    DatasetRef,
    Event,
    PauseRequest,
    Request,
    RunConfig,
    RunFolder,
    StopRequest,
    UnknownLine,
)
from trainer_image.contract.standby import leave_standby

DOUBLE_CLICK_S = 2.0
"""Within so many seconds the same start is a second click."""


class Runs(QObject):
    """The runs of one home, newest first."""

    run_added = Signal(str)
    run_changed = Signal(str)
    run_removed = Signal(str)
    advanced = Signal(str, list)
    """Run id and its new events, in order."""
    looked = Signal()
    """Every engine that has a live run has been asked, or did not answer."""

    def __init__(
        self,
        home: Home,
        store: Store,
        engines: Mapping[EngineName, Engine],
        machine: Machine,
        setup: Setup,
        jobs: Jobs,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._home = home
        self._store = store
        self._engines = engines
        self._machine = machine
        self._setup = setup
        self._jobs = jobs
        # None of them has a parent: the last job may come back when this object is gone, and needs them still.
        self._book = RunBook(store)
        self._following = Following(self._book, store, engines, jobs, notices)
        self.ends = self._following.ends
        self._catalogue = Catalogue(self._book, store, self._following, notices)
        self._launching = Launching(self._book, self._following, engines, machine, setup, jobs)
        self._chain = Chain(self._book, store, self._following)
        parts = (self._book, store, self._following, self._launching)
        self.queue = Queue(*parts, self._chain, notices, machine.gpu_indices)
        self._recovery = Recovery(*parts, notices)
        self._latest: tuple[object, float, str] | None = None
        """What was started last, when, and the run that it became."""
        self._book.run_added.connect(self.run_added)
        self._book.run_changed.connect(self.run_changed)
        self._book.run_removed.connect(self.run_removed)
        self._book.advanced.connect(self.advanced)
        self._following.about_to_look.connect(self._catalogue.take_in)
        self._following.about_to_look.connect(self.ends.look_elsewhere)
        self._following.looked.connect(self.looked)

    # What there is

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return self._book.all()

    def get(self, run_id: str) -> Run | None:
        return self._book.runs.get(run_id)

    def followers(self, run_id: str) -> list[Run]:
        """Return the runs that start after this one, oldest first."""
        return self._book.followers(run_id)

    def find(self, word: str) -> Run:
        """Return the run whose id or name is ``word``, or whose id begins or ends with it; ``last`` is the newest."""
        runs = self.all() if word.strip() else []  # every id begins with nothing at all
        if word == "last" and runs:
            return runs[0]
        for matches in (
            [run for run in runs if word in (run.id, run.name)],
            [run for run in runs if run.id.startswith(word) or run.id.endswith(word)],
        ):
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise ConfigError(
                    f"{len(matches)} runs are called {word}.",
                    "Name one by its id: " + ", ".join(r.id for r in matches),
                )
        raise ConfigError(f"There is no run called {word}.", "`tunedeck runs list` shows them.")

    def series(self, run_id: str) -> Series:
        """Return the curves of a run; they grow with ``advanced``."""
        return self._following.open(self._book.runs[run_id]).series

    def can_open_at_once(self, run_id: str) -> bool:
        """Say whether a run is open, or so short that opening it holds nothing up."""
        return self._following.is_open(run_id) or not is_long(self._book.runs[run_id].files.events)

    def open_aside(self, run_id: str, heard: Callable[[float], None], done: Callable[[], None]) -> None:
        """Read a long run off this thread; ``heard`` gets the share that was read, and ``done`` is told at the end."""
        self._following.open_aside(run_id, heard, done)

    def completions(self, run_id: str) -> Completions:
        """Return the latest completions of a run; they grow with ``advanced``."""
        return self._following.open(self._book.runs[run_id]).completions

    def samples(self, run_id: str) -> Samples:
        """Return what a run answered to its sample prompts; it grows with ``advanced``."""
        return self._following.open(self._book.runs[run_id]).samples

    def earlier_completions(self, run_id: str) -> EarlierCompletions:
        """Return a reader of every completion of a run, from its end backwards."""
        return EarlierCompletions(self._book.runs[run_id].files.events)

    def is_cleared_away(self, run_id: str) -> bool:
        """Say whether nothing is left of the run's container or process."""
        return run_id not in self._following.leftovers

    def goes_on_by_itself(self, run_id: str) -> bool:
        """Say whether a run is at work, waits, or is about to be started again by this app."""
        run = self._book.runs[run_id]
        return run.state.can_cancel or self._recovery.will_restart(run)

    def events(self, run_id: str) -> list[Event | UnknownLine]:
        """Return every event of a run from its folder."""
        return folders.read_events(self._book.runs[run_id].files)

    # From the disk

    def load(self, *, aside: bool = False) -> None:
        """Take in the catalogue and folders that it has lost, and begin to follow what may still live.

        With ``aside`` long runs are read by another thread, so that a window goes on meanwhile.
        """
        self._following.reads_aside = aside
        self._catalogue.take_in()
        self.found_in_folders = self._catalogue.take_in_folders(self._home.runs)
        self._following.begin()

    def close(self) -> None:
        """Keep what was read of long runs, so that they open at once the next time."""
        self._following.close()

    def start_only(self, run_ids: Iterable[str]) -> None:
        """Of the runs that wait, let this app start none but these: it may not be there for long."""
        self.queue.starts_only = frozenset(run_ids)
        self._recovery.starts_only = self.queue.starts_only

    def rebuild(self) -> int:
        """Read every run folder back into the catalogue; return how many were missing there."""
        found = self._catalogue.rebuild(self._home.runs)
        self._catalogue.read_what_is_unread()
        return found

    def refresh(self, run_id: str) -> Run:
        """Read what is new in the folder of a run now, and return it."""
        self._following.open(self._book.runs[run_id])
        self._following.poll(run_id)
        return self._book.runs[run_id]

    # What the user wants

    def start(
        self,
        config: RunConfig,
        *,
        name: str = "",
        engine: EngineName = "docker",
        dataset: DatasetVersion | None = None,
        not_before: datetime | None = None,
        at_once: bool = False,
        standing: bool = True,
    ) -> str:
        """Start a run and return its id; raises ConfigError where it could not work.

        It waits in the queue while others use its cards or until ``not_before``, unless it has to start ``at_once``.
        The same again within a moment is a second click, and gives the first one's id. A trainer that stands ready
        for such a run is taken, unless not ``standing``.

        ``dataset`` is what Datasets.prepare has found; without it the name of a dataset is looked up here, and one
        whose file looks changed is refused. RLHF is two runs: the first is started and returned, the second waits.
        """
        asked = (config, name, engine, not_before)
        if (known := self._just_started(asked)) is not None:
            return known
        if dataset is None:
            config, dataset = resolved_at_once(DatasetRegistry(self._store), config)
        inputs.check_inputs(config)
        if not (name := name.strip()):
            usual = folders.name_for(config, dataset.dataset if dataset else "")
            name = folders.free_name(usual, [run.name for run in self._book.runs.values()])
        ref = ref_of(dataset) if dataset else None
        claimed = None
        if standing and not not_before and (at_once or not self.queue.would_wait_for(config, engine)):
            offline = self._setup.is_offline()
            claimed = claim_standing(self._home.runs, self._machine, config, engine, offline=offline)
        run_id = claimed or new_id()
        if config.method in CHAINS:
            reward, policy = chain.expand(config, RunFolder(self._home.runs / run_id).adapter)
            first, second = chain.names(name)
            plan_training(policy, "check", self._home.runs, self._machine)
            self._make(run_id, reward, first, engine, ref=ref, not_before=not_before)
            self._make(new_id(), policy, second, engine, after=run_id, ref=ref)
        else:
            self._make(run_id, config, name, engine, ref=ref, not_before=not_before, is_claimed=claimed is not None)
        self._latest = (asked, time.monotonic(), run_id)
        if at_once:
            self.queue.start_now(run_id)
        else:
            self.queue.enter(run_id)
        if self._book.runs[run_id].state is RunState.WAITING:
            leave_standby(self._book.runs[run_id].files)
        return run_id

    def _just_started(self, asked: object) -> str | None:
        """Return the run that this very wish has become a moment ago."""
        if self._latest is None or self._latest[0] != asked or time.monotonic() - self._latest[1] > DOUBLE_CLICK_S:
            return None
        run = self._book.runs.get(self._latest[2])
        # A trainer that stood ready greets before a second click is over.
        return run.id if run is not None and run.state.can_cancel else None

    def _make(
        self,
        run_id: str,
        config: RunConfig,
        name: str,
        engine: EngineName,
        after: str | None = None,
        ref: DatasetRef | None = None,
        not_before: datetime | None = None,
        *,
        is_claimed: bool = False,
    ) -> None:
        """Write the folder of a new run, and take it in; it waits, so that no start is lost with the app."""
        spec_is_possible = plan_training(config, "check", self._home.runs, self._machine)
        now = datetime.now(UTC)
        run = Run(
            id=run_id,
            name=name,
            engine=engine,
            folder=self._home.runs / run_id,
            config=config,
            created=now,
            state=RunState.WAITING,
            total_steps=config.max_steps,
            after=after,
            position=None if after else self.queue.next_position(),
            not_before=not_before,
        )
        folders.write_run(run, gpus=spec_is_possible.gpus, dataset=ref, is_claimed=is_claimed)
        self._book.add(run)
        self._book.place(run_id, run.position, not_before)
        self._following.open(run)
        if after:
            self._chain.wait(run_id)

    def resume(self, run_id: str) -> None:
        """Go on from the last complete checkpoint, or from the beginning where there is none.

        A run that never started, because the one before it did not finish, waits for that one again.
        """
        run = self.refresh(run_id)
        if run.state.can_cancel:
            return
        if not run.state.can_resume:
            raise ConfigError(f"{run.name} is {run.state}: there is nothing to resume.", "Start a new run instead.")
        before = self._book.runs.get(run.after or "")
        if before is not None and before.state is not RunState.FINISHED:
            self._wait_again(run, before)
            return
        if not run.folder.is_dir():
            raise ConfigError(f"The folder of {run.name} is not at {run.folder}.", "Put it back to resume the run.")
        inputs.check_inputs(run.config)
        self.queue.add_again(run_id)

    def _wait_again(self, run: Run, before: Run) -> None:
        why_not = chain.next_move(run, before)
        if isinstance(why_not, Failure):
            raise ConfigError(why_not.sentence, why_not.hint)
        live = self._following.open(run)
        live.launch = folders.write_launch(run, tuple(live.launch.gpus))
        self._chain.wait(run.id)

    def pause(self, run_id: str) -> None:
        """Ask the trainer to save at the next step boundary and end, to go on later."""
        self._ask(run_id, PauseRequest())

    def checkpoint(self, run_id: str) -> None:
        """Ask the trainer to save at the next step boundary and go on; ConfigError where it saves nothing."""
        run = self._book.runs[run_id]
        if run.config.find_learning_rate:
            raise ConfigError(
                f"{run.name} looks for a learning rate: it saves no checkpoints.", "Let it come to its end."
            )
        self._ask(run_id, CheckpointRequest())

    def cancel(self, run_id: str) -> None:
        """Ask the trainer to save and end for good; asked a second time, it is killed. What waits ends at once."""
        if self._book.runs[run_id].state is RunState.WAITING:
            if self.queue.take_out(run_id):
                return
            self._catalogue.take_in()  # another app has just started it
        run = self._book.runs[run_id]
        if not run.state.is_live:
            return
        live = self._book.live.get(run_id)
        launch = live.launch if live is not None else folders.read_launch(run.files)
        if (live is None or not live.starting) and folders.stop_was_asked(run.files, launch):
            self._following.signal(run, "kill")
        self._ask(run_id, StopRequest())

    def rename(self, run_id: str, name: str) -> None:
        if name.strip():
            self._book.change(run_id, name=name.strip())
            folders.write_name(self._book.runs[run_id])

    def delete(self, run_id: str) -> None:
        """Delete a run that has ended, with its folder."""
        run = self._book.runs[run_id]
        if run.state.can_cancel:
            raise ConfigError(f"{run.name} is {run.state}.", "Cancel it first.")
        for follower in self._book.followers(run_id):
            if follower.state.can_cancel:
                raise ConfigError(f"{follower.name} needs what {run.name} made.", "Cancel that one first.")
        engine = self._engines[run.engine]

        def clear() -> None:
            engine.signal(run_id, "kill")  # a trainer that stood ready for it, and was never told to go
            engine.remove(run_id)

        self._jobs.run("engine", clear, failed=lambda _: None)
        shutil.rmtree(run.folder, ignore_errors=True)
        self._book.remove(run_id)

    def _ask(self, run_id: str, request: Request) -> None:
        run = self._book.runs[run_id]
        if not run.state.is_live:
            return
        if not run.folder.is_dir():
            hint = "Put it back, then ask again; its trainer goes on meanwhile."
            raise ConfigError(f"The folder of {run.name} is not at {run.folder}.", hint)
        folders.append_request(run.files, request)
        self._following.has_asked(run_id, to_end=not isinstance(request, CheckpointRequest))
