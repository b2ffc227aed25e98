"""Runs whose container has lost its cards get a new one by themselves, a few times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QObject

from desktop.controllers.following import Following
from desktop.controllers.launching import Launching
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import RunBook
from desktop.core.run import Run, RunState
from desktop.core.store import Store

MOST = 3
"""So often a run is started again without being asked; then somebody has to look at the machine."""
FORGOTTEN_AFTER = timedelta(days=1)
"""A run that ended so long ago is not started by an app that is opened now."""


class Recovery(QObject):
    """Starts again what ended for want of a card; of several apps on one home, one alone does."""

    def __init__(
        self, book: RunBook, store: Store, following: Following, launching: Launching, notices: Notices
    ) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._following = following
        self._launching = launching
        self._notices = notices
        self.starts_only: frozenset[str] | None = None
        """The runs that this app may start, for one that does not stay; None is any."""
        following.looked.connect(self._look)

    def will_restart(self, run: Run) -> bool:
        """Say whether a run that has ended is started again by this app at its next look."""
        if run.state is not RunState.FAILED or run.failure is None or run.failure.code != "gpu_lost" or run.is_away:
            return False
        is_ours = self.starts_only is None or run.id in self.starts_only
        is_old = run.ended is not None and datetime.now(UTC) - run.ended > FORGOTTEN_AFTER
        return is_ours and not is_old and self._following.open(run).launch.restarts < MOST

    def _look(self) -> None:
        for run in self._book.all():
            if self.will_restart(run) and self._store.take_over(run.id, state=RunState.FAILED):
                restarts = self._following.open(run).launch.restarts + 1
                sentence = f"{run.name} has lost its GPU: its container is made anew ({restarts} of {MOST})."
                has_saved = bool(self._book.runs[run.id].progress.checkpoints)
                hint = "It goes on from its last checkpoint." if has_saved else "It begins again: it has no checkpoint."
                self._notices.post("warning", sentence, hint, run.id)
                self._launching.launch(run.id, restarts)
