"""What the looks of tokens mean: each word is drawn the way it speaks of."""

from __future__ import annotations

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QSizePolicy, QTextEdit

from desktop.ui.datasets.tokens import token_look
from desktop.ui.theme import Theme

SAID = (
    ("learned", "learned"),
    ("given", "read, not learned"),
    ("cut", "cut off, never seen"),
)


class Legend(QTextEdit):
    """One line that no one can type into or get caught in with the tab key."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setReadOnly(True)
        self.setProperty("role", "plain")
        self.setFocusPolicy(self.focusPolicy().NoFocus)
        self.setAccessibleName("Legend: learned tokens are underlined, cut ones are struck through")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self.fontMetrics().height() + 12)
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("QTextEdit { border: none; background: transparent; padding: 0; }")
        theme.theme_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        self.clear()
        cursor = QTextCursor(self.document())
        plain = token_look(self._theme.colours, "note", True)
        plain.setFontItalic(False)
        for number, (state, text) in enumerate(SAID):
            if number:
                cursor.insertText("    ", plain)
            cursor.insertText(f" {text} ", token_look(self._theme.colours, state, False))
        cursor.insertText("    Point at a token for its id.", plain)
