"""Where a prompt is written: Enter sends it, Shift+Enter begins a new line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit

MAX_LINES = 6


class PromptField(QPlainTextEdit):
    """Grows with what is written, up to a few lines."""

    sent = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Ask something. Enter sends, Shift+Enter begins a new line.")
        self.setAccessibleName("Prompt")
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)
        self.textChanged.connect(self._grow)
        self._grow()

    def event(self, event: QEvent) -> bool:
        # Ctrl+Enter sends here, as in most chats; the window's action of that key starts a run.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_enter(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _is_enter(event) and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.send()
            return
        super().keyPressEvent(event)

    def send(self) -> None:
        """Send what is written; it stays until somebody takes it."""
        text = self.toPlainText().strip()
        if text:
            self.sent.emit(text)

    def _grow(self) -> None:
        lines = max(1, min(MAX_LINES, self.document().blockCount()))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 24)


def _is_enter(event: QKeyEvent) -> bool:
    return event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
