"""Asks before a run is repeated that cannot be quite the same."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QWidget

from desktop.core.run import Run
from desktop.ui.pieces import button, column, heading, label, row


class ReproduceDialog(QDialog):
    """What differs, and whether to go on; accepted means go on."""

    def __init__(self, run: Run, doubts: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Reproduce this run")
        self.doubts = [label(doubt, wrap=True, selectable=True) for doubt in doubts]
        told = label("It can be repeated with what is here now, and may come out differently.", "muted", wrap=True)
        self.cancel = button("Cancel", self.reject)
        self.anyway = button("Reproduce anyway", self.accept, "primary")
        layout = column(heading(run.name), *self.doubts, told, row(1, self.cancel, self.anyway), space=8)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)
        self.setMinimumWidth(480)
        self.cancel.setFocus()
