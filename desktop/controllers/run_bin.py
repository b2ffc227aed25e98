"""Deleted runs that can still be had back: hidden at once, and really deleted a while later or when the app closes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core import folders
from desktop.core.run import Run
from desktop.errors import AppError, ConfigError

HELD_MS = 60_000
"""So long a deleted run can be had back."""


class RunBin(QObject):
    """Holds runs that the user has deleted; an app that is killed meanwhile has deleted nothing."""

    changed = Signal()
    """Other runs are held, or it is known better how much they take."""

    def __init__(self, runs: Runs, jobs: Jobs, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._jobs = jobs
        self._notices = notices
        self._sizes: dict[str, int] = {}
        self._going: set[str] = set()
        """Runs whose folders are being deleted: they do not come back."""
        self._timer = QTimer(self, singleShot=True, interval=HELD_MS)
        self._timer.timeout.connect(self.empty)
        runs.run_removed.connect(self._forget)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._sizes or run_id in self._going

    @property
    def held(self) -> list[Run]:
        """The runs that can still be had back."""
        return [run for run_id in self._sizes if (run := self._runs.get(run_id)) is not None]

    @property
    def size_bytes(self) -> int:
        """What deleting them frees."""
        return sum(self._sizes.values())

    def put(self, run_ids: Iterable[str]) -> None:
        """Delete runs, all or none of them; ConfigError where one still goes on or another one needs it."""
        runs = [run for run_id in run_ids if run_id not in self and (run := self._runs.get(run_id)) is not None]
        for run in runs:
            self._check(run)
        for run in runs:
            self._sizes[run.id] = run.size_bytes
        if runs:
            self._timer.start()
            self.changed.emit()
            sizes = {run.id: run.folder for run in runs}
            self._jobs.run(
                "pool", lambda: {id: folders.size_of(folder) for id, folder in sizes.items()}, self._take_sizes
            )

    def undo(self) -> list[str]:
        """Give back every run that is held, and return their ids."""
        self._timer.stop()
        back = list(self._sizes)
        self._sizes.clear()
        self.changed.emit()
        return back

    def empty(self) -> None:
        """Delete what is held for good, without waiting for the disk."""
        self._timer.stop()
        for run in self.held:
            self._going.add(run.id)
            self._clear(run)
        self._sizes.clear()
        self.changed.emit()

    def close(self) -> None:
        """Delete what is held before the app ends."""
        self._timer.stop()
        for run_id in [*self._sizes, *self._going]:
            self._delete(run_id)

    def _clear(self, run: Run) -> None:
        """Delete the folder aside, where a large disk may take its time, and then the run."""
        self._jobs.run("pool", lambda: shutil.rmtree(run.folder, ignore_errors=True), lambda _: self._delete(run.id))

    def _check(self, run: Run) -> None:
        if run.state.can_cancel:
            raise ConfigError(f"{run.name} is {run.state}.", "Cancel it first.")
        for follower in self._runs.followers(run.id):
            if follower.state.can_cancel:
                raise ConfigError(f"{follower.name} needs what {run.name} made.", "Cancel that one first.")

    def _take_sizes(self, sizes: dict[str, int]) -> None:
        self._sizes.update({run_id: size for run_id, size in sizes.items() if run_id in self._sizes})
        self.changed.emit()

    def _delete(self, run_id: str) -> None:
        self._sizes.pop(run_id, None)
        try:
            if self._runs.get(run_id) is not None:
                self._runs.delete(run_id)
        except AppError as error:  # it was started again meanwhile, by another app
            self._notices.post_error(error, run_id)
        self._forget(run_id)

    def _forget(self, run_id: str) -> None:
        was_here = run_id in self
        self._sizes.pop(run_id, None)
        self._going.discard(run_id)
        if was_here:
            self.changed.emit()
