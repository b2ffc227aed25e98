"""What happens while nobody looks at the window: a word on the desktop, and the window closed to the tray."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QWidget

from desktop.controllers.desktop_words import NOTIFY
from desktop.controllers.settings import Settings
from desktop.ui.pieces import boxed, column, label
from desktop.ui.window.tray import CLOSE_TO_TRAY


class AwaySection(QWidget):
    """Two boxes; a choice holds at once."""

    def __init__(self, choices: Settings, *, has_tray: bool) -> None:
        super().__init__()
        self.notify = QCheckBox("Tell me on the desktop when a run ends or needs me")
        self.notify.setChecked(choices.read(NOTIFY, True) is True)
        self.notify.toggled.connect(lambda is_on: choices.write(NOTIFY, is_on))
        self.tray = QCheckBox("Closing the window keeps Tunedeck in the tray")
        self.tray.setChecked(choices.read(CLOSE_TO_TRAY, False) is True)
        self.tray.setEnabled(has_tray)
        self.tray.toggled.connect(lambda is_on: choices.write(CLOSE_TO_TRAY, is_on))
        text = (
            "Runs go on either way, and you are told though the window is closed. Nothing is told while it is in front."
        )
        if not has_tray:
            text = "This desktop has no tray. Runs go on and tell how they end though the window is closed."
        words = label(text, "muted", wrap=True)
        inside = column(label("While you are elsewhere", "title"), self.notify, self.tray, words, space=8)
        self.setLayout(column(boxed(inside, "card", 16)))
