"""Will it fit? A bar for each card, what the parts are, how long it would take, and what would make it fit."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from desktop.controllers.fit import Duration, Fit, Fitting, GpuFit, Offer
from desktop.core.auto_time import time_words as guess_words
from desktop.ui import words
from desktop.ui.pieces import ElidedLabel, boxed, column, elided, keep_tab_order, label, row, set_role
from desktop.ui.setup.fit_bars import LOOKS, OTHERS, MemoryBar, card_name, paint_part, parts_of, size_words
from desktop.ui.theme import Theme

WAITING = "Shown once the form is complete."
UNTIMED = "How long it takes is not known yet: no run like it has been timed here."
GUESSED = "a guess: nothing of this kind has run here yet."
CHIP_PADDING = 28
NEARLY_SAME = 1.1
"""A shortest and a longest time that differ by less are one time."""


class ChangeButton(QPushButton):
    """A change to take; where its words are longer than the column is wide, they end in an ellipsis."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self._words = words
        self.setProperty("role", "chip")
        self.setAutoDefault(False)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setText(elided(self.font(), self._words, self.width() - CHIP_PADDING))


class Swatch(QWidget):
    """A small piece of a part's colour and pattern."""

    def __init__(self, name: str, theme: Theme) -> None:
        super().__init__()
        self._name, self._theme = name, theme
        self.setFixedSize(QSize(14, 14))
        theme.theme_changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_part(QPainter(self), self._theme, self._name, QRectF(self.rect()))


