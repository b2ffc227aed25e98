"""One card's memory as a stacked bar: what others use, what the run would need by parts, and where the card ends."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from desktop.controllers.fit import GpuFit
from desktop.ui import words
from desktop.ui.theme import Theme

HEIGHT = 24
OTHERS = "used by others"


@dataclass(frozen=True)
class Look:
    """How a part is told from the others: a colour for each theme, and a pattern for those who see no colours."""

    word: str
    meaning: str
    light: str
    dark: str
    pattern: Qt.BrushStyle


LOOKS: dict[str, Look] = {
    "weights": Look(
        "weights", "the model itself, and copies where a method holds some", "#0072b2", "#56b4e9", Qt.BrushStyle.NoBrush
    ),
    "adapter": Look("adapter", "the small matrices that LoRA trains", "#c04f00", "#e69f00", Qt.BrushStyle.BDiagPattern),
    "optimizer": Look(
        "optimizer",
        "its state, and the gradients of what is trained",
        "#00795a",
        "#009e73",
        Qt.BrushStyle.HorPattern,
    ),
    "activations": Look(
        "activations",
        "what is kept between forward and backward, or the cache while answers are made",
        "#a34477",
        "#cc79a7",
        Qt.BrushStyle.Dense6Pattern,
    ),
    "logits": Look(
        "logits", "the scores of every word of the vocabulary", "#7a6300", "#f0e442", Qt.BrushStyle.VerPattern
    ),
    "overhead": Look(
        "overhead", "scratch, exchange between cards, and the driver", "#565e6c", "#a0a8b6", Qt.BrushStyle.FDiagPattern
    ),
}
"""Okabe-Ito, darkened for the light theme until each stands out from the surface."""


def parts_of(gpu: GpuFit) -> dict[str, int]:
    """Return the parts as they are shown: the driver's share belongs to the overhead."""
    return {**gpu.parts, "overhead": gpu.parts.get("overhead", 0) + gpu.driver_bytes} if gpu.predicted_bytes else {}


def size_words(size: int) -> str:
    """Return a size in GB, small ones in MB."""
    return f"{words.memory(size)} GB" if size >= words.GIB / 10 else f"{size / 1024**2:.0f} MB"


class MemoryBar(QWidget):
    """Shows one GpuFit; every part has a tooltip, and the whole a sentence for screen readers."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._gpu: GpuFit | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        theme.theme_changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT)

    def show_gpu(self, gpu: GpuFit) -> None:
        """Show a card and what a run would need of it."""
        if gpu == self._gpu:
            return
        self._gpu = gpu
        self.setAccessibleName(f"Memory of {card_name(gpu)}")
        self.setAccessibleDescription(self._sentence(gpu))
        self.update()

    def _sentence(self, gpu: GpuFit) -> str:
        room = f"{size_words(gpu.room.free_bytes)} of {size_words(gpu.room.total_bytes)} are free."
        if not gpu.predicted_bytes:
            return f"The run does not use it. {room}"
        told = ", ".join(f"{LOOKS[name].word} {size_words(size)}" for name, size in parts_of(gpu).items())
        return f"The run needs {size_words(gpu.needed_bytes)}: {told}. {room}"

    def segments(self) -> list[tuple[str, QRectF]]:
        """Return every part with its place, from the left; what others use comes first."""
        if self._gpu is None:
            return []
        gpu = self._gpu
        others = max(0, gpu.room.total_bytes - gpu.room.free_bytes)
        scale = self.width() / max(1, gpu.room.total_bytes, others + gpu.needed_bytes)
        found, left = list[tuple[str, QRectF]](), 0.0
        for name, size in {OTHERS: others, **parts_of(gpu)}.items():
            width = size * scale
            if width > 0:
                found.append((name, QRectF(left, 0, width, self.height())))
            left += width
        return found

    def _end_of_card(self) -> float:
        assert self._gpu is not None
        gpu = self._gpu
        others = max(0, gpu.room.total_bytes - gpu.room.free_bytes)
        return self.width() * gpu.room.total_bytes / max(1, gpu.room.total_bytes, others + gpu.needed_bytes)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.told_at(event.pos().x()), self)
            return True
        return super().event(event)

    def told_at(self, x: float) -> str:
        """Return what the part at this place is, and how large."""
        if self._gpu is None:
            return ""
        name = next((name for name, box in self.segments() if box.left() <= x <= box.right()), None)
        if name is None:
            left = self._gpu.room.free_bytes - self._gpu.needed_bytes
            return f"{size_words(left)} would stay free."
        if name == OTHERS:
            taken = self._gpu.room.total_bytes - self._gpu.room.free_bytes
            return f"Used by other programs now: {size_words(taken)}"
        look = LOOKS[name]
        return f"{look.word.capitalize()}: {size_words(parts_of(self._gpu)[name])}\n{look.meaning.capitalize()}"

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._gpu is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self._theme.colours
        end = self._end_of_card()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.border))
        painter.drawRect(QRectF(0, 0, end, self.height()))
        for name, box in self.segments():
            paint_part(painter, self._theme, name, box.adjusted(0, 0, -1 if box.width() > 3 else 0, 0))
        if not self._gpu.fits and self._gpu.predicted_bytes:
            self._paint_end(painter, end)

    def _paint_end(self, painter: QPainter, end: float) -> None:
        """A line and two arrowheads where the card ends: what is right of it does not fit."""
        colours = self._theme.colours
        painter.setPen(QPen(QColor(colours.surface), 5))
        painter.drawLine(QPointF(end, 0), QPointF(end, self.height()))
        painter.setPen(QPen(QColor(colours.bad), 2))
        painter.drawLine(QPointF(end, 0), QPointF(end, self.height()))
        painter.setBrush(QColor(colours.bad))
        for top, way in ((0.0, 1), (float(self.height()), -1)):
            corner = [QPointF(end - 5, top), QPointF(end + 5, top), QPointF(end, top + way * 6)]
            painter.drawPolygon(QPolygonF(corner))


def paint_part(painter: QPainter, theme: Theme, name: str, box: QRectF) -> None:
    """Fill a box as the part of this name is filled everywhere."""
    colours = theme.colours
    painter.setPen(Qt.PenStyle.NoPen)
    if name == OTHERS:
        painter.fillRect(box, QColor(colours.edge))
        painter.fillRect(box, QBrush(QColor(colours.surface), Qt.BrushStyle.DiagCrossPattern))
        return
    look = LOOKS[name]
    is_dark = colours.name == "dark"
    painter.fillRect(box, QColor(look.dark if is_dark else look.light))
    if look.pattern is not Qt.BrushStyle.NoBrush:
        line = QColor("#000000" if is_dark else "#ffffff")
        line.setAlphaF(0.45)
        painter.fillRect(box, QBrush(line, look.pattern))


def card_name(gpu: GpuFit) -> str:
    """Return what a card is called."""
    name = gpu.room.name.removeprefix("NVIDIA ").removeprefix("GeForce ")
    return f"GPU {gpu.room.index} · {name}" if gpu.room.index >= 0 else name
