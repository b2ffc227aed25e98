"""One card as it is now, in a few lines: how busy, how full and of whose, how warm, and what slows it down."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from desktop.controllers.hardware import GpuSample
from desktop.ui import words
from desktop.ui.charts.curve_items import DASHES
from desktop.ui.pieces import ElidedLabel, column, label, row
from desktop.ui.shapes import shape_pixmap
from desktop.ui.theme import Theme, mixed, table_font

HARMLESS = "power limit"
"""A busy card is at its power limit most of the time: worth a word, no warning."""


def colour_of(card: int, theme: Theme) -> str:
    """Return the colour of a card, the same everywhere."""
    curves = theme.colours.curves
    return curves[card % len(curves)]


def memory_words(sample: GpuSample, own_bytes: int | None) -> str:
    """Return how full a card is, and how much of it is this app's runs."""
    if not sample.total_bytes:
        return "shares the machine's memory"
    text = words.memory_in_use(sample.used_bytes, sample.total_bytes)
    if own_bytes is None:
        return text
    others = max(0, sample.used_bytes - own_bytes)
    return f"{text}: {words.memory(own_bytes)} runs, {words.memory(others)} others"


def reading_words(sample: GpuSample) -> str:
    """Return warmth, power, fan and clock; what a card does not tell is left out."""
    parts = []
    if sample.temperature_c is not None:
        parts.append(f"{sample.temperature_c} °C")
    if sample.power_w is not None:
        # A card at its limit draws just that; both numbers would be too long for a narrow dock.
        limit = f" of {sample.power_limit_w:.0f}" if sample.power_limit_w else ""
        is_at_limit = HARMLESS in sample.throttles
        parts.append(f"{sample.power_w:.0f} W (limit)" if is_at_limit else f"{sample.power_w:.0f}{limit} W")
    if sample.fan_percent is not None:
        parts.append(f"fan {sample.fan_percent} %")
    if sample.clock_mhz is not None:
        parts.append(f"{sample.clock_mhz / 1000:.2f} GHz")
    return " · ".join(parts)


class MemoryBar(QWidget):
    """What our runs hold, what others hold, and what is free; others are hatched, so that it is no matter of colour."""

    def __init__(self, card: int, theme: Theme) -> None:
        super().__init__()
        self._card = card
        self._theme = theme
        self._shares = (0.0, 0.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(120, 8)

    def show_shares(self, own: float, others: float) -> None:
        self._shares = (own, others)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), self._theme.colours
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink, width, height = QColor(colour_of(self._card, self._theme)), self.width(), self.height()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.border))
        painter.drawRoundedRect(QRectF(0, 0, width, height), 2, 2)
        own, others = (share * width for share in self._shares)
        painter.setBrush(ink)
        painter.drawRoundedRect(QRectF(0, 0, own, height), 2, 2)
        rest = QRectF(own, 0, others, height)
        painter.setBrush(QColor(mixed(ink.name(), colours.surface, 0.55)))
        painter.drawRoundedRect(rest, 2, 2)
        painter.setClipRect(rest)
        painter.setPen(QPen(ink, 1))
        across = own - height
        while across < own + others:
            painter.drawLine(int(across), height, int(across) + height, 0)
            across += 5
        painter.end()


class LineSample(QWidget):
    """A piece of the line that a card has in the charts."""

    def __init__(self, card: int, theme: Theme) -> None:
        super().__init__()
        self._card = card
        self._theme = theme
        self.setFixedSize(22, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        pen = QPen(QColor(colour_of(self._card, self._theme)), 2)
        if dash := DASHES[self._card % len(DASHES)]:
            pen.setDashPattern([part / 2 for part in dash])
        painter.setPen(pen)
        painter.drawLine(0, 6, 22, 6)
        painter.end()


class GpuCard(QWidget):
    """A name with its load, the memory as a bar, and one or two lines of words."""

    def __init__(self, sample: GpuSample, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.line = LineSample(sample.index, theme)
        self.title = ElidedLabel(f"GPU {sample.index} · {_short_name(sample.name)}", "title")
        self.title.setToolTip(sample.name)
        self.load = label("", "title")
        self.load.setFont(table_font(self.load.font()))
        self.bar = MemoryBar(sample.index, theme)
        self.memory = ElidedLabel("", "muted")
        self.words = ElidedLabel("", "muted")
        self.sign = QLabel()
        self.slowed = ElidedLabel("", "muted")
        for told in (self.memory, self.words):
            told.setFont(table_font(told.font()))
        head = row(self.line, self.title, self.load)
        head.setStretch(1, 1)
        below = row(self.sign, self.slowed, space=4)
        below.setStretch(1, 1)
        self.setLayout(column(head, self.bar, self.memory, self.words, below, space=2))
        theme.theme_changed.connect(self.update)

    def show_sample(self, sample: GpuSample, own_bytes: int | None = None) -> None:
        """Show a card as it is now."""
        self.load.setText(f"{sample.load_percent} %" if sample.load_percent is not None else "")
        self.load.setAccessibleName(f"{sample.load_percent} % busy" if sample.load_percent is not None else "")
        self.memory.set_whole_text(memory_words(sample, own_bytes))
        self.words.set_whole_text(reading_words(sample))
        total = sample.total_bytes or 1
        own = min(own_bytes or 0, sample.used_bytes)
        # Where nobody knows whose it is, it is simply in use.
        own = sample.used_bytes if own_bytes is None else own
        self.bar.show_shares(own / total, (sample.used_bytes - own) / total)
        self.bar.setVisible(bool(sample.total_bytes))
        self._show_below(", ".join(reason for reason in sample.throttles if reason != HARMLESS))
        self.setEnabled(True)

    def show_lost(self, since: str) -> None:
        """Say that the card does not answer any more."""
        self.load.setText("")
        self.memory.set_whole_text(f"does not answer since {since}")
        self.words.set_whole_text("")
        self.bar.show_shares(0, 0)
        self._show_below("")
        self.setEnabled(False)

    def _show_below(self, reasons: str) -> None:
        for part in (self.sign, self.slowed):
            part.setVisible(bool(reasons))
        if reasons:
            self.sign.setPixmap(shape_pixmap("bang", self._theme.colours.warn, 12))
            self.slowed.set_whole_text(f"Slowed down: {reasons}")


def _short_name(name: str) -> str:
    """Return what people call a card: the maker's name is the same on all of them."""
    for word in ("NVIDIA ", "GeForce "):
        name = name.removeprefix(word)
    return name
