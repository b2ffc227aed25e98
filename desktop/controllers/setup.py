"""Makes an engine ready: builds the trainer image or the trainer's environment when it is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.jobs import Jobs
from desktop.engine.steps import BuildStep
from desktop.errors import AppError


class Builder(Protocol):
    """What an engine needs before it can start anything: an image, or a virtual environment."""

    def is_ready(self) -> bool: ...

    def build(self, progress: Callable[[BuildStep], None]) -> None: ...


class Setup(QObject):
    """One build at a time for each engine; whoever asks meanwhile waits for the same one."""

    progressed = Signal(str, object)
    """Engine name and BuildStep."""

    def __init__(self, builders: dict[EngineName, Builder], jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._builders = builders
        self._jobs = jobs
        self._waiting: dict[EngineName, list[tuple[Callable[[], None], Callable[[AppError], None]]]] = {}

    def ensure(self, engine: EngineName, done: Callable[[], None], failed: Callable[[AppError], None]) -> None:
        """Call ``done`` once the engine can start trainers, or ``failed``."""
        waiting = self._waiting.setdefault(engine, [])
        waiting.append((done, failed))
        if len(waiting) == 1:
            self._jobs.run(
                "build",
                lambda: self._make_ready(engine),
                lambda _: self._tell(engine, None),
                lambda error: self._tell(engine, error),
            )

    def is_building(self, engine: EngineName) -> bool:
        return bool(self._waiting.get(engine))

    def _make_ready(self, engine: EngineName) -> None:
        builder = self._builders[engine]
        if builder.is_ready():
            return
        told = 0.0

        def progress(step: BuildStep) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told > 0.1 or step.number != step.total:
                told = now
                self._jobs.call_soon(lambda: self.progressed.emit(engine, step))

        builder.build(progress)

    def _tell(self, engine: EngineName, error: AppError | None) -> None:
        for done, failed in self._waiting.pop(engine, []):
            if error is None:
                done()
            else:
                failed(error)
