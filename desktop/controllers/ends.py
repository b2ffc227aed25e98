"""The ends of runs that nobody has seen yet: told when they come, and again to whoever opens a window later."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.controllers.notices import Notice, Notices
from desktop.controllers.run_book import RunBook
from desktop.core.run import Failure, Run, RunState
from desktop.core.store import Store
from desktop.core.unseen_ends import UnseenEnds

_HOW = {RunState.FAILED: "has failed", RunState.PAUSED: "is paused", RunState.INTERRUPTED: "was interrupted"}


class Ends(QObject):
    """Tells how runs end, and keeps in the catalogue whose end is still to be seen."""

    was_seen = Signal(str)
    """Somebody has seen how this run ended, or it goes on."""

    def __init__(self, book: RunBook, store: Store, notices: Notices) -> None:
        super().__init__()
        self._book = book
        self._notices = notices
        self._kept = UnseenEnds(store)
        self._unseen = dict.fromkeys(self._kept.all())
        self._marked = set(self._unseen)
        """Those of them that the catalogue knew as unseen when it was asked last."""
        book.run_changed.connect(self._look)
        book.run_removed.connect(self.see)

    def mark(self, run_id: str, state: RunState, failure: Failure | None) -> None:
        """Keep that a run ends so, before the catalogue hears of it."""
        if _is_to_be_told(state, failure):
            self._kept.mark(run_id)

    def tell(self, run: Run) -> None:
        """Tell how a run has ended, unless the user asked for just that."""
        if _is_to_be_told(run.state, run.failure):
            self._unseen[run.id] = None
            self._marked.update(self._kept.all())
            self._notices.pass_on(end_notice(run))

    def unseen(self) -> list[Notice]:
        """Return what is to be told of the runs whose end nobody has seen, the latest last."""
        # Another app, such as the keeper, may have marked more since this one began.
        kept = self._kept.all()
        self._take_in(kept)
        self._unseen = dict.fromkeys(kept)
        runs = [run for run_id in self._unseen if (run := self._book.runs.get(run_id)) is not None]
        return [end_notice(run) for run in runs if not run.state.can_cancel]

    def see(self, run_id: str) -> None:
        """Take note that somebody has seen how a run ended, whichever app has told it."""
        self.see_all([run_id])

    def see_all(self, run_ids: Collection[str]) -> None:
        """Take note that somebody has seen how these runs ended."""
        self._kept.see(run_ids)
        self._forget(run_ids)

    def look_elsewhere(self) -> None:
        """Tell what somebody has seen in another window of this home meanwhile."""
        if self._unseen:
            self._take_in(self._kept.all())

    def _take_in(self, kept: Collection[str]) -> None:
        """Tell what has been seen since the catalogue was asked before it gave this answer."""
        seen, self._marked = self._marked.difference(kept), set(kept)
        self._forget(seen)

    def _forget(self, run_ids: Collection[str]) -> None:
        for run_id in run_ids:
            if run_id in self._unseen:
                del self._unseen[run_id]
                self.was_seen.emit(run_id)

    def mark_again(self) -> None:
        """Let a catalogue that was lost and written anew know again which ends nobody has seen."""
        self._kept.mark_again(self._unseen)

    def _look(self, run_id: str) -> None:
        """A run that goes on has ended no longer."""
        run = self._book.runs.get(run_id)
        if run_id in self._unseen and run is not None and run.state.can_cancel:
            self.see(run_id)


def _is_to_be_told(state: RunState, failure: Failure | None) -> bool:
    return state is RunState.FINISHED or failure is not None


def end_notice(run: Run) -> Notice:
    """Return what is told of the end of a run."""
    if run.state is RunState.FINISHED:
        return Notice("info", f"{run.name} is finished.", _what_now(run), run.id, is_end=True)
    level: Literal["warning", "error"] = "warning" if run.state is RunState.PAUSED else "error"
    if run.failure is None:  # a long run that has not been read: its head says why
        return Notice(level, f"{run.name} {_HOW.get(run.state, 'has ended')}.", "", run.id, is_end=True)
    why = run.failure.sentence
    sentence = why if why.startswith(run.name) else f"{run.name}: {why}"
    return Notice(level, sentence, run.failure.hint, run.id, is_end=True)


def _what_now(run: Run) -> str:
    if run.progress.suggestion is not None:
        return run.progress.suggestion.sentence
    return "" if run.no_chat_because else "Talk to it in the chat."
