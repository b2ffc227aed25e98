"""The head of a run: its name and state, how it uses the cards, and its most telling numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtWidgets import QLabel, QWidget

from desktop.core.metrics import headline
from desktop.core.run import NEVER_STARTED, Run, RunState
from desktop.ui import words
from desktop.ui.charts.metric_words import main_chart, sentence_of, title_of
from desktop.ui.pieces import ElidedLabel, column, label, row
from desktop.ui.runs.phase_line import now_line
from desktop.ui.runs.run_facts import FACTS, facts_of, facts_tip
from desktop.ui.shapes import STATE_SHAPES, shape_pixmap, state_colour
from desktop.ui.theme import Theme, scaled_font, table_font
from trainer_image.contract import EVALUATED, Evaluation, Warned


class Number(QWidget):
    """One number with its name under it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.value = label("–")
        self.value.setFont(scaled_font(self.value.font(), 1.35, bold=True))
        self.name = label(name, "muted")
        self.setLayout(column(self.value, self.name, 1, space=0))

    def show_value(self, text: str, exact: str = "", name: str = "") -> None:
        self.value.setText(text)
        if name:
            self.name.setText(name)
        self.value.setAccessibleName(f"{self.name.text()} {text}")
        self.setToolTip(exact)


class RunHead(QWidget):
    """Three lines and four numbers, and a fourth line where the trainer warned of something."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.shape = QLabel()
        self.name = ElidedLabel("", "title")
        self.now = ElidedLabel("", "muted")
        self.place = ElidedLabel("", "muted")
        self.sign = QLabel()
        self.warned = ElidedLabel("", "warn")
        self.warned_line = QWidget()
        self.warned_line.setLayout(row(self.sign, self.warned, space=6))
        self.warned_line.hide()
        self.numbers = {
            "main": Number("loss"),
            "headline": Number(""),
            "evaluation": Number("evaluation"),
            "tokens/s": Number("tokens/s"),
        }
        self.name.setFont(scaled_font(self.name.font(), 1.2, bold=True))
        self.now.setFont(table_font(self.now.font()))
        who = column(row(self.shape, self.name), self.now, self.place, self.warned_line, space=4)
        layout = row(who, *self.numbers.values(), space=24)
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def show_run(self, run: Run) -> None:
        colours, progress = self._theme.colours, run.progress
        self.shape.setPixmap(shape_pixmap(STATE_SHAPES[run.state], state_colour(run.state, colours)))
        self.shape.setAccessibleName(run.state.value)
        self.name.set_whole_text(run.name)
        self.now.set_whole_text(now_line(run, datetime.now(UTC)))
        facts = facts_of(run)
        self.place.set_whole_text(facts)
        self.place.set_tip(facts_tip(run))
        self.place.setVisible(bool(facts))
        self._show_warned(run)
        self._show_numbers(run, main_chart(run.config.method, progress.metrics))

    def _show_warned(self, run: Run) -> None:
        """The latest trouble stands here for as long as it holds: its notice may have been dismissed, or never seen."""
        told = warnings_of(run)
        self.warned_line.setVisible(bool(told))
        if told:
            self.sign.setPixmap(shape_pixmap("bang", self._theme.colours.warn, 12))
            self.sign.setAccessibleName("warning")
            more = f"(and {len(told) - 1} more)" if len(told) > 1 else ""
            self.warned.set_whole_text(" ".join(part for part in (told[0].sentence, more, told[0].hint) if part))
            self.warned_line.setToolTip("\n".join(f"{one.sentence} {one.hint}".rstrip() for one in told))

    def _show_numbers(self, run: Run, main: str) -> None:
        progress = run.progress
        value = run.loss if main == "loss" else progress.metrics.get(main)
        self.numbers["main"].show_value(_number_words(main, value), f"{value!r}", title_of(main).lower())
        told = next((name for name in headline(run.config.method) if name != main and name in progress.metrics), "")
        self.numbers["headline"].setVisible(bool(told))
        if told:
            value = progress.metrics[told]
            short = title_of(told).lower().partition(" (")[0]
            self.numbers["headline"].show_value(
                words.short_number(value), f"{value!r}. {sentence_of(told)}", NUMBER_NAMES.get(told, short)
            )
        evaluation, best = progress.evaluation, progress.best
        exact = "no evaluation yet"
        if evaluation is not None:
            exact = f"{_tested(evaluation, main)!r} at step {evaluation.step}"
            exact += f"; the best was at step {best.step}" if best is not None else ""
        tested = _tested(evaluation, main) if evaluation is not None else None
        tests = run.config.method in EVALUATED and run.config.eval_split_size > 0 and not run.config.find_learning_rate
        self.numbers["evaluation"].setVisible(evaluation is not None or tests)
        self.numbers["evaluation"].show_value(_number_words(main, tested), exact)
        step = progress.step
        self.numbers["tokens/s"].show_value(words.short_number(step.tokens_per_s) if step else "–")


NUMBER_NAMES = {
    "rewards/margins": "margin",
    "margin": "margin",
    "mean_token_accuracy": "guessed right",
    "reward_std": "spread",
}
"""Names of numbers that have to be short."""


FEARED = ("may_not_fit",)
"""Codes of warnings of what might come; it has not, once the run is finished."""


def warnings_of(run: Run) -> list[Warned]:
    """Return what the trainer warned of, each code once: the latest first, but trouble in training before all else."""
    progress = run.progress
    troubles = [warned for _, warned in reversed(progress.troubles)]
    told: dict[str, Warned] = {}
    for warned in (*troubles, *reversed(progress.warnings)):
        told.setdefault(warned.code, warned)
    told.pop(NEVER_STARTED, None)  # that is a failure, and told as one
    over = (*FACTS, *FEARED) if run.state is RunState.FINISHED else FACTS
    return [warned for code, warned in told.items() if code not in over]


def _tested(evaluation: Evaluation, main: str) -> float | None:
    if main == "loss" and evaluation.loss is None:
        # STaR is tested by what it solves.
        return evaluation.metrics.get("solved")
    return evaluation.loss if main == "loss" else evaluation.metrics.get(main)


def _number_words(name: str, value: float | None) -> str:
    return words.loss(value) if name == "loss" else words.short_number(value)
