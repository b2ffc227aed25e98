"""Starts the runs that wait once the one before them has finished, or says why they never will."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QObject

from desktop.controllers.following import Following
from desktop.controllers.launching import Launching
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import RunBook
from desktop.core import folders
from desktop.core.chain import next_move
from desktop.core.run import Failure, Run, RunState
from desktop.core.store import Store

FREE_AFTER = timedelta(seconds=15)
"""How long the next run waits for the body of the one before to go, which may still hold a card's memory."""


class Chain(QObject):
    """Looks after the runs that wait; of several apps on one home, one alone moves each of them on."""

    def __init__(
        self,
        book: RunBook,
        store: Store,
        following: Following,
        launching: Launching,
        notices: Notices,
    ) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._following = following
        self._launching = launching
        self._notices = notices
        self.starts_only: frozenset[str] | None = None
        """The runs that this app may start, for one that does not stay; None is any."""
        following.looked.connect(self._move_all)

    def wait(self, run_id: str) -> None:
        """Let a run wait, again, for the one before it."""
        self._book.change(run_id, state=RunState.WAITING, failure=None, ended=None, body=None)
        self._name_before(self._book.runs[run_id])

    def give_up(self, run_id: str, why: Failure | None = None) -> bool:
        """End a run that waits; return False where another app has moved it on already."""
        if not self._store.take_over(run_id):
            return False
        run = self._book.runs[run_id]
        self._following.open(run)
        folders.write_cancellation(self._book.runs[run_id], why)
        self._following.poll(run_id)
        self._book.change(run_id, state=RunState.CANCELLED, failure=why, waiting_for="")
        if why is not None:
            self._notices.post("error", why.sentence, why.hint, run_id)
        return True

    def _move_all(self) -> None:
        for run in reversed(self._book.all()):
            if run.state is RunState.WAITING:
                self._move(run)

    def _move(self, run: Run) -> None:
        before = self._name_before(run)
        if before is None and any(record.id == run.after for record in self._store.run_records()):
            return  # it is there, and this version cannot read it
        match next_move(run, before):
            case Failure() as why:
                self.give_up(run.id, why)
            case "start" if before and self._may_start(run, before) and self._store.take_over(run.id):
                self._launching.launch(run.id)

    def _name_before(self, run: Run) -> Run | None:
        before = self._book.runs.get(run.after or "")
        if before is not None:
            self._book.change(run.id, waiting_for=f"waits for {before.name}")
        return before

    def _may_start(self, run: Run, before: Run) -> bool:
        has_gone = before.id not in self._following.leftovers
        has_had_its_time = before.ended is None or datetime.now(UTC) - before.ended > FREE_AFTER
        is_ours = self.starts_only is None or run.id in self.starts_only
        return is_ours and (has_gone or has_had_its_time)
