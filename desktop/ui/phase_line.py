"""Nothing waits without a name: which phase a run is in, since when, and how long each took."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.core.run import Run, RunState
from desktop.ui import words
from desktop.ui.theme import Theme, scaled_font
from trainer_image.contract import PhaseName

PHASE_WORDS: dict[PhaseName, tuple[str, str]] = {
    "self_test": ("Letting the cards talk to each other", "self-test"),
    "import": ("Loading the libraries", "libraries"),
    "load": ("Loading the model", "model"),
    "data": ("Reading the data", "data"),
    "probe": ("Trying the longest batch", "longest batch"),
    "compile": ("Compiling", "compile"),
    "train": ("Training", "train"),
    "generate": ("Answering the problems", "answers"),
    "evaluate": ("Evaluating", "evaluate"),
    "save": ("Saving", "save"),
}


def phase_seconds(run: Run, now: datetime) -> dict[PhaseName, float]:
    """Return how long each phase took so far, in the order of their first time; training is what the others left."""
    seconds: dict[PhaseName, float] = {}
    for name, took in run.progress.phases:
        seconds[name] = seconds.get(name, 0) + took
    current = run.progress.phase
    if current is not None:
        seconds[current.name] = seconds.get(current.name, 0) + max(0.0, (now - current.time).total_seconds())
    hello = run.progress.hello
    if "train" not in seconds and run.progress.step is not None and hello is not None:
        end = run.progress.end.time if run.progress.end else now
        rest = (end - hello.time).total_seconds() - sum(seconds.values())
        first: tuple[PhaseName, ...] = ("self_test", "import", "load", "data", "probe", "compile")
        before = {name: took for name, took in seconds.items() if name in first}
        after = {name: took for name, took in seconds.items() if name not in before}
        seconds = {**before, "train": max(0.0, rest), **after}
    return seconds


def now_line(run: Run, now: datetime) -> str:
    """Return one sentence that says what is going on."""
    if run.state is RunState.WAITING:
        return run.waiting_for[:1].upper() + run.waiting_for[1:]
    if run.state is RunState.STARTING:
        since = f" · {words.duration((now - run.started).total_seconds())}" if run.started else ""
        return (run.preparing[:1].upper() + run.preparing[1:] or "Starting the trainer") + since
    if run.state is RunState.RUNNING:
        parts = [_phase_words(run, now)]
        if run.step and run.total_steps:
            parts.append(f"step {words.count(run.step)} of {words.count(run.total_steps)}")
        if run.progress.seconds_left is not None:
            parts.append(words.time_left(run.progress.seconds_left))
        return " · ".join(parts)
    ended = f" · {words.moment(run.ended)}" if run.ended else ""
    done = f" after {words.plural(run.step, 'step')}" if run.step else ""
    return f"{run.state.value.capitalize()}{done}{ended}"


def _phase_words(run: Run, now: datetime) -> str:
    phase = run.progress.phase
    if phase is None:
        return "Training" if run.step else "Beginning"
    since = max(0.0, (now - phase.time).total_seconds())
    text = PHASE_WORDS[phase.name][0]
    return text if phase.name == "train" and run.step else f"{text} · since {words.duration(since)}"


class PhaseRibbon(QWidget):
    """Each phase as a piece of a bar, as long as it took, with its name and time where there is room."""

    def __init__(self, theme: Theme, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._theme = theme
        self._clock = clock
        self._run: Run | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, 8 + 4 + self.fontMetrics().height())

    def show_run(self, run: Run | None) -> None:
        self._run = run
        seconds = phase_seconds(run, self._clock()) if run else {}
        self.setVisible(bool(seconds))
        text = ", ".join(f"{PHASE_WORDS[name][1]} {words.duration(took)}" for name, took in seconds.items())
        self.setAccessibleName(f"Phases: {text}")
        self.setToolTip(text)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._run is None:
            return
        seconds = phase_seconds(self._run, self._clock())
        colours = self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(scaled_font(self.font(), 0.88))
        metrics = painter.fontMetrics()
        texts = {name: f"{PHASE_WORDS[name][1]} {words.duration(took)}" for name, took in seconds.items()}
        widths = _share(
            list(seconds.values()), [metrics.horizontalAdvance(t) + 12 for t in texts.values()], self.width()
        )
        current = self._run.progress.phase.name if self._run.progress.phase else "train"
        left = 0.0
        for (name, text), width in zip(texts.items(), widths, strict=True):
            is_current = self._run.state.is_live and name == current
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.accent if is_current else colours.edge))
            painter.drawRoundedRect(QRectF(left, 0, max(2.0, width - 2), 6), 2, 2)
            painter.setPen(QColor(colours.text if is_current else colours.muted))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(width - 6)))
            painter.drawText(QRectF(left, 9, width, metrics.height()), Qt.AlignmentFlag.AlignLeft, shown)
            left += width
        painter.end()


def _share(sizes: list[float], wanted: list[int], width: float) -> list[float]:
    """Share a width by size, but give each what its words want as long as there is room for it."""
    if not sizes:
        return []
    scale = min(1.0, width / max(1, sum(wanted)))
    least = [want * scale for want in wanted]
    rest, total = max(0.0, width - sum(least)), sum(sizes) or 1
    return [small + rest * size / total for small, size in zip(least, sizes, strict=True)]
