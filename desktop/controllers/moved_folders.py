"""Notices run folders that are moved away, or lie on a disk that is not there, and those that are back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.run_book import RunBook
from desktop.core.run import Run


class MovedFolders:
    """Looks off the GUI thread: a disk that is asleep must not stop the window."""

    def __init__(self, book: RunBook, jobs: Jobs, notices: Notices, take_in: Callable[[Run], None]) -> None:
        self._book = book
        self._jobs = jobs
        self._notices = notices
        self._take_in = take_in
        self._is_looking = False

    def look(self) -> None:
        """Look which run folders are there, unless that is still going on."""
        if self._is_looking:
            return
        self._is_looking = True
        known = {run.id: run.folder for run in self._book.runs.values()}
        self._jobs.run("pool", lambda: {id: folder.is_dir() for id, folder in known.items()}, self._take)

    def _take(self, there: Mapping[str, bool]) -> None:
        self._is_looking = False
        gone: list[Run] = []
        for run_id, is_there in there.items():
            run = self._book.runs.get(run_id)
            if run is None or run.is_away is not is_there:
                continue
            if is_there:
                self._came_back(run_id)
            else:
                self._book.change(run_id, is_away=True)
                gone.append(run)
        if gone:
            what = f"The folder of {gone[0].name} is" if len(gone) == 1 else f"The folders of {len(gone)} runs are"
            where = gone[0].folder if len(gone) == 1 else gone[0].folder.parent
            hint = "It is found again once it is back there." if len(gone) == 1 else "They are found again once back."
            self._notices.post("warning", f"{what} not at {where}.", hint, gone[0].id)

    def _came_back(self, run_id: str) -> None:
        """Read a run anew whose folder was away: it may have been changed there."""
        self._book.live.pop(run_id, None)
        self._book.change(run_id, is_away=False)
        self._take_in(self._book.runs[run_id])
        self._book.run_changed.emit(run_id)
        run = self._book.runs[run_id]
        self._notices.post("info", f"The folder of {run.name} is back.", run_id=run_id)
