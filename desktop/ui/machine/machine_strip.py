"""The truth on the machine, at the top right: engine, cards with the memory in use, network."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QToolButton, QWidget

from desktop.controllers.hardware import Check, GpuSample, Hardware
from desktop.ui import words
from desktop.ui.pieces import row, tool_button
from desktop.ui.shapes import CHECK_SHAPES, CHECK_WORDS, check_colour, shape_icon
from desktop.ui.theme import Theme, table_font


class MachineStrip(QWidget):
    """Three quiet buttons; the first two open the doctor."""

    doctor_requested = Signal(str)
    """The name of the check that the click was about."""
    offline_requested = Signal(bool)

    def __init__(self, hardware: Hardware, theme: Theme) -> None:
        super().__init__()
        self._hardware = hardware
        self._theme = theme
        self.engine = self._make("Engine")
        self.gpus = self._make("Graphics cards")
        self.engine.clicked.connect(lambda: self.doctor_requested.emit("engine"))
        self.gpus.clicked.connect(lambda: self.doctor_requested.emit("gpus"))
        self.offline = tool_button("Offline", lambda: None, "No network for anything that starts from now on")
        self.offline.setCheckable(True)
        self.offline.clicked.connect(self.offline_requested)
        self._style(self.offline)
        self.setLayout(row(self.engine, self.gpus, self.offline, space=4))
        hardware.engine_checked.connect(self._show_engine)
        hardware.sampled.connect(self._show_gpus)
        theme.theme_changed.connect(self._show)
        self._show()

    def _make(self, name: str) -> QToolButton:
        made = tool_button("…", lambda: None, name)
        self._style(made)
        return made

    def _style(self, made: QToolButton) -> None:
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setFont(table_font(made.font()))

    def show_offline(self, is_offline: bool) -> None:
        """The switch of the whole app has changed."""
        self.offline.setChecked(is_offline)
        self.offline.setText("Offline" if is_offline else "Online")
        self.offline.setToolTip(
            "Nothing uses the network: no run, chat or check. Press to allow it."
            if is_offline
            else "Runs may use the network where they need it. Press to forbid it to everything."
        )
        colours = self._theme.colours
        shape, colour = ("dash", colours.muted) if is_offline else ("dot", colours.good)
        self.offline.setIcon(shape_icon(shape, colour))  # type: ignore[arg-type]

    def _show(self) -> None:
        self._show_engine(self._hardware.engine)
        self._show_gpus(self._hardware.samples)
        self.show_offline(self.offline.isChecked())

    def _show_engine(self, check: Check | None) -> None:
        if check is None:
            self.engine.setText("Looking for the engine…")
            return
        self.engine.setIcon(shape_icon(CHECK_SHAPES[check.state], check_colour(check.state, self._theme.colours)))
        text = _short_engine(check)
        self.engine.setText(text)
        self.engine.setAccessibleName(f"Engine: {CHECK_WORDS[check.state]}, {check.detail}")
        self.engine.setToolTip(f"{check.detail}\n{check.fix}".strip())

    def _show_gpus(self, samples: list[GpuSample]) -> None:
        colours = self._theme.colours
        if not samples:
            self.gpus.setIcon(shape_icon("dash", colours.muted))
            self.gpus.setText("No GPU: training on CPU")
            self.gpus.setToolTip(self._hardware.absent_because or "No NVIDIA graphics card answers here.")
            return
        used, total = sum(card.used_bytes for card in samples), sum(card.total_bytes for card in samples)
        cards = f"{len(samples)} GPUs" if len(samples) > 1 else "GPU"
        self.gpus.setIcon(shape_icon("square", colours.good))
        self.gpus.setText(f"{cards} {words.memory_in_use(used, total)}")
        self.gpus.setToolTip(
            "\n".join(f"{card.name}: {words.memory_in_use(card.used_bytes, card.total_bytes)}" for card in samples)
        )
        self.gpus.setAccessibleName(f"Memory in use: {self.gpus.text()}")


def _short_engine(check: Check) -> str:
    if check.state == "ok":
        version = re.match(r"Docker \d+\.\d+", check.detail)
        return version[0] if version else "Docker"
    return {"warn": "Docker: look", "fail": "No Docker engine"}.get(check.state, "No Docker engine")
