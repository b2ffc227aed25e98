"""Points that the user has pinned: set by a click, kept with the run, written beside, and taken away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QLineEdit, QWidget

from desktop.core import pins
from desktop.core.feeds import COLUMNS, AxisKind, places
from desktop.core.pins import Pin
from desktop.errors import AppError
from desktop.ui.charts.chart import Chart
from desktop.ui.charts.marks import PinnedPoint
from desktop.ui.charts.tracks import Track
from desktop.ui.pieces import button, column, label, row
from desktop.ui.theme import Theme

_LONGEST = 28


class PinBoard(QObject):
    """The pins of the run that is looked at."""

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._folder: Path | None = None
        self.pins: list[Pin] = []

    def open(self, folder: Path | None) -> None:
        """Show the pins of another run."""
        self._folder = folder
        self.pins = pins.load(folder) if folder is not None else []

    def add(self, name: str, step: int) -> None:
        """Pin a number at a step; once is enough."""
        if step > 0 and not any((pin.name, pin.step) == (name, step) for pin in self.pins):
            self._keep([*self.pins, Pin(name, step)])

    def change(self, old: Pin, note: str) -> None:
        self._keep([Pin(pin.name, pin.step, note.strip()) if pin == old else pin for pin in self.pins])

    def remove(self, old: Pin) -> None:
        self._keep([pin for pin in self.pins if pin != old])

    def _keep(self, changed: list[Pin]) -> None:
        self.pins = changed
        if self._folder is not None:
            with suppress(AppError):  # a full disk has its own notices; until the window closes the pin stands
                pins.save(self._folder, changed)
        self.changed.emit()

    def of(self, name: str) -> list[Pin]:
        """Return the pins of a number."""
        return [pin for pin in self.pins if pin.name == name]

    def show_in(self, chart: Chart, name: str, track: Track, axis: AxisKind, number: Callable[[float], str]) -> None:
        """Draw the pins of a chart."""
        shown = []
        steps = track.series.column("step")
        for pin in self.of(name):
            row_of = int(np.searchsorted(steps, pin.step))
            if row_of >= len(steps) or steps[row_of] != pin.step:
                shown.append(PinnedPoint(np.nan, np.nan, "", "#000000"))  # taken back by a resume: it may come again
                continue
            values = track.series.column(name) if name in COLUMNS else track.series.metric(name)
            note = pin.note if len(pin.note) <= _LONGEST else pin.note[: _LONGEST - 1] + "…"
            words = f"{number(float(values[row_of]))} at step {pin.step:,}" + (f" · {note}" if note else "")
            x = float(places(track.series, axis, track.shift)[row_of])
            shown.append(PinnedPoint(x, float(values[row_of]), words, track.ink.of(self._theme.colours)))
        chart.show_pins(shown)

    def edit(self, pin: Pin, parent: QWidget, place: QPoint) -> PinEditor:
        """Let the user write beside a pin, or take it away."""
        editor = PinEditor(pin, parent)
        editor.note_given.connect(lambda note: self.change(pin, note))
        editor.removed.connect(lambda: self.remove(pin))
        editor.move(place)
        editor.show()
        editor.note.setFocus()
        return editor


class PinEditor(QFrame):
    """A line for the note, and a button that takes the pin away."""

    note_given = Signal(str)
    removed = Signal()

    def __init__(self, pin: Pin, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.note = QLineEdit(pin.note)
        self.note.setPlaceholderText("A note, such as: rate halved here")
        self.note.setMinimumWidth(240)
        self.note.setAccessibleName("Note of the pinned point")
        self.note.returnPressed.connect(self._done)
        self.remove = button("Remove pin", self._remove)
        self.done = button("Done", self._done, "primary")
        parts = (label(f"Pinned at step {pin.step:,}", "title"), self.note, row(self.remove, 1, self.done))
        layout = column(*parts)
        layout.setContentsMargins(12, 8, 12, 12)
        self.setLayout(layout)

    def _done(self) -> None:
        self.note_given.emit(self.note.text())
        self.close()

    def _remove(self) -> None:
        self.removed.emit()
        self.close()
