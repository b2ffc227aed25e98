"""Nothing waits without a name: which phase a run is in, since when, and how long each took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.controllers.preparing import Prepared, PreparingName
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
            parts.append(words.time_left_between(run.progress.seconds_left, run.progress.seconds_left_range))
        return " · ".join(parts)
    ended = f" · {words.moment(run.ended)}" if run.ended else ""
    done = f" after {words.plural(run.step, 'step')}" if run.step else ""
    return f"{run.state.value.capitalize()}{done}{ended}"


def _phase_words(run: Run, now: datetime) -> str:
    phase = run.progress.phase
    if phase is None:
        return "Training" if run.step else "Beginning"
    if phase.name == "train" and not run.progress.steps_of_try:
        return f"Making the first step · since {words.duration(max(0.0, (now - phase.time).total_seconds()))}"
    since = max(0.0, (now - phase.time).total_seconds())
    text = PHASE_WORDS[phase.name][0]
    return text if phase.name == "train" and run.step else f"{text} · since {words.duration(since)}"


PREPARED_WORDS: dict[PreparingName, str] = {
    "image": "image",
    "environment": "environment",
    "download": "download",
    "start": "start",
}
SHORTEST = 0.5
"""What was over in less, in seconds, before the trainer came up, was no waiting."""


@dataclass(frozen=True)
class Piece:
    """A piece of the ribbon; ``share`` is how much of it is done, where that is known and it is going on."""

    words: str
    seconds: float
    share: float | None = None
    is_current: bool = False


def ribbon_pieces(run: Run, now: datetime, prepared: Sequence[Prepared] = ()) -> list[Piece]:
    """Return everything that took time, in its order, from the image to the end."""
    is_waiting = run.state is RunState.STARTING
    pieces = [
        Piece(PREPARED_WORDS[one.name], one.seconds, one.share, is_waiting and not one.is_over)
        for one in prepared
        if one.seconds >= SHORTEST or (is_waiting and not one.is_over)
    ]
    progress = run.progress
    current = progress.phase.name if progress.phase else "train"
    for name, seconds in phase_seconds(run, now).items():
        is_current = run.state.is_live and not is_waiting and name == current
        if name != "train":
            pieces.append(Piece(PHASE_WORDS[name][1], seconds, None, is_current))
            continue
        first = progress.first_step_s
        if first is None and not progress.steps_of_try and run.state.is_live:
            pieces.append(Piece("first step", seconds, None, is_current))
            continue
        if first is not None and SHORTEST <= first < seconds:
            pieces.append(Piece("first step", first))
            seconds -= first
        share = run.step / run.total_steps if run.total_steps else None
        pieces.append(Piece("train", seconds, share if is_current else None, is_current))
    return pieces


class PhaseRibbon(QWidget):
    """Each phase as a piece of a bar, as long as it took, with its name and time where there is room."""

    def __init__(self, theme: Theme, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._theme = theme
        self._clock = clock
        self._run: Run | None = None
        self.prepared: Callable[[str], Sequence[Prepared]] = lambda _: ()
        """What a run waited for before its trainer spoke, by its id."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, 8 + 4 + self.fontMetrics().height())

    def show_run(self, run: Run | None) -> None:
        self._run = run
        pieces = self._pieces()
        self.setVisible(bool(pieces))
        text = ", ".join(_said(piece) for piece in pieces)
        self.setAccessibleName(f"Phases: {text}")
        self.setToolTip(text)
        self.update()

    def _pieces(self) -> list[Piece]:
        run = self._run
        return ribbon_pieces(run, self._clock(), self.prepared(run.id)) if run is not None else []

    def paintEvent(self, event: QPaintEvent) -> None:
        pieces, colours = self._pieces(), self._theme.colours
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(scaled_font(self.font(), 0.88))
        metrics = painter.fontMetrics()
        texts = [_said(piece) for piece in pieces]
        wanted = [metrics.horizontalAdvance(text) + 12 for text in texts]
        left = 0.0
        for piece, text, width in zip(
            pieces, texts, _share([piece.seconds for piece in pieces], wanted, self.width()), strict=True
        ):
            self._paint_bar(painter, piece, QRectF(left, 0, max(2.0, width - 2), 6))
            painter.setPen(QColor(colours.text if piece.is_current else colours.muted))
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(width - 6)))
            painter.drawText(QRectF(left, 9, width, metrics.height()), Qt.AlignmentFlag.AlignLeft, shown)
            left += width
        painter.end()

    def _paint_bar(self, painter: QPainter, piece: Piece, box: QRectF) -> None:
        """What goes on is filled as far as it is done; where nobody knows how far, it is filled whole."""
        colours = self._theme.colours
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.accent if piece.is_current and piece.share is None else colours.edge))
        if piece.is_current and piece.share is not None:
            painter.setBrush(QColor(colours.selection))
        painter.drawRoundedRect(box, 2, 2)
        if piece.is_current and piece.share is not None:
            painter.setBrush(QColor(colours.accent))
            box.setWidth(max(2.0, box.width() * min(1.0, piece.share)))
            painter.drawRoundedRect(box, 2, 2)


def _said(piece: Piece) -> str:
    share = f", {100 * piece.share:.0f} %" if piece.share is not None and piece.is_current else ""
    return f"{piece.words} {words.duration(piece.seconds)}{share}"


def _share(sizes: list[float], wanted: list[int], width: float) -> list[float]:
    """Share a width by size, but give each what its words want as long as there is room for it."""
    if not sizes:
        return []
    scale = min(1.0, width / max(1, sum(wanted)))
    least = [want * scale for want in wanted]
    rest, total = max(0.0, width - sum(least)), sum(sizes) or 1
    return [small + rest * size / total for small, size in zip(least, sizes, strict=True)]
