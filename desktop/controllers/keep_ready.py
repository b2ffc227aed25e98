"""Keeps a trainer ready for the run that the form describes, where the user wants that."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.body import EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.runs import Runs
from desktop.controllers.setup import NeededModel, Setup
from desktop.controllers.standing import new_id
from desktop.core import standby
from desktop.core.dataset_choice import resolved_at_once
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.inputs import check_inputs
from desktop.core.settings import SettingsTable
from desktop.core.standby import Reservation
from desktop.core.store import Store
from desktop.engine.launch import Machine, plan_training
from desktop.engine.standby import body_digest, standing_by
from desktop.engine.verbs import Engine
from desktop.errors import AppError
from desktop.paths import Home
from trainer_image.contract import CHAINS, RunConfig, RunFolder
from trainer_image.contract.standby import Standby, leave_standby, waiting_file

KEEP_READY = "trainer.keep_ready"
"""The name of the choice in the settings."""
IDLE_S = 900.0
"""A trainer that no run takes for so long goes away; the next change of the form brings another."""
REST_MS = 1500
"""How long the form has to rest before a trainer is made ready for it."""
LOOK_MS = 1000

Wish = tuple[RunConfig, EngineName]


class KeepReady(QObject):
    """At most one trainer stands ready, and none while runs are at work or wait: its memory is theirs."""

    changed = Signal()
    """A trainer has begun to stand ready, or has ended."""

    def __init__(
        self,
        home: Home,
        store: Store,
        runs: Runs,
        engines: dict[EngineName, Engine],
        machine: Machine,
        setup: Setup,
        jobs: Jobs,
    ) -> None:
        super().__init__()
        self._home = home
        self._store = store
        self._settings = SettingsTable(store)
        self._runs = runs
        self._engines = engines
        self._machine = machine
        self._setup = setup
        self._jobs = jobs
        self._would_start: Callable[[], Wish | None] | None = None
        self._own: Reservation | None = None
        self._attempt: object = None
        self._resting = QTimer(self, singleShot=True, interval=REST_MS)
        self._resting.timeout.connect(self._settle)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self._look)
        for signal in (runs.run_added, runs.run_changed, runs.run_removed):
            signal.connect(self._follow_runs)
        setup.progressed.connect(self._end_for_build)
        setup.changed.connect(self._follow_build)

    @property
    def is_wanted(self) -> bool:
        """Say whether the user wants a trainer kept ready."""
        return self._settings.read(KEEP_READY) is True

    @property
    def run_id(self) -> str | None:
        """The run to come for which a trainer of this app stands ready, or is about to."""
        return self._own.files.path.name if self._own is not None else None

    def choose(self, is_wanted: bool) -> None:
        """Keep a trainer ready from now on, or none."""
        self._settings.write(KEEP_READY, is_wanted)
        self._settle()

    def follow(self, would_start: Callable[[], Wish | None]) -> None:
        """Ask here what a start would be, whenever that may have changed; None is a form that cannot be started."""
        self._would_start = would_start
        self.look_again()

    def look_again(self) -> None:
        """Something has changed in the form: once it rests, a trainer is made ready for what it says then."""
        self._resting.start()

    def clear_leftovers(self) -> None:
        """End the trainers that an app which is no more left standing ready, and remove their folders."""
        for files, note in standby.abandoned(self._home.runs):
            leave_standby(files)
            if not files.config.exists():
                self._clear_away(files, note)

    def close(self) -> None:
        """End what stands ready; nothing is made ready any more."""
        self._resting.stop()
        self._would_start = None
        self.end()

    def end(self) -> None:
        """End the trainer that stands ready, unless a run has taken it."""
        self._attempt = None
        own, self._own = self._own, None
        if own is None:
            return
        self._looking.stop()
        if not own.is_claimed:
            leave_standby(own.files)
            # Whoever claims the folder looks for the note after that, so that one of the two sees the other.
            if not own.is_claimed:
                self._clear_away(own.files, own.note)
        own.close()
        self.changed.emit()

    def _clear_away(self, files: RunFolder, note: Standby) -> None:
        engine = self._engines["process" if note.engine == "process" else "docker"]

        def clear() -> None:
            engine.signal(files.path.name, "kill")
            engine.remove(files.path.name)
            shutil.rmtree(files.path, ignore_errors=True)

        self._jobs.run("engine", clear, failed=lambda _: None)

    # What happens by itself

    def _settle(self) -> None:
        """Make a trainer ready for the wish, or end the one that is not wanted."""
        ask = self._would_start
        wish = ask() if ask is not None and self.is_wanted and not self._runs_need_room() else None
        if wish is None:
            self.end()
            return
        config, engine = wish
        try:
            config, _ = resolved_at_once(DatasetRegistry(self._store), config)
            check_inputs(config)
        except AppError:
            self.end()
            return
        attempt = self._attempt = object()

        def give_up() -> None:
            if attempt is self._attempt:
                self.end()

        needed = NeededModel(config.model, config.model_revision, config.load_in_4bit, offline=True)
        self._setup.if_ready(
            engine,
            lambda: self._setup.bring_model(
                needed,
                lambda is_fetched: self._begin(attempt, config, engine, is_fetched=is_fetched),
                lambda _: give_up(),
            ),
            give_up,
        )

    def _begin(self, attempt: object, config: RunConfig, engine: EngineName, *, is_fetched: bool) -> None:
        """Start a body for a run to come, unless the one that stands ready would do, or none may use the network."""
        if attempt is not self._attempt or self._runs_need_room():
            return
        run_id = self.run_id or new_id()
        folder = self._home.runs / run_id
        offline = self._setup.is_offline()
        try:
            spec = plan_training(config, run_id, folder, self._machine, offline=offline, is_fetched=is_fetched)
        except AppError:
            self.end()
            return
        if self._own is not None:
            note = self._own.note
            if (note.engine, note.digest, note.config.method) == (engine, body_digest(spec), config.method):
                return
            self.end()
            self._resting.start()
            return
        if config.method in CHAINS or spec.network:
            return
        self._reserve(config, engine, spec.gpus, run_id, is_fetched=is_fetched)

    def _reserve(
        self, config: RunConfig, engine: EngineName, gpus: tuple[int, ...], run_id: str, *, is_fetched: bool
    ) -> None:
        folder = self._home.runs / run_id
        try:
            folder.mkdir(parents=True)
        except OSError:
            return  # the run itself will say what is wrong with the disk
        try:
            offline = self._setup.is_offline()
            spec = plan_training(config, run_id, folder, self._machine, offline=offline, is_fetched=is_fetched)
            note = Standby(engine=engine, digest=body_digest(spec), config=config, idle_seconds=IDLE_S)
            own = self._own = Reservation(folder, note, gpus)
        except (AppError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            return
        body = self._engines[engine]
        self._jobs.run("engine", lambda: body.start(standing_by(spec)), failed=lambda _: self._give_up(own))
        self._looking.start()
        self.changed.emit()

    def _give_up(self, own: Reservation) -> None:
        if own is self._own:
            self.end()

    def _look(self) -> None:
        """Let go of a trainer that a run has taken, or that has left by itself."""
        if self._own is not None and (self._own.is_claimed or not waiting_file(self._own.files).exists()):
            self.end()

    def _follow_runs(self, _run_id: str) -> None:
        if self._would_start is None:
            return
        if self._own is None:
            self._resting.start()  # whether there is room is asked once, when they rest: a thousand may come at once
        elif self._runs_need_room():
            self.end()

    def _end_for_build(self, engine: str) -> None:
        """What stands ready was started from what is being replaced."""
        if self._own is not None and self._own.note.engine == engine:
            self.end()

    def _follow_build(self, engine: EngineName) -> None:
        if self._would_start is not None and self._own is None and not self._setup.is_building(engine):
            self._resting.start()

    def _runs_need_room(self) -> bool:
        return any(run.state.can_cancel for run in self._runs.all())
