"""How it is going: what the run is doing now, its numbers, its curves, and what went wrong if it did."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QScrollArea, QStackedLayout, QWidget

from desktop.core.feeds import Feeds
from desktop.core.run import Run, RunState
from desktop.core.run_log import tail_of_log
from desktop.core.series import Series
from desktop.ui import words
from desktop.ui.charts.rate_curve import RateCurve
from desktop.ui.charts.run_curves import RunCurves
from desktop.ui.pieces import action_button, boxed, column, label, row
from desktop.ui.runs.failure_panel import FailurePanel
from desktop.ui.runs.head import RunHead
from desktop.ui.runs.phase_line import PhaseRibbon
from desktop.ui.runs.rounds_strip import RoundsStrip
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions

REST_AFTER_MS = 50
"""The small charts of a long run are worked out when the large one has been painted."""


class PlotsDock(QWidget):
    """Follows the selected run."""

    def __init__(self, services: Services, actions: Actions, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._runs = services.runs
        self._jobs = services.jobs
        self._reading: dict[str, float] = {}
        """Long runs that are being read on the side, and the share that has been read."""
        self._compared: list[str] = []
        self._selection = selection
        self.head = RunHead(theme)
        self.ribbon = PhaseRibbon(theme)
        self.rounds = RoundsStrip(theme)
        self.failure = FailurePanel(theme)
        self.failure.buttons.insertWidget(0, action_button(actions["pause"]))
        self.curves = RunCurves(theme, services.settings, lambda error: services.notices.post_error(error))
        self.rate = RateCurve(theme)
        self.waiting = label("", "muted", wrap=True)
        self._compose(actions)
        selection.run_selected.connect(self._select)
        selection.compare_requested.connect(self.compare)
        selection.evaluation_selected.connect(self.curves.select_evaluation)
        self.curves.evaluation_pressed.connect(selection.evaluation_selected)
        self.rate.value_wanted.connect(selection.knob_requested)
        self._runs.run_changed.connect(self._run_changed)
        self._runs.advanced.connect(self._advanced)
        theme.theme_changed.connect(self._show_run)
        clock = QTimer(self, interval=1000)
        clock.timeout.connect(self._tick)
        clock.start()
        self._select(selection.run_id)

    def _compose(self, actions: Actions) -> None:
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drawing = QStackedLayout()
        for page in (self.waiting, self.curves, self.rate):
            self._drawing.addWidget(page)
        content = column(self.head, self.ribbon, self.rounds, self.failure, self._drawing, space=8)
        content.setStretch(4, 1)
        content.setContentsMargins(0, 0, 8, 0)
        empty = label("The curves of a run will grow here: its loss, and how fast it learns.", "muted")
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout()
        self._stack.addWidget(boxed(column(1, empty, row(1, action_button(actions["example"]), 1), 1, space=12)))
        # With a failure and its log open there may be more than fits; then one scrolls, and the window stays small.
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(boxed(content))
        self._stack.addWidget(scroll)
        outer = column(self._stack)
        outer.setContentsMargins(16, 8, 8, 12)
        self.setLayout(outer)

    @property
    def run(self) -> Run | None:
        return self._runs.get(self._selection.run_id)

    def _select(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        self._stack.setCurrentIndex(0 if run is None else 1)
        if run is None:
            self.curves.show_series(None)
        elif self._is_ready(run):
            run = self._runs.refresh(run_id)
            self.curves.show_progress(run.progress)
            series, config = self._runs.series(run_id), run.config
            self.curves.show_series(series, config.method, run_id=run_id, name=run.name, folder=run.folder)
        else:
            self.curves.show_series(None)
        self._show_run()

    def _is_ready(self, run: Run) -> bool:
        """Say whether a run can be drawn at once; a long one is read and made ready on the side first."""
        if run.id in self._reading:
            return False
        if not self._runs.can_open_at_once(run.id):
            self._reading[run.id] = 0.0
            self._runs.open_aside(run.id, lambda share: self._hear(run.id, share), lambda: self._has_read(run.id))
            return False
        series = self._runs.series(run.id)
        if self.curves.is_ready_for(series):
            return True
        self._reading[run.id] = 1.0
        self._make_ready(run, series)
        return False

    def _make_ready(self, run: Run, series: Series) -> None:
        feeds, look = Feeds(series), self.curves.controls.look
        first, *others = self.curves.numbers_for(series, run.config.method)

        def make_rest() -> None:
            self._jobs.run("pool", lambda: feeds.make_ready(others, look), lambda _: self.curves.take_rest(feeds))

        def has_made_first(_: object) -> None:
            self.curves.take_ready(feeds)
            self._has_read(run.id)
            QTimer.singleShot(REST_AFTER_MS, self, make_rest)

        self._jobs.run("pool", lambda: feeds.make_ready([first], look), has_made_first)

    def _hear(self, run_id: str, share: float) -> None:
        if run_id in self._reading:
            self._reading[run_id] = share
            if run_id == self._selection.run_id:
                self._show_run()

    def _has_read(self, run_id: str) -> None:
        self._reading.pop(run_id, None)
        if run_id == self._selection.run_id:
            self._select(run_id)
        if run_id in self._compared:
            self.compare(self._compared)

    def compare(self, run_ids: list[str]) -> None:
        """Draw the curves of other runs together with those of the selected one; only that one ends it."""
        self._compared = list(run_ids)
        runs = [run for run_id in run_ids if (run := self._runs.get(run_id)) is not None]
        ready = [run for run in runs if run.id != self._selection.run_id and self._is_ready(run)]
        self.curves.compare([(run.id, run.name, self._runs.series(run.id)) for run in ready])

    def _run_changed(self, run_id: str) -> None:
        if self._is_read_anew(run_id):
            self._select(self._selection.run_id)
            self.compare(self._compared)
        elif run_id == self._selection.run_id:
            self._show_run()

    def _is_read_anew(self, run_id: str) -> bool:
        """Say whether the curves are not those that grow any more: the folder was away, and it is back."""
        drawn = [track.series for track in self.curves.tracks if track.run_id == run_id]
        if not drawn or self._runs.get(run_id) is None or not self._runs.can_open_at_once(run_id):
            return False
        return self._runs.series(run_id) is not drawn[0]

    def _advanced(self, run_id: str, _events: list[object]) -> None:
        if any(track.run_id == run_id for track in self.curves.tracks):
            self.curves.mark_dirty()

    def _tick(self) -> None:
        run = self.run
        if run is not None and run.state.is_live and self.isVisible():
            self._show_run()

    def _show_run(self) -> None:
        run = self.run
        if run is None:
            return
        self.head.show_run(run)
        self.ribbon.show_run(run)
        self.rounds.show_rounds(run.progress.rounds)
        self._show_failure(run)
        if run.id in self._reading:
            self._drawing.setCurrentWidget(self.waiting)
            self.waiting.setText(_reading_words(run, self._reading[run.id]))
        elif run.progress.step is None:
            self._drawing.setCurrentWidget(self.waiting)
            self.waiting.setText(_waiting_words(run))
        elif run.config.find_learning_rate:
            self._drawing.setCurrentWidget(self.rate)
            self.rate.show_search(self._runs.series(run.id), run.progress.suggestion, run.state.is_live)
        else:
            self._drawing.setCurrentWidget(self.curves)
            self.curves.expect(run.config)
            self.curves.show_progress(run.progress)

    def _show_failure(self, run: Run) -> None:
        if run.failure is None or run.state.can_cancel:
            self.failure.show_failure("", "", "")
        elif self.failure.isHidden() or self.failure.sentence.text() != run.failure.sentence:
            self.failure.show_failure(run.failure.sentence, run.failure.hint, tail_of_log(run.files.log))


def _reading_words(run: Run, share: float) -> str:
    steps = words.plural(run.step, "step") if run.step else "the curves"
    return f"Reading {steps}… {share:.0%}".replace("%", " %")


def _waiting_words(run: Run) -> str:
    if run.state is RunState.WAITING:
        then = " It starts by itself." if run.waiting_for.startswith("waits for ") else ""
        return f"This run {run.waiting_for}.{then}"
    if run.state.is_live:
        return "The first step will draw the first point."
    return "This run made no step."
