"""Every card of the machine: how busy it is and how full, over the last hour."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from desktop.controllers.hardware import GpuSample, Hardware
from desktop.ui import words
from desktop.ui.charts import Chart, Curve
from desktop.ui.pieces import ElidedLabel, boxed, column, label, row
from desktop.ui.theme import Theme, table_font


def card_words(sample: GpuSample) -> str:
    """Return what a card says of itself beside its curves."""
    parts = [f"{words.memory_in_use(sample.used_bytes, sample.total_bytes)}"]
    if sample.load_percent is not None:
        parts.insert(0, f"{sample.load_percent} % busy")
    if sample.temperature_c is not None:
        parts.append(f"{sample.temperature_c} °C")
    if sample.power_w is not None:
        limit = f" of {sample.power_limit_w:.0f}" if sample.power_limit_w else ""
        parts.append(f"{sample.power_w:.0f}{limit} W")
    if sample.fan_percent is not None:
        parts.append(f"fan {sample.fan_percent} %")
    return " · ".join(parts)


class Card(QWidget):
    """One card: its name, its numbers, its two curves."""

    def __init__(self, sample: GpuSample, theme: Theme) -> None:
        super().__init__()
        self.title = ElidedLabel(f"GPU {sample.index} · {sample.name}", "title")
        self.words = label("", "muted", wrap=True)
        self.words.setFont(table_font(self.words.font()))
        self.load = Chart("Load, %", (Curve("load"),), theme, words.short_number)
        self.memory = Chart("Memory, GB", (Curve("memory", colour=1),), theme, words.short_number)
        self.load.plot.setYRange(0, 100, padding=0.02)
        self.memory.plot.setYRange(0, sample.total_bytes / words.GIB, padding=0.02)
        for chart in (self.load, self.memory):
            chart.plot.setFixedHeight(112)
            chart.plot.getPlotItem().getAxis("left").setWidth(32)
            chart.plot.getPlotItem().getAxis("bottom").setStyle(showValues=False)
        self.setLayout(column(self.title, self.words, row(self.load, self.memory), space=4))

    def show_history(self, sample: GpuSample, times: list[float], loads: list[float], used: list[float]) -> None:
        self.words.setText(card_words(sample))
        x = np.array(times)
        self.load.show_curve("load", x, np.array(loads))
        self.memory.show_curve("memory", x, np.array(used))
        for chart in (self.load, self.memory):
            chart.show_crosshair(None)


class GpusDock(QWidget):
    """The cards below each other, or a calm word that there are none."""

    def __init__(self, hardware: Hardware, theme: Theme) -> None:
        super().__init__()
        self._hardware = hardware
        self._theme = theme
        self.cards: dict[int, Card] = {}
        self.absent = label("Looking for graphics cards…", "muted", wrap=True)
        self.absent.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._layout = QVBoxLayout()
        self._layout.setSpacing(16)
        inside = boxed(column(self.absent, self._layout, 1))
        inside.layout().setContentsMargins(12, 4, 12, 8)  # type: ignore[union-attr]
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        self.setLayout(column(scroll))
        hardware.sampled.connect(self._sampled)
        if hardware.samples:
            self._sampled(hardware.samples)

    def _sampled(self, samples: list[GpuSample]) -> None:
        self.absent.setVisible(not samples)
        if not samples:
            because = self._hardware.absent_because
            self.absent.setText(
                "No NVIDIA GPU" + (f": {because}." if because else ".") + " Training runs on the processor."
            )
        if {sample.index for sample in samples} != set(self.cards):
            self._make_cards(samples)
        if self.isVisible():
            for position, sample in enumerate(samples):
                self._show_card(position, sample)

    def _make_cards(self, samples: list[GpuSample]) -> None:
        for card in self.cards.values():
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = {sample.index: Card(sample, self._theme) for sample in samples}
        for card in self.cards.values():
            self._layout.addWidget(card)

    def _show_card(self, position: int, sample: GpuSample) -> None:
        times, loads, used = [], [], []
        now = self._hardware.history[-1][0] if self._hardware.history else 0
        for moment, cards in self._hardware.history:
            if position < len(cards):
                times.append((moment - now) / 60)
                loads.append(float(cards[position].load_percent or 0))
                used.append(cards[position].used_bytes / words.GIB)
        self.cards[sample.index].show_history(sample, times, loads, used)
