"""Starts runs once: a second click on the same config does nothing, and the example is prepared first."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.demo import NAME
from desktop.core.datasets import DatasetVersion
from desktop.core.run import RunState
from desktop.errors import AppError
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from trainer_image.contract import RunConfig


class RunStarter(QObject):
    """What stands between the Start button and a run."""

    state_changed = Signal()

    def __init__(self, services: Services, selection: Selection, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._selection = selection
        self._last: tuple[RunConfig, EngineName, datetime | None, str] | None = None
        """What was started last, and the run that it became; of a chain the first one."""
        self._was_preparing = False
        services.demo.changed.connect(self._demo_changed)

    @property
    def is_preparing(self) -> bool:
        """Say whether the example is on its way to its start."""
        return self._services.demo.doing is not None

    def start(
        self,
        config: RunConfig,
        engine: EngineName,
        name: str = "",
        dataset: DatasetVersion | None = None,
        not_before: datetime | None = None,
    ) -> AppError | None:
        """Start a run and look at it; return why it could not be. ``dataset``: what its rows are registered as."""
        if self._last is not None and self._last[:3] == (config, engine, not_before):
            known = self._services.runs.get(self._last[3])
            if known is not None and known.state is RunState.STARTING:
                self._look_at(known.id)
                return None
        try:
            run_id = self._services.runs.start(config, name=name, engine=engine, dataset=dataset, not_before=not_before)
        except AppError as error:
            return error
        self._last = (config, engine, not_before, run_id)
        self._look_at(run_id)
        return None

    def start_example(self, engine: EngineName) -> None:
        """Fetch what the example needs, then start it."""
        if self.is_preparing:
            return
        self._services.demo.prepare(engine, lambda config: self._start_prepared(config, engine), self._fail)

    def _start_prepared(self, config: RunConfig, engine: EngineName) -> None:
        error = self.start(config, engine, NAME)
        if error is not None:
            self._services.notices.post_error(error)

    def _fail(self, error: AppError) -> None:
        if error.code != "cancelled":  # who has cancelled it knows
            self._services.notices.post_error(error)

    def _demo_changed(self) -> None:
        if self.is_preparing != self._was_preparing:
            self._was_preparing = self.is_preparing
            self.state_changed.emit()

    def _look_at(self, run_id: str) -> None:
        self._selection.select(run_id)
        self._selection.view_requested.emit("watch")
