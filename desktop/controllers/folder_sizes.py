"""Measures what runs take on the disk, off the GUI thread."""

from __future__ import annotations

from desktop.controllers.jobs import Jobs
from desktop.controllers.run_book import RunBook
from desktop.core import folders


class FolderSizes:
    """One measurement of a run at a time: an older one never comes after a newer one."""

    def __init__(self, book: RunBook, jobs: Jobs) -> None:
        self._book = book
        self._jobs = jobs
        self._measured: set[str] = set()
        self._again: set[str] = set()

    def measure(self, run_id: str) -> None:
        """Measure the folder of a run; asked meanwhile, it is measured once more."""
        if run_id in self._measured:
            self._again.add(run_id)
            return
        self._measured.add(run_id)
        folder = self._book.runs[run_id].folder
        self._jobs.run(
            "pool",
            lambda: folders.size_of(folder),
            lambda size: self._take(run_id, size),
            lambda _: self._measured.discard(run_id),
        )

    def _take(self, run_id: str, size: int) -> None:
        self._measured.discard(run_id)
        run = self._book.runs.get(run_id)
        if run is None:
            return
        if size:  # a folder that is away has nothing in it
            self._book.change(run_id, size_bytes=size)
        if run_id in self._again:
            self._again.discard(run_id)
            self.measure(run_id)
