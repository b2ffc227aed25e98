"""Starts the body of a run: makes the engine ready, and says so where nothing came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from PySide6.QtCore import QObject

from desktop.body import GONE, Body, EngineName
from desktop.controllers.following import Following
from desktop.controllers.jobs import Jobs
from desktop.controllers.run_book import Live, RunBook
from desktop.controllers.setup import NeededModel, Setup
from desktop.core import folders
from desktop.core.inputs import check_inputs
from desktop.core.progress import start_again
from desktop.core.run import RunState
from desktop.engine.launch import LaunchSpec, Machine, plan_training
from desktop.engine.standby import body_digest
from desktop.engine.steps import BuildStep
from desktop.engine.verbs import Engine
from desktop.errors import AppError
from trainer_image.contract import RunFolder
from trainer_image.contract.standby import leave_standby, read_standby, take_standby, waiting_file

LEAVE_S = 75.0
"""How long a body may take to go after its last word: the launcher gives slow processes a minute."""
KILL_S = 10.0
LOOK_S = 0.2


class Launching(QObject):
    """Brings runs up, one engine call at a time."""

    def __init__(
        self,
        book: RunBook,
        following: Following,
        engines: Mapping[EngineName, Engine],
        machine: Machine,
        setup: Setup,
        jobs: Jobs,
    ) -> None:
        super().__init__()
        self._book = book
        self._following = following
        self._engines = engines
        self._machine = machine
        self._setup = setup
        self._jobs = jobs
        setup.progressed.connect(self._show_preparing)

    def launch(self, run_id: str, restarts: int = 0) -> None:
        """Start a run, or start it again from its last checkpoint; ``restarts`` counts those that no user asked for."""
        self._book.place(run_id, None)
        run = self._book.runs[run_id]
        live = self._following.open(run)
        self._following.poll(run_id)
        gpus = self._machine.gpu_indices if run.config.gpus is None else run.config.gpus
        live.launch = folders.write_launch(self._book.runs[run_id], gpus, restarts)
        _end_start(live)
        live.start = folders.Start(run.files)
        live.starting, live.was_started_here, live.asked_at, live.told_to_go = True, True, None, False
        live.was_built = False
        self._following.leftovers.pop(run_id, None)
        progress = start_again(self._book.runs[run_id].progress)
        self._book.change(
            run_id,
            state=RunState.STARTING,
            failure=None,
            ended=None,
            started=live.launch.started,
            body=None,
            waiting_for="",
            progress=progress,
            earlier_s=progress.work.earlier.total_seconds(),
        )
        self._setup.ensure(
            run.engine, lambda: self._bring_model(run_id), lambda error: self.could_not_start(run_id, error)
        )

    def _bring_model(self, run_id: str) -> None:
        """Fetch a model of the Hub before the start: no container is to need the network, or a token."""
        run = self._book.runs.get(run_id)
        if run is None:
            return
        config, live = run.config, self._book.live[run_id]
        needed = NeededModel(config.model, config.model_revision, config.load_in_4bit, config.offline)
        self._setup.bring_model(
            needed,
            lambda is_fetched: self._start_body(run_id, is_fetched=is_fetched),
            lambda error: self.could_not_start(run_id, error),
            lambda text: self._tell_preparing(run_id, text),
            lambda: live.asked_at is None,
        )

    def _tell_preparing(self, run_id: str, text: str) -> None:
        run = self._book.runs.get(run_id)
        if run is not None and run.state is RunState.STARTING and run.body is None:
            self._book.change(run_id, preparing=text)

    def _start_body(self, run_id: str, *, is_fetched: bool) -> None:
        run = self._book.runs.get(run_id)
        if run is None:
            return
        if self._book.live[run_id].asked_at is not None:  # cancelled while the image was built
            leave_standby(run.files)
            self._book.live[run_id].starting = False
            _end_start(self._book.live[run_id])
            self._following.settle(run_id, GONE)
            return
        try:
            check_inputs(run.config)  # they may have gone while the run waited, or the image was built
            offline = self._setup.is_offline()
            spec = plan_training(run.config, run_id, run.folder, self._machine, offline=offline, is_fetched=is_fetched)
        except AppError as error:
            self.could_not_start(run_id, error)
            return
        engine, is_old = self._engines[run.engine], self._book.live[run_id].was_built

        def start() -> str:
            handle = _take_over(engine, run.files, spec, is_old=is_old)
            if handle is not None:
                return handle
            _clear_away(engine, run_id)
            return engine.start(spec)

        self._book.change(run_id, preparing="")
        self._jobs.run(
            "engine",
            start,
            lambda handle: self._has_started(run_id, handle),
            lambda error: self.could_not_start(run_id, error),
        )

    def _has_started(self, run_id: str, handle: str) -> None:
        if run_id in self._book.live:
            self._book.live[run_id].starting = False
            _end_start(self._book.live[run_id])
            self._book.change(run_id, body=Body("running", handle=handle))

    def could_not_start(self, run_id: str, error: AppError) -> None:
        """Note in the run's folder why no trainer came up, and end it."""
        run = self._book.runs.get(run_id)
        if run is None:
            return
        self._book.live[run_id].starting = False
        _end_start(self._book.live[run_id])
        leave_standby(run.files)
        folders.write_failure(run, error.sentence, error.hint)
        self._book.change(run_id, preparing="")
        self._following.poll(run_id)
        self._following.settle(run_id, GONE)

    def _show_preparing(self, engine: EngineName, step: BuildStep) -> None:
        for run in self._book.all():
            if run.engine == engine and run.state is RunState.STARTING and run.body is None:
                self._book.change(run.id, preparing=step.sentence)
                if (live := self._book.live.get(run.id)) is not None:
                    live.was_built = True


def _end_start(live: Live) -> None:
    if live.start is not None:
        live.start.end()
        live.start = None


def _take_over(engine: Engine, files: RunFolder, spec: LaunchSpec, *, is_old: bool) -> str | None:
    """Tell the trainer that stands ready for a run to go, and return its body; end one that is not the right one."""
    if not waiting_file(files).exists():
        return None
    note, body = read_standby(waiting_file(files)), engine.find().get(spec.id, GONE)
    fits = note is not None and note.digest == body_digest(spec) and not is_old
    if fits and body.state == "running" and not engine.is_outdated(spec.id) and take_standby(files):
        return body.handle
    if leave_standby(files):
        engine.signal(spec.id, "kill")
    return None


def _clear_away(engine: Engine, run_id: str) -> None:
    """Remove what is left of an earlier start: it has said its last word, and may take a moment to go."""
    began = time.monotonic()
    while engine.find().get(run_id, GONE).state == "running" and time.monotonic() < began + LEAVE_S + KILL_S:
        if time.monotonic() > began + LEAVE_S:
            engine.signal(run_id, "kill")
        time.sleep(LOOK_S)
    engine.remove(run_id)
