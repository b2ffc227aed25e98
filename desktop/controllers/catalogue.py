"""Keeps the book in step with the catalogue, which other apps on the same home change too."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from desktop.controllers.following import Following
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import RunBook
from desktop.core import folders
from desktop.core.config_values import read_values
from desktop.core.curves import is_long
from desktop.core.run import Run, RunState
from desktop.core.store import Reopened, RunRecord, Store
from desktop.errors import AppError, StoreError

SAID_OF_LOST: dict[Reopened, str] = {
    "written_anew": "It was written anew with all that it held.",
    "made_anew": "It was made anew from the runs and their folders. Tags, notes, chats and saved configs are lost.",
    "replaced": "Tunedeck goes on with the new one, and has added what only the old one knew.",
}


class Catalogue(QObject):
    """Takes runs in from the database, and from folders that it has lost."""

    def __init__(self, book: RunBook, store: Store, following: Following, notices: Notices) -> None:
        super().__init__()
        self._book = book
        self._store = store
        self._following = following
        self._notices = notices
        self._unreadable: set[str] = set()
        self._runs_folder: Path | None = None
        self._cannot_reopen = False

    def take_in(self) -> None:
        """Take in the runs that the catalogue has and this app does not: its own at the start, then another app's."""
        if self._store.is_lost():
            self._make_anew()
        for record in self._store.run_records():
            known = self._book.runs.get(record.id)
            if known is not None and _was_moved_on_elsewhere(known, record) and known.folder.is_dir():
                self._take_up_again(known, record)
            elif known is not None and known.state is RunState.WAITING:
                self._book.change(known.id, position=record.position, not_before=record.not_before)
            if known is not None or record.id in self._unreadable:
                continue
            try:
                run = _run_of_record(record)
            except AppError as error:
                self._unreadable.add(record.id)
                self._notices.post("warning", f"The run {record.name} cannot be shown: {error.sentence}", error.hint)
                continue
            self._book.runs[run.id] = run
            # A long run at rest takes its time: it is opened when somebody looks at it.
            if run.folder.is_dir() and (run.state.can_cancel or not is_long(run.files.events)):
                self._following.take_in(run)
            self._book.run_added.emit(run.id)

    def take_in_folders(self, runs_folder: Path) -> int:
        """Read back the runs whose folders the database does not know, and say so; return how many."""
        self._runs_folder = runs_folder
        found = self.rebuild(runs_folder)
        if found:
            what = f"{found} runs were" if found > 1 else "A run was"
            self._notices.post("info", f"{what} not in the database and read back from the folders.")
        return found

    def _make_anew(self) -> None:
        """Go on with another database file where ours was deleted or replaced, and give it the runs again."""
        try:
            how = self._store.reopen()
        except StoreError as error:
            if not self._cannot_reopen:
                self._cannot_reopen = True
                self._notices.post_error(error)
            return
        self._cannot_reopen = False
        self._unreadable.clear()
        self._store.add_missing(self._book.runs.values())
        self._following.ends.mark_again()
        if self._runs_folder is not None and self._runs_folder.is_dir():
            self.rebuild(self._runs_folder)
        what = "replaced" if how == "replaced" else "deleted"
        self._notices.post("warning", f"The database was {what} while Tunedeck was open.", SAID_OF_LOST[how])

    def _take_up_again(self, run: Run, record: RunRecord) -> None:
        """Follow a run again that another app has started, resumed or given up since."""
        if is_open := self._following.is_open(run.id) or not self._following.reads_later(run):
            live = self._following.open(run)
            live.launch, live.was_started_here = folders.read_launch(run.files), False
            live.missed = 0
        self._book.change(
            run.id,
            state=record.state,
            failure=None,
            ended=record.ended,
            started=record.started,
            body=None,
            waiting_for="",
            position=record.position,
            not_before=record.not_before,
            earlier_s=record.earlier_s,
        )
        if is_open:
            self._following.poll(run.id)
            self._following.recall_failure(run.id)
        else:
            self._following.open_aside(run.id)

    def rebuild(self, runs_folder: Path) -> int:
        """Read every run folder back into the catalogue; return how many were missing there."""
        found = 0
        self._following.is_quiet = True
        for folder in sorted(runs_folder.iterdir()):
            if folder.name in self._book.runs or not folder.is_dir():
                continue
            run = folders.read_run(folder)
            if run is None:
                continue
            found += 1
            self._book.runs[run.id] = run
            self._following.open(run)
            self._book.add(self._book.runs[run.id])
            self._book.place(run.id, run.position, run.not_before)
        self._following.is_quiet = False
        return found

    def read_what_is_unread(self) -> None:
        """Read the long runs at rest that nobody has opened yet, and keep what the table says of them."""
        for run in list(self._book.runs.values()):
            if run.earlier_s is None and not run.state.can_cancel and run.folder.is_dir():
                self._following.open(run)


def _was_moved_on_elsewhere(known: Run, record: RunRecord) -> bool:
    """Say whether another app has started a run that is at rest here, or moved one that waits."""
    was_started = record.state.is_live and not known.state.is_live
    was_moved = RunState.WAITING in (known.state, record.state) and record.state is not known.state
    return was_started or (was_moved and not known.state.is_live)


def _run_of_record(record: RunRecord) -> Run:
    return Run(
        id=record.id,
        name=record.name,
        engine=record.engine,
        folder=record.folder,
        config=read_values(record.values),
        created=record.created,
        state=record.state,
        started=record.started,
        ended=record.ended,
        step=record.step,
        total_steps=record.total_steps,
        loss=record.loss,
        size_bytes=record.size_bytes,
        after=record.after,
        position=record.position,
        not_before=record.not_before,
        earlier_s=record.earlier_s,
    )
