"""How a run ended stays in the bar until it is seen: pressed, closed, or the run is looked at in this window."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from desktop.controllers.notices import Notice
from desktop.core.run import RunState
from desktop.ui import words
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.window.notice_bar import NoticeBar

MANY = 3
"""So many ends at once are told in one sentence."""


class EndNotices(QObject):
    """Stands between the bar, the list of runs and what is kept of unseen ends."""

    def __init__(self, services: Services, bar: NoticeBar, selection: Selection, window: QWidget) -> None:
        super().__init__(window)
        self._runs = services.runs
        self._ends = services.runs.ends
        self._bin = services.run_bin
        self._bar = bar
        self._selection = selection
        self._window = window
        self._summed: list[str] = []
        """The runs whose ends are told in one sentence, and have not been seen."""
        self._has_recalled = False
        services.notices.posted.connect(self._told)
        services.run_bin.changed.connect(lambda: self._ends.see_all([run.id for run in self._bin.held]))
        bar.closed.connect(self._closed)
        self._ends.was_seen.connect(self._was_seen)
        selection.run_selected.connect(self._looked_at)
        selection.run_pressed.connect(self._looked_at)

    def recall(self) -> None:
        """Tell, once, what ended while no window was open or nobody looked."""
        if self._has_recalled:
            return
        self._has_recalled = True
        notices = self._ends.unseen()
        if len(notices) < MANY:
            for notice in notices:
                self._bar.show_notice(notice)
        else:
            self._sum_up(notices)

    def _told(self, notice: Notice) -> None:
        """Nobody who comes back wants to close a dozen notices one by one."""
        if notice.is_end and self._has_recalled:
            notices = self._ends.unseen()
            if len(notices) >= MANY:
                self._sum_up(notices)

    def _sum_up(self, notices: list[Notice]) -> None:
        self._bar.forget_end("")
        self._summed = [notice.run_id for notice in notices]
        for run_id in self._summed:
            self._bar.forget_end(run_id)
        self._show_sum()

    def _show_sum(self) -> None:
        runs = [run for run_id in self._summed if (run := self._runs.get(run_id)) is not None]
        states = Counter(run.state for run in runs)
        how = ", ".join(f"{words.count(number)} {state.value}" for state, number in states.most_common())
        sentence = f"{words.plural(len(runs), 'run')} ended since you looked last: {how}."
        level: Literal["info", "warning"] = "info" if set(states) <= {RunState.FINISHED} else "warning"
        show = lambda: self._selection.view_requested.emit("watch")  # noqa: E731
        self._bar.show_notice(Notice(level, sentence, is_end=True), "Show", show)

    def _closed(self, notice: Notice) -> None:
        if notice.is_end:
            seen = [notice.run_id] if notice.run_id else self._summed
            if not notice.run_id:
                self._summed = []
            self._ends.see_all(seen)

    def _was_seen(self, run_id: str) -> None:
        self._bar.forget_end(run_id)
        if run_id in self._summed:
            self._summed.remove(run_id)
            self._bar.forget_end("")
            if self._summed:
                self._show_sum()

    def _looked_at(self, run_id: str) -> None:
        """A run that the app itself has chosen, or chose in the background, has not been looked at by anybody."""
        active = QApplication.activeWindow()
        while active is not None and active is not self._window:
            active = active.parentWidget()  # a dock that floats is a window of its own
        if active is not None:
            self._ends.see(run_id)
