"""What the cards did during runs, read off the GUI thread as it grows; and cards that do not answer any more."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.hardware import GpuSample, Hardware
from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core.gpu_history import GpuHistory
from desktop.core.gpu_places import GpuView, view_of
from trainer_image.cards.readings import COLUMNS, MIB

EVERY_MS = 1000
FRESH_S = 5.0
"""A sample of a run older than that says nothing about now."""
MISSED = 3
"""A card that misses so many samples in a row has gone; one may be missed by chance."""


class GpuHistories(QObject):
    """Follows the runs that are live and the one that is looked at."""

    advanced = Signal(str)
    """The id of a run of whose cards more is known."""

    def __init__(self, runs: Runs, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._jobs = jobs
        self._known: dict[str, GpuHistory] = {}
        self._views: dict[str, GpuView] = {}
        self._reading: set[str] = set()
        self._selected = ""
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self.poll)
        self._timer.start()

    def select(self, run_id: str) -> None:
        """Follow another run; the one before is forgotten unless it is live."""
        self._selected = run_id
        self.poll()

    def view(self, run_id: str) -> GpuView | None:
        """Return what is known of a run's cards, or None while nothing was read."""
        return self._views.get(run_id)

    def own_bytes(self, card: int) -> int | None:
        """Return how much of a card's memory the live runs of this app hold now; None where nobody knows."""
        found: int | None = None
        for run_id, view in self._views.items():
            run = self._runs.get(run_id)
            if run is None or not run.state.is_live or not len(view.times) or time.time() - view.times[-1] > FRESH_S:
                continue
            own = view.column(card, "own_mib")[-1]
            if own == own:  # not NaN
                found = (found or 0) + int(own) * MIB
        return found

    def poll(self) -> None:
        """Read what is new, each run on its own."""
        wanted = {run.id for run in self._runs.all() if run.state.is_live} | {self._selected}
        for run_id in [known for known in self._known if known not in wanted and known not in self._reading]:
            del self._known[run_id]
            self._views.pop(run_id, None)
        for run_id in wanted - self._reading:
            run = self._runs.get(run_id)
            if run is not None:
                history = self._known.setdefault(run_id, GpuHistory(run.files.gpus))
                self._reading.add(run_id)
                self._read(run_id, history)

    def _read(self, run_id: str, history: GpuHistory) -> None:
        def take(is_more: bool) -> None:
            self._reading.discard(run_id)
            # What is drawn stays as it is while the next lines are read behind it.
            if is_more and self._known.get(run_id) is history:
                self._views[run_id] = view_of(history, COLUMNS)
                self.advanced.emit(run_id)

        self._jobs.run("pool", history.poll, take, lambda _: self._reading.discard(run_id))


class LostCards(QObject):
    """Says once that a card does not answer any more, and forgets it when it is back."""

    changed = Signal()

    def __init__(self, hardware: Hardware, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hardware = hardware
        self._notices = notices
        self._last: dict[int, GpuSample] = {}
        self._missed: dict[int, int] = {}
        self.lost: dict[int, tuple[GpuSample, float]] = {}
        """By number: its last sample, and when it was."""
        hardware.sampled.connect(self._take)

    def _take(self, samples: list[GpuSample]) -> None:
        here = {sample.index: sample for sample in samples}
        for number in [number for number in self.lost if number in here]:
            del self.lost[number]
            self.changed.emit()
        self._missed = {number: self._missed.get(number, 0) + 1 for number in self._last if number not in here}
        for number, times in self._missed.items():
            if times == MISSED and number not in self.lost:
                self.lost[number] = (self._last[number], time.time())
                card = self._last[number]
                self._notices.post(
                    "warning",
                    f"GPU {number} ({card.name}) does not answer any more.",
                    "A run on it stops by itself and can be resumed. A restart of the machine brings most cards back.",
                )
                self.changed.emit()
        self._last |= here
