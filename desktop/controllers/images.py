"""The trainer image as the window shows it: its versions, a build or a pull on its way, and the way back."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from desktop.controllers.jobs import Jobs
from desktop.controllers.setup import Setup
from desktop.engine.image import ImageState, TrainerImage
from desktop.engine.steps import BuildStep
from desktop.errors import AppError, EngineError

__all__ = ["BuildStep", "ImageState", "Images"]


class Images(QObject):
    """One change at a time; each job opens the engine for itself."""

    listed = Signal(list)
    """Every ImageState there is, the newest first."""
    progressed = Signal(object)
    """A BuildStep of the build or the pull that goes on."""
    busy_changed = Signal(bool)
    failed = Signal(object)
    """An AppError: what was asked for did not work."""

    def __init__(
        self, image: Callable[[], TrainerImage], setup: Setup, jobs: Jobs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._image = image
        self._setup = setup
        self._jobs = jobs
        self._pull: object | None = None
        setup.progressed.connect(lambda engine, step: self.progressed.emit(step) if engine == "docker" else None)
        setup.changed.connect(self._setup_changed)

    @property
    def is_busy(self) -> bool:
        """Say whether an image is on its way."""
        return self._pull is not None or self._setup.is_building("docker")

    def refresh(self) -> None:
        """Ask the engine what is there; ``listed`` brings it, ``failed`` why not."""
        self._jobs.run("pool", lambda: self._image().versions(), self.listed.emit, self.failed.emit)

    def build(self) -> None:
        """Build the image where it is missing or older than this app."""
        self._setup.build("docker", self._tell)

    def pull(self, reference: str) -> None:
        """Pull an image from a registry and use it."""
        if self.is_busy:
            return
        if self._setup.is_offline():
            self.failed.emit(EngineError("Pulling an image needs the network, and Tunedeck is offline.", "Go online."))
            return
        pull = self._pull = object()
        told = 0.0

        def progress(step: BuildStep) -> None:
            nonlocal told
            if self._pull is not pull:
                raise EngineError("The pull was stopped.", code="cancelled")
            now = time.monotonic()
            if now - told > 0.1:
                told = now
                self._jobs.call_soon(lambda: self.progressed.emit(step))

        def end(error: AppError | None = None) -> None:
            if self._pull is pull:
                self._pull = None
                self.busy_changed.emit(False)
                self._done(error)

        self.busy_changed.emit(True)
        self._jobs.run("build", lambda: self._image().pull(reference, progress), lambda _: end(), end)

    def cancel(self) -> None:
        """Give up what is on its way."""
        if self._pull is not None:
            self._pull = None
            self.busy_changed.emit(False)
        self._setup.cancel("docker")

    def use(self, tag: str) -> None:
        """Go back to a version, or forward again."""
        self._jobs.run("pool", lambda: self._image().use(tag), lambda _: self._done(None), self._done)

    def remove(self, tag: str) -> None:
        """Remove a version."""
        self._jobs.run("pool", lambda: self._image().remove(tag), lambda _: self._done(None), self._done)

    def _done(self, error: AppError | None) -> None:
        if error is not None:
            self._tell(error)
        self.refresh()

    def _tell(self, error: AppError) -> None:
        if error.code != "cancelled":
            self.failed.emit(error)

    def _setup_changed(self, engine: str) -> None:
        if engine == "docker":
            self.busy_changed.emit(self.is_busy)
            if not self.is_busy:
                self.refresh()
