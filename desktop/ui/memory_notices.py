"""Says when the memory of a card was full and the run goes on smaller; once, when it happens."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QObject

from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from trainer_image.contract import Event, OutOfMemory, UnknownLine


class MemoryNotices(QObject):
    """Listens to every run; what happened before the window was open is no news."""

    def __init__(self, runs: Runs, notices: Notices, parent: QObject) -> None:
        super().__init__(parent)
        self._runs = runs
        self._notices = notices
        self._since = datetime.now(UTC)
        runs.advanced.connect(self._advanced)

    def _advanced(self, run_id: str, events: list[Event | UnknownLine]) -> None:
        run = self._runs.get(run_id)
        for event in events:
            if run is not None and isinstance(event, OutOfMemory) and event.time >= self._since:
                tries = f"Try {event.attempt} of {event.attempts}."
                self._notices.post("warning", f"{run.name}: {event.sentence}", tries, run_id)