class CardFit(QWidget):
    """One card: its name, what is needed of what is free, and the bar."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.name = ElidedLabel("", "title")
        self.figures = label("")
        self.bar = MemoryBar(theme)
        self.short = label("", "problem", wrap=True)
        head = row(self.name, self.figures)
        head.setStretch(0, 1)
        self._head = head
        self._figures = self._short_figures = ""
        self.setLayout(column(head, self.bar, self.short, space=4))

    def show_gpu(self, gpu: GpuFit) -> None:
        self.name.set_whole_text(card_name(gpu))
        self.bar.show_gpu(gpu)
        free = gpu.room.free_bytes
        is_used = bool(gpu.predicted_bytes)
        needs = f"needs {words.memory(gpu.needed_bytes)} of " if is_used else ""
        self._figures = f"{needs}{words.memory(free)} GB free"
        self._short_figures = self._figures.removesuffix(" free") if is_used else self._figures
        self._show_figures()
        self.figures.setToolTip(f"{gpu.needed_bytes:,} of {free:,} bytes free; {gpu.room.total_bytes:,} in all")
        self.short.setVisible(is_used and not gpu.fits)
        self.short.setText(f"✗ {size_words(max(0, gpu.needed_bytes - free))} too much")

    def _show_figures(self) -> None:
        """Say besides that it is free memory, where there is room for that beside the whole name."""
        taken = self.name.fontMetrics().horizontalAdvance(self.name.whole_text()) + 2 + self._head.spacing()
        has_room = taken + self.figures.fontMetrics().horizontalAdvance(self._figures) <= self.width()
        self.figures.setText(self._figures if has_room else self._short_figures)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_figures()


class Legend(QWidget):
    """The parts by swatch, word and size, for the fullest card."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        self.sizes = {}
        for place, name in enumerate((*LOOKS, OTHERS)):
            line, first = place % 4, 3 * (place // 4)
            word = label(LOOKS[name].word if name in LOOKS else "others")
            word.setToolTip(LOOKS[name].meaning if name in LOOKS else "what other programs use now, and the screen")
            size = self.sizes[name] = label("", "muted")
            grid.addWidget(Swatch(name, theme), line, first)
            grid.addWidget(word, line, first + 1)
            grid.addWidget(size, line, first + 2)
        grid.setColumnStretch(2, 1)
        grid.setColumnStretch(5, 1)

    def show_gpu(self, gpu: GpuFit) -> None:
        taken = max(0, gpu.room.total_bytes - gpu.room.free_bytes)
        for name, size in {**parts_of(gpu), OTHERS: taken}.items():
            self.sizes[name].setText(size_words(size))


class FitPanel(QWidget):
    """Shows what the controller says, live."""

    knobs_wanted = Signal(dict)
    """Knobs and values that the user takes, so that it fits."""

    def __init__(self, fitting: Fitting, theme: Theme) -> None:
        super().__init__()
        self._fitting = fitting
        self._theme = theme
        self._guess_s: float | None = None
        self.verdict = label(WAITING, wrap=True)
        self.placement = label("", "muted", wrap=True)
        self.time = label("", wrap=True)
        self.time_source = label("", "muted", wrap=True)
        self.notes = label("", "muted", wrap=True)
        self.cards: list[CardFit] = []
        self._cards = QVBoxLayout()
        self._cards.setSpacing(8)
        self.legend = Legend(theme)
        self.ways_out = label("It would fit with one of these:")
        self._offers = QVBoxLayout()
        self._offers.setSpacing(4)
        self._offered: tuple[Offer, ...] = ()
        self.offer_box = boxed(column(self.ways_out, self._offers, space=4))
        self.details = boxed(column(self._cards, self.legend, self.placement, space=8))
        self.setLayout(
            column(self.verdict, self.details, self.notes, self.offer_box, self.time, self.time_source, space=8)
        )
        fitting.changed.connect(self.show_answer)
        self.show_answer()

    def show_answer(self) -> None:
        """Show what the controller says now."""
        fit = self._fitting.fit
        self.details.setVisible(fit is not None and bool(fit.gpus))
        self._show_verdict(fit)
        self._show_cards(fit.gpus if fit else ())
        self._set_text(self.placement, fit.sentence if fit and fit.fits is not None else "")
        self._set_text(self.notes, " ".join(fit.notes) if fit else "")
        self._show_offers(fit.changes if fit else ())
        self._show_time(self._fitting.duration)

    def take_guess(self, seconds: float | None) -> None:
        """Take what the chosen preset guesses; it is shown where nothing better is known."""
        if seconds != self._guess_s:
            self._guess_s = seconds
            self._show_time(self._fitting.duration)

    def _show_verdict(self, fit: Fit | None) -> None:
        if fit is None:
            role, text = "muted", WAITING
        elif fit.fits is None:
            role, text = "muted", fit.sentence
        elif not fit.gpus:
            role, text = "problem", f"✗ {fit.sentence}"
        else:
            where = "the computer's memory" if fit.placement == "cpu" else "memory"
            role, text = ("good", f"✓ It fits into {where}.") if fit.fits else ("problem", "✗ It does not fit.")
        set_role(self.verdict, role)
        self.verdict.setText(text)

    def _show_cards(self, gpus: tuple[GpuFit, ...]) -> None:
        while len(self.cards) < len(gpus):
            self.cards.append(CardFit(self._theme))
            self._cards.addWidget(self.cards[-1])
        for place, card in enumerate(self.cards):
            card.setVisible(place < len(gpus))
            if place < len(gpus):
                card.show_gpu(gpus[place])
        used = [gpu for gpu in gpus if gpu.predicted_bytes]
        self.legend.setVisible(bool(used))
        if used:
            self.legend.show_gpu(max(used, key=lambda gpu: gpu.needed_bytes / max(1, gpu.room.free_bytes)))

    def _show_offers(self, offers: tuple[Offer, ...]) -> None:
        self.offer_box.setVisible(bool(offers))
        if offers == self._offered:
            return
        self._offered = offers
        while item := self._offers.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self.ways_out.setText("It would fit with one of these:" if len(offers) > 1 else "It would fit with:")
        for offer in offers:
            need = size_words(max(offer.needed_bytes))
            where = " on the fullest card" if len(offer.needed_bytes) > 1 else ""
            what = f"{offer.words}. {offer.cost.capitalize()}. Then it needs {need}{where}."
            take = ChangeButton(offer.words)
            take.setAccessibleName(f"Change the form: {what}")
            take.setToolTip(what)
            take.clicked.connect(partial(self._take, offer))
            cost = label(f"{offer.cost} · then {need}", "muted", wrap=True)
            cost.setContentsMargins(12, 0, 0, 4)
            self._offers.addWidget(boxed(column(take, cost, space=0)))
        keep_tab_order(self.offer_box)

    def _take(self, offer: Offer) -> None:
        self.knobs_wanted.emit(offer.knobs)

    def _show_time(self, duration: Duration | None) -> None:
        self._set_text(self.time, time_words(duration) if duration else "")
        fit = self._fitting.fit
        guess = f"{guess_words(self._guess_s).capitalize()}, {GUESSED}" if self._guess_s is not None else UNTIMED
        silence = guess if fit is not None and fit.fits else ""
        self._set_text(self.time_source, f"Reckoned {duration.source}." if duration else silence)

    def _set_text(self, part: QWidget, text: str) -> None:
        part.setText(text)  # type: ignore[attr-defined]
        part.setVisible(bool(text))


def time_words(duration: Duration) -> str:
    """Return how long it takes, with its spread."""
    least, most = words.duration(round(duration.least_s)), words.duration(round(duration.most_s))
    if least == most or duration.most_s < duration.least_s * NEARLY_SAME:
        return f"About {most} to the end."
    return f"About {least} to {most} to the end."
