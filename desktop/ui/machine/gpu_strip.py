"""When each card was slowed down and why: a row for each, under the charts and on their axis."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from desktop.core.feeds import nearest
from desktop.core.gpu_places import stretches
from desktop.core.series import Floats
from desktop.ui.charts.x_axis import XAxis
from desktop.ui.machine.gpu_card import HARMLESS
from desktop.ui.theme import Theme, scaled_font
from trainer_image.cards.readings import THROTTLES, throttle_words

ROW = 14
POWER_BITS = sum(bit for bit, words in THROTTLES.items() if words == HARMLESS)
TROUBLE_BITS = sum(bit for bit, words in THROTTLES.items() if words != HARMLESS)


class SlowedStrip(QWidget):
    """Thin where a card was at its power limit, thick where it was too hot or worse."""

    def __init__(self, theme: Theme, left: int) -> None:
        super().__init__()
        self._theme = theme
        self._left = left
        self.axis = XAxis()
        self._x: Floats = np.empty(0)
        self._bits: dict[int, Floats] = {}
        self._power: dict[int, list[tuple[float, float]]] = {}
        self._trouble: dict[int, list[tuple[float, float]]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.update)
        self.axis.moved.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(120, ROW * max(1, len(self._bits)))

    def join(self, axis: XAxis) -> None:
        """Share the axis of the charts above."""
        self.axis.moved.disconnect(self.update)
        self.axis = axis
        axis.moved.connect(self.update)

    def show_bits(self, x: Floats, bits: dict[int, Floats]) -> None:
        """Show NVML's reasons of each card at these places."""
        is_other = bits.keys() != self._bits.keys()
        self._x, self._bits = x, bits
        for found, wanted in ((self._power, POWER_BITS), (self._trouble, TROUBLE_BITS)):
            found.clear()
            for card, reasons in bits.items():
                whole = np.nan_to_num(reasons).astype(np.int64)
                found[card] = stretches(x, (whole & wanted) != 0)
        told = "; ".join(f"GPU {card}: {self.words_of(card)}" for card in bits)
        self.setAccessibleName(f"Slowed down. {told}")
        if is_other:
            self.updateGeometry()
        self.update()

    def words_of(self, card: int) -> str:
        """Return every reason that slowed a card down, in words."""
        whole = np.nan_to_num(self._bits[card]).astype(np.int64)
        return ", ".join(throttle_words(int(np.bitwise_or.reduce(whole)) if len(whole) else 0)) or "never"

    def words_at(self, x: float) -> str:
        """Return what slowed the cards down at a place; empty where nothing did."""
        at = nearest(self._x, x)
        told = []
        for card, bits in self._bits.items():
            reasons = throttle_words(int(np.nan_to_num(bits[at]))) if at >= 0 else ()
            if reasons:
                told.append(f"GPU {card}: {', '.join(reasons)}")
        return "; ".join(told)

    def _range(self) -> tuple[float, float]:
        left, right = self.axis.shown
        margin = 0.0 if self.axis.is_zoomed else 0.012 * (right - left)
        return left - margin, right + margin

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours = QPainter(self), self._theme.colours
        painter.setFont(scaled_font(self.font(), 0.85))
        (first, last), width = self._range(), self.width() - self._left
        for place, card in enumerate(self._bits):
            top = place * ROW
            painter.setPen(QColor(colours.muted))
            box = QRectF(0, top, self._left - 6, ROW)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(card))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.fillRect(QRectF(self._left, top + ROW / 2 - 0.5, width, 1), QColor(colours.border))
            kinds = ((self._power, 3.0, colours.edge), (self._trouble, ROW - 4.0, colours.warn))
            for found, height, colour in kinds:
                for begin, end in found.get(card, []):
                    if end < first or begin > last:
                        continue
                    left = self._left + max(0.0, (begin - first) / (last - first)) * width
                    right = self._left + min(1.0, (end - first) / (last - first)) * width
                    painter.fillRect(
                        QRectF(left, top + (ROW - height) / 2, max(2.0, right - left), height), QColor(colour)
                    )
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            first, last = self._range()
            x = first + (event.pos().x() - self._left) / max(1, self.width() - self._left) * (last - first)
            QToolTip.showText(event.globalPos(), self.words_at(x) or "Not slowed down here", self)
            return True
        return super().event(event)
