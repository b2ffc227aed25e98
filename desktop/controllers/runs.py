"""Every run: started, found again, followed, asked to pause or end, and read back from its folder."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.body import GONE, Body, EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.setup import Setup
from desktop.core import folders
from desktop.core.run import (
    Failure,
    Progress,
    Run,
    RunState,
    advance,
    decide_state,
    with_progress,
)
from desktop.core.run_log import RunLog
from desktop.core.series import Series
from desktop.core.store import RunRecord, Store, read_values
from desktop.engine.launch import Machine, plan_training
from desktop.engine.steps import BuildStep
from desktop.engine.verbs import Engine
from desktop.errors import AppError, ConfigError
from desktop.paths import Home
from trainer_image.contract import (
    CheckpointRequest,
    Event,
    Launch,
    PauseRequest,
    Request,
    RunConfig,
    StopRequest,
    UnknownLine,
)

POLL_MS = 100
LOOK_MS = 1000
GRACE_S = 180.0
"""How long a trainer may take to come to its next step boundary and save, before it is told to go."""
KILL_AFTER_S = 60.0
"""How long after that it may still live."""
STARTED_ELSEWHERE = timedelta(seconds=60)
"""How long after a start by another app its body may still be on its way."""


@dataclass
class _Live:
    """What is kept of a run while it is open: where its events are read, and what was asked of it."""

    log: RunLog
    series: Series
    launch: Launch
    starting: bool = False
    was_started_here: bool = False
    asked_at: float | None = None
    told_to_go: bool = False


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
        self._notices = notices
        self._runs: dict[str, Run] = {}
        self._live: dict[str, _Live] = {}
        self._looking: set[EngineName] = set()
        self._unreadable: set[str] = set()
        self._leftovers: set[str] = set()
        """Runs that have ended by their own word, while their bodies may still take a moment to go."""
        self._polling = QTimer(self, interval=POLL_MS)
        self._polling.timeout.connect(self._poll_all)
        self._looking_timer = QTimer(self, interval=LOOK_MS)
        self._looking_timer.timeout.connect(self._look_for_bodies)
        setup.progressed.connect(self._show_preparing)

    # What there is

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return sorted(self._runs.values(), key=lambda run: (run.created, run.id), reverse=True)

    def get(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

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
        return self._open(self._runs[run_id]).series

    def is_cleared_away(self, run_id: str) -> bool:
        """Say whether nothing is left of the run's container or process."""
        return run_id not in self._leftovers

    def events(self, run_id: str) -> list[Event | UnknownLine]:
        """Return every event of a run from its folder."""
        return folders.read_events(self._runs[run_id].files)

    # From the disk

    def load(self) -> None:
        """Take in the catalogue, read the folders of what may still live, and begin to follow."""
        self._take_records()
        # An app that ended right after its run's last word could not clear the body away.
        self._leftovers = {run.id for run in self._runs.values() if not run.state.is_live and not _is_kept(run)}
        self._polling.start()
        self._looking_timer.start()
        self._look_for_bodies()

    def _take_records(self) -> None:
        """Take in the runs that the catalogue has and this app does not: its own at the start, then another app's."""
        for record in self._store.run_records():
            known = self._runs.get(record.id)
            if known is not None and record.state.is_live and not known.state.is_live and known.folder.is_dir():
                self._take_up_again(known, record)
            if known is not None or record.id in self._unreadable:
                continue
            try:
                run = _run_of_record(record)
            except AppError as error:
                self._unreadable.add(record.id)
                self._notices.post("warning", f"The run {record.name} cannot be shown: {error.sentence}", error.hint)
                continue
            self._runs[run.id] = run
            if run.folder.is_dir():
                self._open(run)
            self.run_added.emit(run.id)

    def _take_up_again(self, run: Run, record: RunRecord) -> None:
        """Follow a run again that another app has resumed since it ended here."""
        live = self._open(run)
        live.launch, live.was_started_here = folders.read_launch(run.files), False
        self._change(run.id, state=record.state, failure=None, ended=None, started=record.started, body=None)

    def rebuild(self) -> int:
        """Read every run folder back into the catalogue; return how many were missing there."""
        found = 0
        for folder in sorted(self._home.runs.iterdir()):
            if folder.name in self._runs or not folder.is_dir():
                continue
            run = folders.read_run(folder)
            if run is None:
                continue
            found += 1
            self._runs[run.id] = run
            self._open(run)
            self._store.save_run(self._runs[run.id])
            self.run_added.emit(run.id)
        return found

    def refresh(self, run_id: str) -> Run:
        """Read what is new in the folder of a run now, and return it."""
        self._open(self._runs[run_id])
        self._poll(run_id)
        return self._runs[run_id]

    # What the user wants

    def start(self, config: RunConfig, *, name: str = "", engine: EngineName = "docker") -> str:
        """Start a run and return its id; raises ConfigError where it could not work."""
        folders.check_inputs(config)
        spec_is_possible = plan_training(config, "check", self._home.runs, self._machine)
        now = datetime.now(UTC)
        run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        folder = self._home.runs / run_id
        run = Run(
            id=run_id,
            name=name.strip() or folders.name_for(config),
            engine=engine,
            folder=folder,
            config=config,
            created=now,
            started=now,
            state=RunState.STARTING,
            total_steps=config.max_steps,
        )
        folders.write_run(run, gpus=spec_is_possible.gpus)
        self._store.save_run(run)
        self._runs[run_id] = run
        self.run_added.emit(run_id)
        self._launch(run_id)
        return run_id

    def resume(self, run_id: str) -> None:
        """Go on from the last complete checkpoint, or from the beginning where there is none."""
        run = self.refresh(run_id)
        if run.state.is_live:
            return
        if not run.state.can_resume:
            raise ConfigError(f"{run.name} is {run.state}: there is nothing to resume.", "Start a new run instead.")
        folders.check_inputs(run.config)
        self._launch(run_id)

    def pause(self, run_id: str) -> None:
        """Ask the trainer to save at the next step boundary and end, to go on later."""
        self._ask(run_id, PauseRequest())

    def checkpoint(self, run_id: str) -> None:
        """Ask the trainer to save at the next step boundary and go on."""
        self._ask(run_id, CheckpointRequest())

    def cancel(self, run_id: str) -> None:
        """Ask the trainer to save and end for good; asked a second time, it is killed."""
        run = self._runs[run_id]
        if not run.state.is_live:
            return
        live = self._open(run)
        if not live.starting and folders.stop_was_asked(run.files, live.launch):
            self._signal(run, "kill")
        self._ask(run_id, StopRequest())

    def rename(self, run_id: str, name: str) -> None:
        if name.strip():
            self._change(run_id, name=name.strip())
            folders.write_name(self._runs[run_id])

    def delete(self, run_id: str) -> None:
        """Delete a run that has ended, with its folder."""
        run = self._runs[run_id]
        if run.state.is_live:
            raise ConfigError(f"{run.name} is {run.state}.", "Cancel it first.")
        engine = self._engines[run.engine]
        self._jobs.run("engine", lambda: engine.remove(run_id), failed=lambda _: None)
        shutil.rmtree(run.folder, ignore_errors=True)
        self._store.delete_run(run_id)
        self._runs.pop(run_id)
        self._live.pop(run_id, None)
        self.run_removed.emit(run_id)

    # Launching

    def _launch(self, run_id: str) -> None:
        run = self._runs[run_id]
        live = self._open(run)
        self._poll(run_id)
        gpus = self._machine.gpu_indices if run.config.gpus is None else run.config.gpus
        live.launch = folders.write_launch(self._runs[run_id], gpus)
        live.starting, live.was_started_here, live.asked_at, live.told_to_go = True, True, None, False
        self._leftovers.discard(run_id)
        self._change(run_id, state=RunState.STARTING, failure=None, ended=None, started=live.launch.started, body=None)
        self._setup.ensure(
            run.engine, lambda: self._start_body(run_id), lambda error: self._could_not_start(run_id, error)
        )

    def _start_body(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        if self._live[run_id].asked_at is not None:  # cancelled while the image was built
            self._live[run_id].starting = False
            self._settle(run_id, GONE)
            return
        try:
            spec = plan_training(run.config, run_id, run.folder, self._machine)
        except AppError as error:
            self._could_not_start(run_id, error)
            return
        engine = self._engines[run.engine]

        def start() -> str:
            engine.remove(run_id)
            return engine.start(spec)

        self._change(run_id, preparing="")
        self._jobs.run(
            "engine",
            start,
            lambda handle: self._has_started(run_id, handle),
            lambda error: self._could_not_start(run_id, error),
        )

    def _has_started(self, run_id: str, handle: str) -> None:
        if run_id in self._live:
            self._live[run_id].starting = False
            self._change(run_id, body=Body("running", handle=handle))

    def _could_not_start(self, run_id: str, error: AppError) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        self._live[run_id].starting = False
        folders.write_failure(run, error.sentence, error.hint)
        self._change(run_id, preparing="")
        self._poll(run_id)
        self._settle(run_id, GONE)

    def _show_preparing(self, engine: EngineName, step: BuildStep) -> None:
        for run in self.all():
            if run.engine == engine and run.state is RunState.STARTING and run.body is None:
                self._change(run.id, preparing=step.sentence)

    # Following

    def _open(self, run: Run) -> _Live:
        live = self._live.get(run.id)
        if live is None:
            live = _Live(RunLog(run.files.events), Series(), folders.read_launch(run.files))
            self._live[run.id] = live
            self._runs[run.id] = replace(run, progress=Progress())
            self._poll(run.id)
            self._recall_failure(run.id)
        return live

    def _recall_failure(self, run_id: str) -> None:
        """Say again why a run ended badly that did so before this app began; the catalogue keeps the state only."""
        run = self._runs[run_id]
        if run.failure is None and run.state in (RunState.FAILED, RunState.INTERRUPTED):
            state, failure = decide_state(run.progress, GONE, launched_after=self._live[run_id].launch.after_seq)
            if state is not run.state:
                failure = Failure("crashed", "The trainer ended without a word.", "The end of its log says more.")
            self._runs[run_id] = replace(run, failure=failure)

    def _poll_all(self) -> None:
        for run in list(self._runs.values()):
            if run.state.is_live:
                self._poll(run.id)

    def _poll(self, run_id: str) -> None:
        """Take in what is new in the events, settle what follows from it, and tell."""
        events = self._take_in(run_id)
        if not events:
            return
        run = self._runs[run_id]
        if run.state.is_live:
            self._settle(run_id, run.body if run.body and run.body.state == "running" else None)
        self.advanced.emit(run_id, events)
        self.run_changed.emit(run_id)

    def _take_in(self, run_id: str) -> list[Event | UnknownLine]:
        """Add what is new in the events to curves and progress, and return it; the first time that is everything."""
        live = self._live[run_id]
        events: list[Event | UnknownLine] = []
        while new := live.log.poll():
            events += new
        if events:
            live.series.add(events)
            run = self._runs[run_id]
            self._runs[run_id] = with_progress(run, advance(run.progress, events))
        return events

    def _look_for_bodies(self) -> None:
        """Ask each engine that has a live run what is still there."""
        self._take_records()
        wanted = {run.engine for run in self._runs.values() if run.state.is_live or run.id in self._leftovers}
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
        self._leftovers -= {run.id for run in self._runs.values() if run.engine == engine}
        self._has_looked(engine)

    def _has_looked(self, engine: EngineName) -> None:
        self._looking.discard(engine)
        if not self._looking:
            self.looked.emit()

    def _take_bodies(self, engine: EngineName, bodies: dict[str, Body]) -> None:
        for run in list(self._runs.values()):
            if run.engine != engine:
                continue
            body = bodies.get(run.id, GONE)
            if run.state.is_live:
                # While we start a body, only that job knows what becomes of it.
                if not self._live[run.id].starting:
                    self._settle(run.id, body)
                self._hurry(run.id)
            elif body.state == "exited" and not _is_kept(run):
                self._remove_body(run)
            elif body.state == "gone":
                self._leftovers.discard(run.id)
        self._has_looked(engine)

    def _settle(self, run_id: str, body: Body | None) -> None:
        """Give the run the state that its events and its body say, and keep it when that ends it."""
        run, live = self._runs[run_id], self._live[run_id]
        if body is not None and body.state != "running" and not live.starting:
            self._drain(run_id)
            run = self._runs[run_id]
        state, failure = decide_state(
            run.progress,
            body,
            starting=live.starting or _may_be_starting_elsewhere(run, live),
            launched_after=live.launch.after_seq,
            stop_asked=folders.stop_was_asked(run.files, live.launch),
        )
        if failure is not None and failure.code == "crashed" and body is not None:
            self._keep_output(run)
        if (state, failure, body) == (run.state, run.failure, run.body):
            return
        ended = run.ended or (None if state.is_live else datetime.now(UTC))
        self._change(run_id, state=state, failure=failure, body=body or run.body, ended=ended)
        if run.state.is_live and not state.is_live:
            self._has_ended(run_id)

    def _drain(self, run_id: str) -> None:
        """Read the last words of a body that is no more, before anything is concluded from their absence."""
        if events := self._take_in(run_id):
            self.advanced.emit(run_id, events)

    def _keep_output(self, run: Run) -> None:
        """A body that died before its log began has said why to the engine."""
        engine = self._engines[run.engine]
        if not run.files.log.exists():

            def keep(output: str) -> None:
                if output.strip():
                    run.files.log.write_text(output)
                    self.run_changed.emit(run.id)

            self._jobs.run("engine", lambda: engine.output(run.id), keep, lambda _: None)

    def _has_ended(self, run_id: str) -> None:
        run = self._runs[run_id]
        live = self._live[run_id]
        live.asked_at, live.told_to_go = None, False
        self._store.save_run(run)
        folder = run.folder
        self._jobs.run("pool", lambda: folders.size_of(folder), lambda size: self._take_size(run_id, size))
        if not _is_kept(run):
            self._leftovers.add(run_id)
            self._remove_body(run)
        if run.state is RunState.FINISHED:
            self._notices.post("info", f"{run.name} is finished.", "Talk to it in the chat.", run_id)
        elif run.failure is not None:
            self._notices.post("error", f"{run.name}: {run.failure.sentence}", run.failure.hint, run_id)

    def _remove_body(self, run: Run) -> None:
        """Clear a body away; one that still runs, as after its last word, is left until the next look."""
        engine = self._engines[run.engine]
        self._jobs.run("engine", lambda: engine.remove(run.id), failed=lambda _: None)

    def _take_size(self, run_id: str, size: int) -> None:
        if run_id in self._runs:
            self._change(run_id, size_bytes=size)

    # Asking

    def _ask(self, run_id: str, request: Request) -> None:
        run = self._runs[run_id]
        if not run.state.is_live:
            return
        folders.append_request(run.files, request)
        if not isinstance(request, CheckpointRequest):
            live = self._open(run)
            live.asked_at = live.asked_at or time.monotonic()

    def _hurry(self, run_id: str) -> None:
        """Tell a trainer to go that has not come to a step boundary in all the time it was given."""
        run, live = self._runs[run_id], self._live[run_id]
        if live.asked_at is None or not run.state.is_live:
            return
        waited = time.monotonic() - live.asked_at
        if waited > GRACE_S and not live.told_to_go:
            live.told_to_go = True
            self._signal(run, "stop")
        elif waited > GRACE_S + KILL_AFTER_S:
            self._signal(run, "kill")

    def _signal(self, run: Run, how: Literal["stop", "kill"]) -> None:
        engine = self._engines[run.engine]
        self._jobs.run("engine", lambda: engine.signal(run.id, how))

    def _change(self, run_id: str, **fields: object) -> None:
        run = replace(self._runs[run_id], **fields)  # type: ignore[arg-type]
        if run == self._runs[run_id]:
            return
        saved = self._runs[run_id]
        self._runs[run_id] = run
        if (run.state, run.name, run.size_bytes) != (saved.state, saved.name, saved.size_bytes):
            self._store.save_run(run)
        self.run_changed.emit(run_id)


def _is_kept(run: Run) -> bool:
    """Say whether what is left of a run's body is worth a look: it died without a word."""
    return run.failure is not None and run.failure.code == "crashed"


def _may_be_starting_elsewhere(run: Run, live: _Live) -> bool:
    """Say whether another app of this home may be about to start the body that is not there yet."""
    has_spoken = run.progress.last_seq > live.launch.after_seq
    is_young = datetime.now(UTC) - live.launch.started < STARTED_ELSEWHERE
    return is_young and not has_spoken and not live.was_started_here


def _run_of_record(record: RunRecord) -> Run:
    return Run(
        id=record.id,
        name=record.name,
        engine=record.engine,
        folder=record.folder,
        config=read_values(record.values),
        created=record.created,
        state=record.state,
        started=record.started,
        ended=record.ended,
        step=record.step,
        total_steps=record.total_steps,
        loss=record.loss,
        size_bytes=record.size_bytes,
    )
