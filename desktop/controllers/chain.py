"""Looks after the runs that need what another one makes, and says why where they never will start."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from desktop.controllers.following import Following
from desktop.controllers.run_book import RunBook
from desktop.core import folders
from desktop.core.chain import next_move
from desktop.core.run import Failure, Run, RunState
from desktop.core.store import Store


class Chain(QObject):
    """Looks after the runs that wait; of several apps on one home, one alone moves each of them on."""

    def __init__(self, book: RunBook, store: Store, following: Following) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._following = following

    def wait(self, run_id: str) -> None:
        """Let a run wait, again, for the one before it."""
        self._book.change(run_id, state=RunState.WAITING, failure=None, ended=None, body=None)
        before = self._before(self._book.runs[run_id])
        if before is not None:
            self._book.change(run_id, waiting_for=f"waits for {before.name}")

    def give_up(self, run_id: str, why: Failure | None = None) -> bool:
        """End a run that waits; return False where another app has moved it on already."""
        if not self._store.take_over(run_id):
            return False
        run = self._book.runs[run_id]
        self._following.open(run)
        folders.write_cancellation(self._book.runs[run_id], why)
        folders.write_place(replace(self._book.runs[run_id], position=None, not_before=None))
        self._following.poll(run_id)
        self._book.place(run_id, None)
        ends = self._following.ends
        ends.mark(run_id, RunState.CANCELLED, why)
        self._book.change(run_id, state=RunState.CANCELLED, failure=why, waiting_for="")
        ends.tell(self._book.runs[run_id])
        return True

    def settle(self) -> None:
        """End the runs whose first one has ended for good, or is gone."""
        for run in reversed(self._book.all()):
            if run.state is RunState.WAITING and run.after is not None:
                self._settle(run)

    def _settle(self, run: Run) -> None:
        before = self._before(run)
        if before is None and any(record.id == run.after for record in self._store.run_records()):
            return  # it is there, and this version cannot read it
        why = next_move(run, before)
        if isinstance(why, Failure):
            self.give_up(run.id, why)

    def _before(self, run: Run) -> Run | None:
        return self._book.runs.get(run.after or "")
