"""Makes an engine ready: builds the trainer image or the trainer's environment when it is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.jobs import Jobs
from desktop.controllers.models import needed_repository
from desktop.engine.model_fetch import ModelFetch
from desktop.engine.steps import BuildStep
from desktop.errors import AppError, ConfigError, EngineError


class Builder(Protocol):
    """What an engine needs before it can start anything: an image, or a virtual environment."""

    def is_ready(self) -> bool: ...

    def build(self, progress: Callable[[BuildStep], None]) -> None: ...


@dataclass(frozen=True)
class NeededModel:
    """What a run or a chat loads."""

    model: str
    revision: str | None
    four_bit: bool
    offline: bool


class Setup(QObject):
    """One build at a time for each engine; whoever asks meanwhile waits for the same one."""

    progressed = Signal(str, object)
    """Engine name and BuildStep."""
    changed = Signal(str)
    """Engine name: a build has begun there, or ended."""
    readiness_known = Signal(str, bool)
    """Engine name, and whether it can start trainers as it is; what was asked with ``ask_readiness``."""

    def __init__(self, builders: dict[EngineName, Builder], jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._builders = builders
        self._jobs = jobs
        self._waiting: dict[EngineName, list[tuple[Callable[[], None], Callable[[AppError], None]]]] = {}
        self._attempts: dict[EngineName, object] = {}
        self.is_offline: Callable[[], bool] = lambda: False
        """The switch of the whole app; whoever starts something asks here."""
        self.models: ModelFetch | None = None
        """Brings models of the Hub here; without it a container fetches them itself, as far as they are public."""

    def ensure(self, engine: EngineName, done: Callable[[], None], failed: Callable[[AppError], None]) -> None:
        """Call ``done`` once the engine can start trainers, or ``failed``."""
        waiting = self._waiting.setdefault(engine, [])
        waiting.append((done, failed))
        if len(waiting) == 1:
            offline, attempt = self.is_offline(), object()
            self._attempts[engine] = attempt
            self._jobs.run(
                "build",
                lambda: self._make_ready(engine, attempt, offline=offline),
                lambda _: self._tell(engine, attempt, None),
                lambda error: self._tell(engine, attempt, error),
            )
            self.changed.emit(engine)

    def if_ready(self, engine: EngineName, done: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Call ``done`` if the engine can start trainers as it is, else ``otherwise``; nothing is built for it."""
        builder = self._builders[engine]
        self._jobs.run(
            "build",
            lambda: not self.is_building(engine) and builder.is_ready(),
            lambda is_ready: done() if is_ready else otherwise(),
            lambda _: otherwise(),
        )

    def ask_readiness(self, engine: EngineName) -> None:
        """Find out whether a start would have to build something first; ``readiness_known`` tells."""
        tell = self.readiness_known.emit
        self.if_ready(engine, lambda: tell(engine, True), lambda: tell(engine, False))

    def build(self, engine: EngineName, failed: Callable[[AppError], None]) -> None:
        """Make an engine ready now, before anybody needs it; ``progressed`` tells how it goes."""
        self.ensure(engine, lambda: None, failed)

    def cancel(self, engine: EngineName) -> None:
        """Give a build up; who waits for it is told at once, and the engine ends it at its next word."""
        if self.is_building(engine):
            stopped = EngineError(
                "The build was stopped.", "Start a run, or the build, whenever you like.", "cancelled"
            )
            self._tell(engine, self._attempts[engine], stopped)

    def leave(self, engine: EngineName, done: Callable[[], None]) -> None:
        """Wait no longer with ``done``; a build that nobody else waits for is given up."""
        waiting = self._waiting.get(engine, [])
        others = [pair for pair in waiting if pair[0] is not done]
        if len(others) == len(waiting):
            return
        if others:
            self._waiting[engine] = others
        else:
            self.cancel(engine)

    def bring_model(
        self,
        needed: NeededModel,
        done: Callable[[bool], None],
        failed: Callable[[AppError], None],
        tell: Callable[[str], None] = lambda _: None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Fetch a model of the Hub where it is not here yet; ``done`` hears whether the caches have it whole."""
        models = self.models
        if models is None or Path(needed.model).is_absolute():
            done(False)
            return
        repository = needed_repository(needed.model, four_bit=needed.four_bit, revision=needed.revision)
        if models.is_here(needed.model, needed.revision):
            repository = needed.model  # its own weights are made small while they load
        if needed.offline or self.is_offline():
            if models.is_here(repository, needed.revision):
                done(True)
            else:
                sentence = f"The model {repository} is not on this machine, and the run is offline."
                failed(ConfigError(sentence, "Fetch it while the network is there, or switch Offline off.", "offline"))
            return
        self._jobs.run(
            "build",
            lambda: models.bring(
                repository, needed.revision, lambda text: self._jobs.call_soon(lambda: tell(text)), is_wanted
            ),
            lambda _: done(True),
            failed,
        )

    def is_building(self, engine: EngineName) -> bool:
        return bool(self._waiting.get(engine))

    def _make_ready(self, engine: EngineName, attempt: object, *, offline: bool) -> None:
        builder = self._builders[engine]
        if builder.is_ready():
            return
        if offline:
            what = "trainer image" if engine == "docker" else "trainer's environment"
            raise EngineError(
                f"The {what} is missing or old, and building it needs the network: Tunedeck is offline.",
                "Switch Offline off for the build; it is needed once.",
                code="offline",
            )
        told = 0.0

        def progress(step: BuildStep) -> None:
            nonlocal told
            if self._attempts.get(engine) is not attempt:
                raise EngineError("The build was stopped.", code="cancelled")
            now = time.monotonic()
            if now - told > 0.1 or step.number != step.total:
                told = now
                self._jobs.call_soon(lambda: self.progressed.emit(engine, step))

        builder.build(progress)

    def _tell(self, engine: EngineName, attempt: object, error: AppError | None) -> None:
        if self._attempts.get(engine) is not attempt:
            return  # it was given up, and everybody knows
        del self._attempts[engine]
        for done, failed in self._waiting.pop(engine, []):
            if error is None:
                done()
            else:
                failed(error)
        self.changed.emit(engine)
