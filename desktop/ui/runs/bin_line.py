"""A line below the runs while deleted ones can still be had back: what that frees, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from desktop.controllers.run_bin import RunBin
from desktop.ui import words
from desktop.ui.pieces import ElidedLabel, boxed, button, row


class RunBinLine(QWidget):
    """Hidden while nothing is held."""

    def __init__(self, bin: RunBin, came_back: Callable[[list[str]], object]) -> None:
        super().__init__()
        self._bin = bin
        self.sentence = ElidedLabel("", "muted")
        self.undo = button("Undo", lambda: came_back(bin.undo()), "link", "Undo: give the deleted runs back")
        self.now = button("Free it now", bin.empty, "link")
        self.now.setToolTip("Delete for good now. It happens by itself within a minute, or when the window closes.")
        line = row(self.sentence, self.undo, self.now, space=4)
        line.setStretch(0, 1)
        line.setContentsMargins(8, 2, 4, 2)
        self.setLayout(row(boxed(line, "callout")))
        self.layout().setContentsMargins(12, 4, 12, 0)  # type: ignore[union-attr]
        bin.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is held now."""
        held = self._bin.held
        self.setVisible(bool(held))
        if held:
            what = held[0].name if len(held) == 1 else words.plural(len(held), "run")
            self.sentence.set_whole_text(f"Deleted {what}: frees {words.file_size(self._bin.size_bytes)}")
