"""Nothing waits without a name: which phase a run is in, since when, and how long each took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop.controllers.preparing import Prepared, PreparingName
from desktop.core.phase_count import PhaseCount
from desktop.core.run import Run, RunState
from desktop.core.wishes import Wish
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


ORDER: tuple[PhaseName, ...] = (
    *("self_test", "import", "load", "data", "generate", "probe", "compile", "train", "evaluate", "save"),
)
BEFORE_HELLO: tuple[PhaseName, ...] = ("self_test", "import")


def phase_seconds(run: Run, now: datetime) -> dict[PhaseName, float]:
    """Return how long each phase of the latest start took so far; what happened within another counts once, as itself.

    Where nobody knows when a trainer died, its last word counts as its end.
    """
    progress = run.progress
    if run.state is RunState.STARTING and not run.is_heard:
        return {}
    until = now if run.state.is_live else _last_word(run, now)
    seconds: dict[PhaseName, float] = {}
    for name, took in progress.phases:
        seconds[name] = seconds.get(name, 0) + took
    inner = 0.0
    for phase in reversed(progress.open_phases):
        open_for = max(0.0, (until - phase.time).total_seconds())
        seconds[phase.name] = seconds.get(phase.name, 0) + max(0.0, open_for - inner)
        inner = open_for
    for name, took in progress.nested.items():
        if name in seconds:
            seconds[name] = max(0.0, seconds[name] - took)
    if "train" not in seconds and progress.step is not None and progress.hello is not None:
        others = sum(took for name, took in seconds.items() if name not in BEFORE_HELLO)
        seconds["train"] = max(0.0, (until - progress.hello.time).total_seconds() - others)
    return {name: seconds[name] for name in ORDER if name in seconds}


def _last_word(run: Run, now: datetime) -> datetime:
    return run.progress.end.time if run.progress.end else run.progress.heard or now


def now_line(run: Run, now: datetime) -> str:
    """Return one sentence that says what is going on."""
    if run.state is RunState.WAITING:
        return run.waiting_for[:1].upper() + run.waiting_for[1:]
    if run.state is RunState.STARTING and not run.is_heard:
        since = _for((now - run.started).total_seconds()) if run.started else ""
        return (run.preparing[:1].upper() + run.preparing[1:] or "Starting the trainer") + since
    if run.state.is_live:
        parts = [ASKED_WORDS[run.asked], _phase_words(run, now)]
        if run.step and run.total_steps:
            parts.append(f"step {words.count(run.step)} of {words.count(run.total_steps)}")
        if run.progress.seconds_left is not None and run.asked not in ("pause", "cancel"):
            parts.append(words.time_left_between(run.progress.seconds_left, run.progress.seconds_left_range))
        return " · ".join(part for part in parts if part)
    ended = f" · {words.moment(run.ended)}" if run.ended else ""
    done = f" after {words.plural(run.step, 'step')}" if run.step else ""
    return f"{run.state.value.capitalize()}{done}{ended}"


ASKED_WORDS: dict[Wish, str] = {
    "": "",
    "checkpoint": "Saves after this step",
    "pause": "Pauses after this step",
    "cancel": "Ends after this step",
}


def _phase_words(run: Run, now: datetime) -> str:
    progress = run.progress
    phase = progress.phase
    if phase is None:
        if progress.steps_of_try:
            return "Training"
        tried = progress.out_of_memory[-1:]
        is_smaller = bool(tried) and tried[0].seq == progress.last_seq
        return "Beginning again with fewer rows at once" if is_smaller else "Beginning"
    lasted = _for((now - phase.time).total_seconds())
    if phase.name == "train":
        return "Training" if progress.steps_of_try else f"Making the first step{lasted}"
    return (_counted_words(progress.count, now) if progress.count else PHASE_WORDS[phase.name][0]) + lasted


COUNTED_WORDS: dict[PhaseName, tuple[str, str]] = {
    "data": ("Tokenising", "rows"),
    "generate": ("Answering the problems,", "batches"),
    "evaluate": ("Evaluating", "batches"),
}
"""What is done with what is counted; a newer trainer may count more than these."""


def _counted_words(count: PhaseCount, now: datetime) -> str:
    """Return how far a phase has come, and how much longer it takes where that can be told."""
    verb, unit = COUNTED_WORDS.get(count.name, (f"{PHASE_WORDS[count.name][0]},", ""))
    left = count.seconds_left(now)
    rest = "" if left is None else f" ({words.time_left_between(left, None)})"
    return f"{verb} {_done_of(count, unit)}{rest}"


def _done_of(count: PhaseCount, unit: str) -> str:
    return f"{words.count(count.done)} of {words.count(count.total)} {unit}".rstrip()


def _for(seconds: float) -> str:
    """Return since when, without fractions that would flicker; a clock that was set back says nothing."""
    if seconds < 1:
        return ""
    return f" · for {seconds:.0f} s" if seconds < 10 else f" · for {words.duration(seconds)}"


PREPARED_WORDS: dict[PreparingName, str] = {
    "image": "image",
    "environment": "environment",
    "download": "download",
    "start": "start",
}
SHORTEST = 0.5
"""What was over in less, in seconds, before the trainer came up, was no waiting."""
SHORTEST_PHASE = 0.05
"""And a phase that is shorter would be told as 0.0 s."""


@dataclass(frozen=True)
class Piece:
    """A piece of the ribbon; ``share`` is how much of it is done, where that is known and it is going on.

    ``detail`` says the same in numbers, for the tooltip and for those who cannot see the bar.
    """

    words: str
    seconds: float
    share: float | None = None
    is_current: bool = False
    detail: str = ""


def ribbon_pieces(run: Run, now: datetime, prepared: Sequence[Prepared] = ()) -> list[Piece]:
    """Return everything that took time, in its order, from the image to the end."""
    is_waiting = run.state is RunState.STARTING and not run.is_heard
    pieces = [
        Piece(PREPARED_WORDS[one.name], one.seconds, one.share, is_waiting and not one.is_over)
        for one in prepared
        if one.seconds >= SHORTEST or (is_waiting and not one.is_over)
    ]
    progress = run.progress
    current = progress.phase.name if progress.phase else "train" if progress.steps_of_try else None
    for name, seconds in phase_seconds(run, now).items():
        is_current = run.state.is_live and name == current
        if name == "train":
            pieces += _train_pieces(run, seconds, is_current=is_current)
        elif is_current or seconds >= SHORTEST_PHASE:
            pieces.append(_piece(name, seconds, progress.count if is_current else None, now, is_current=is_current))
    if run.state is RunState.RUNNING and current is None and progress.heard is not None:
        pieces.append(Piece("beginning", max(0.0, (now - progress.heard).total_seconds()), None, True))
    return pieces


def _piece(name: PhaseName, seconds: float, count: PhaseCount | None, now: datetime, *, is_current: bool) -> Piece:
    if count is None:
        return Piece(PHASE_WORDS[name][1], seconds, None, is_current)
    detail = _done_of(count, COUNTED_WORDS.get(name, ("", ""))[1])
    if (left := count.seconds_left(now)) is not None:
        detail += f", {words.time_left_between(left, None)}"
    return Piece(PHASE_WORDS[name][1], seconds, count.share, is_current, detail)


def _train_pieces(run: Run, seconds: float, *, is_current: bool) -> list[Piece]:
    """Return training, and before it the first step, which takes longer where it compiles."""
    progress = run.progress
    first = progress.first_step_s
    if not progress.steps_of_try:
        return [Piece("first step", seconds, None, is_current)] if is_current else []
    pieces = []
    is_told_as_compiling = any(name == "compile" for name, _ in progress.phases)
    if first is not None and SHORTEST <= first < seconds and not is_told_as_compiling:
        pieces.append(Piece("first step", first))
        seconds -= first
    share = run.step / run.total_steps if run.total_steps and is_current else None
    return [*pieces, Piece("train", seconds, share, is_current)]


class PhaseRibbon(QWidget):
    """Each phase as a piece of a bar, as long as it took, with its name and time where there is room."""

    def __init__(self, theme: Theme, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._theme = theme
        self._clock = clock
        self._run: Run | None = None
        self._shown: tuple[str, list[bool]] | None = None
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
        text = ", ".join(_said(piece) + (f" ({piece.detail})" if piece.detail else "") for piece in pieces)
        shown = (text, [piece.is_current for piece in pieces])
        if shown != self._shown:  # the last phase ends without another word
            self._shown = shown
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
        # The line above the ribbon says how far in numbers; here it would take the room of the other phases.
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
