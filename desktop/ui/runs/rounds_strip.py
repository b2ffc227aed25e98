"""The rounds of STaR: for each a bar of its problems, and in words how many were solved, with a hint, and kept."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QWidget

from desktop.ui import words
from desktop.ui.pieces import label
from desktop.ui.theme import Theme, table_font
from trainer_image.contract import Round

SHOWN = 6
"""The latest so many rounds; the first one always stands above them, to compare with."""


class SolvedBar(QWidget):
    """The problems of one round as a bar: solved, solved with a hint, and the rest."""

    def __init__(self, theme: Theme, one: Round) -> None:
        super().__init__()
        self._theme = theme
        self._round = one
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(64)
        self.setAccessibleName(round_words(one))
        self.setToolTip(round_words(one))

    def sizeHint(self) -> QSize:
        return QSize(160, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours, problems = self._theme.colours, max(1, self._round.problems)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        left, width = 0.0, float(self.width())
        painter.setBrush(QColor(colours.border))
        painter.drawRoundedRect(QRectF(0, 0, width, 12), 3, 3)
        for amount, colour in ((self._round.solved, colours.curves[0]), (self._round.hinted, colours.curves[1])):
            part = width * min(amount, problems) / problems
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(left, 0, max(0.0, min(part, width - left)), 12), 3, 3)
            left += part
        painter.end()


class RoundsStrip(QWidget):
    """Shown for runs that go in rounds."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[Round, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        theme.theme_changed.connect(self._dress)
        self.hide()

    def show_rounds(self, rounds: Sequence[Round]) -> None:
        """Show a line for each round, the newest last."""
        self.setVisible(bool(rounds))
        if tuple(rounds) == self._shown:
            return
        self._shown = tuple(rounds)
        self._fill(rounds)

    def _dress(self) -> None:
        self._fill(self._shown)

    def _fill(self, rounds: Sequence[Round]) -> None:
        while item := self._grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        picked = rounds if len(rounds) <= SHOWN else [rounds[0], *rounds[1 - SHOWN :]]
        for line, one in enumerate(picked):
            name = label(f"Round {one.round} of {one.rounds}", "title")
            text = label("", "muted")
            text.setTextFormat(Qt.TextFormat.RichText)
            text.setText(self._short_words(one))
            text.setFont(table_font(text.font()))
            text.setToolTip(round_words(one))
            self._grid.addWidget(name, line, 0)
            self._grid.addWidget(SolvedBar(self._theme, one), line, 1)
            self._grid.addWidget(text, line, 2)

    def _short_words(self, one: Round) -> str:
        """Return the numbers, each with the colour that it has in the bar."""
        first, second = (f'<span style="color: {colour}">■</span>' for colour in self._theme.colours.curves[:2])
        hinted = f" &nbsp;{second} {words.count(one.hinted)} with a hint" if one.hinted else ""
        solved = f"{first} {words.count(one.solved)} solved{hinted} &nbsp;of {words.count(one.problems)}"
        return f"{solved} &nbsp;· &nbsp;{words.count(one.kept)} kept"

    def lines(self) -> list[str]:
        """Return what is said of each round."""
        return [round_words(one) for one in self._shown]


def round_words(one: Round) -> str:
    """Return a round in one sentence."""
    hinted = f", {words.count(one.hinted)} more with a hint" if one.hinted else ""
    return (
        f"Round {one.round} of {one.rounds}: {words.count(one.solved)} of {words.plural(one.problems, 'problem')} "
        f"solved{hinted}; {words.plural(one.kept, 'solution')} kept to learn from; {words.duration(one.seconds)}."
    )
