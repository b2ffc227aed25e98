"""How it is going: what the run is doing now, its numbers, its curves, and what went wrong if it did."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QScrollArea, QStackedLayout, QWidget

from desktop.core.run import Run
from desktop.core.run_log import tail_of_log
from desktop.ui import words
from desktop.ui.actions import Actions
from desktop.ui.failure_panel import FailurePanel
from desktop.ui.phase_line import PhaseRibbon, now_line
from desktop.ui.pieces import ElidedLabel, action_button, boxed, column, label, row
from desktop.ui.run_curves import RunCurves
from desktop.ui.selection import Selection
from desktop.ui.services import Services
from desktop.ui.shapes import STATE_SHAPES, shape_pixmap, state_colour
from desktop.ui.theme import Theme, scaled_font, table_font


class Number(QWidget):
    """One number with its name under it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.value = label("–")
        self.value.setFont(scaled_font(self.value.font(), 1.35, bold=True))
        self.name = name
        self.setLayout(column(self.value, label(name, "muted"), space=0))

    def show_value(self, text: str, exact: str = "") -> None:
        self.value.setText(text)
        self.value.setAccessibleName(f"{self.name} {text}")
        self.setToolTip(exact)


class PlotsDock(QWidget):
    """Follows the selected run."""

    def __init__(self, services: Services, actions: Actions, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._runs = services.runs
        self._selection = selection
        self._theme = theme
        self.shape = QLabel()
        self.name = ElidedLabel("", "title")
        self.now = ElidedLabel("", "muted")
        self.numbers = {name: Number(name) for name in ("loss", "evaluation", "tokens/s")}
        self.ribbon = PhaseRibbon(theme)
        self.failure = FailurePanel(theme)
        self.failure.buttons.insertWidget(0, action_button(actions["pause"]))
        self.curves = RunCurves(theme, services.settings)
        self.waiting = label("", "muted", wrap=True)
        self._compose(actions)
        selection.run_selected.connect(self._select)
        self._runs.run_changed.connect(self._run_changed)
        self._runs.advanced.connect(self._advanced)
        theme.theme_changed.connect(self._show_run)
        clock = QTimer(self, interval=1000)
        clock.timeout.connect(self._tick)
        clock.start()
        self._select(selection.run_id)

    def _compose(self, actions: Actions) -> None:
        self.name.setFont(scaled_font(self.name.font(), 1.2, bold=True))
        self.now.setFont(table_font(self.now.font()))
        who = column(row(self.shape, self.name), self.now, space=4)
        head = row(who, *self.numbers.values(), space=24)
        head.setStretch(0, 1)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drawing = QStackedLayout()
        self._drawing.addWidget(self.waiting)
        self._drawing.addWidget(self.curves)
        content = column(head, self.ribbon, self.failure, self._drawing, space=12)
        content.setStretch(3, 1)
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
        if run is not None:
            self._runs.refresh(run_id)
            self.curves.show_series(self._runs.series(run_id))
        else:
            self.curves.show_series(None)
        self._show_run()

    def _run_changed(self, run_id: str) -> None:
        if run_id == self._selection.run_id:
            self._show_run()

    def _advanced(self, run_id: str, _events: list[object]) -> None:
        if run_id == self._selection.run_id:
            self.curves.mark_dirty()

    def _tick(self) -> None:
        run = self.run
        if run is not None and run.state.is_live and self.isVisible():
            self._show_run()

    def _show_run(self) -> None:
        run = self.run
        if run is None:
            return
        colours, progress = self._theme.colours, run.progress
        self.shape.setPixmap(shape_pixmap(STATE_SHAPES[run.state], state_colour(run.state, colours)))
        self.shape.setAccessibleName(run.state.value)
        self.name.set_whole_text(run.name)
        self.now.set_whole_text(now_line(run, datetime.now(UTC)))
        self.ribbon.show_run(run)
        step, evaluation = progress.step, progress.evaluation
        self.numbers["loss"].show_value(words.loss(run.loss), f"{run.loss!r}")
        self.numbers["evaluation"].show_value(
            words.loss(evaluation.loss) if evaluation else "–",
            f"{evaluation.loss!r} at step {evaluation.step}" if evaluation else "no evaluation yet",
        )
        self.numbers["tokens/s"].show_value(words.count(step.tokens_per_s) if step else "–")
        self._show_failure(run)
        has_curves = progress.step is not None
        self._drawing.setCurrentIndex(1 if has_curves else 0)
        if not has_curves:
            self.waiting.setText(
                "The first step will draw the first point." if run.state.is_live else "This run made no step."
            )

    def _show_failure(self, run: Run) -> None:
        if run.failure is None or run.state.is_live:
            self.failure.show_failure("", "", "")
        elif self.failure.isHidden() or self.failure.sentence.text() != run.failure.sentence:
            self.failure.show_failure(run.failure.sentence, run.failure.hint, tail_of_log(run.files.log))
