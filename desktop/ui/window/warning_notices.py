"""Says what a trainer warns of, and when the memory of a card was full and the run goes on smaller; when it happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QObject

from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core.run import NEVER_STARTED, Run
from trainer_image.contract import Clock, Event, OutOfMemory, UnknownLine, Warned

AGAIN_AFTER = timedelta(minutes=5)
"""What a run warns of again and again is told no more often."""
OWN_CHOICE = ("rows_left_out",)
"""Codes of what the user has chosen knowing of it: the head of the run counts these rows, and nobody is called."""
ABOUT_THE_START = ("rows_of_no_use", "too_few_rows", "warmup_shortened", "no_chat_template")
"""Codes of warnings that say how a run was begun, not that something goes wrong; so do those of knobs overridden."""
ABOUT_THE_DATA = ("nothing_to_learn", "one_sided", "layers_unknown")
"""Codes of what a resume says again in the same words: it is no news then."""


class WarningNotices(QObject):
    """Listens to every run; what happened before the window was open is no news."""

    def __init__(self, runs: Runs, notices: Notices, parent: QObject) -> None:
        super().__init__(parent)
        self._runs = runs
        self._notices = notices
        self._since, self._clock = datetime.now(UTC), Clock()
        self._told: dict[tuple[str, str], datetime] = {}
        runs.advanced.connect(self._advanced)

    def _advanced(self, run_id: str, events: list[Event | UnknownLine]) -> None:
        run = self._runs.get(run_id)
        self._since += timedelta(seconds=self._clock.set_by())
        for event in events:
            if run is None or isinstance(event, UnknownLine) or event.time < self._since:
                continue
            if isinstance(event, OutOfMemory):
                tries = f"Try {event.attempt} of {event.attempts}."
                self._notices.post("warning", f"{run.name}: {event.sentence}", tries, run_id)
            elif isinstance(event, Warned):
                self._tell(run, event)

    def _tell(self, run: Run, warned: Warned) -> None:
        before = self._told.get((run.id, warned.code))
        # Of a run that could not start, its failure is told.
        if warned.code == NEVER_STARTED or (before is not None and abs(warned.time - before) < AGAIN_AFTER):
            return
        self._told[run.id, warned.code] = warned.time
        is_quiet = warned.code in ABOUT_THE_START or warned.code.endswith("_overridden")
        if warned.code in OWN_CHOICE or ((is_quiet or warned.code in ABOUT_THE_DATA) and _was_said(run, warned)):
            return
        self._notices.post("info" if is_quiet else "warning", f"{run.name}: {warned.sentence}", warned.hint, run.id)


def _was_said(run: Run, warned: Warned) -> bool:
    """Say whether an earlier start of the run has said the same."""
    return any(
        (one.code, one.sentence) == (warned.code, warned.sentence) and one.seq < warned.seq
        for one in run.progress.warnings
    )
