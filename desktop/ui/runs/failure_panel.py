"""Why a run ended badly: a sentence, what to do, the end of the log, and the way on."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit

from desktop.ui.pieces import button, column, label, row
from desktop.ui.shapes import shape_pixmap
from desktop.ui.theme import Theme


class FailurePanel(QFrame):
    """A frame that shows itself only when something went wrong."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setProperty("role", "failure")
        self.shape = QLabel()
        self.sentence = label("", "title", wrap=True, selectable=True)
        self.hint = label("", wrap=True, selectable=True)
        self.log = QPlainTextEdit(readOnly=True)
        self.log.setProperty("role", "quiet")
        self.log.setAccessibleName("The end of the log")
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setFixedHeight(120)
        self.show_log = button("Show the end of the log", self._toggle_log, "link")
        self.copy = button("Copy", self._copy, "link", "Copy what went wrong, with the end of the log")
        self.buttons = row(self.show_log, self.copy, 1)
        head = row(self.shape, self.sentence)
        head.setStretch(1, 1)
        layout = column(head, self.hint, self.log, self.buttons, space=4)
        layout.setContentsMargins(16, 12, 16, 8)
        self.setLayout(layout)
        self.log.hide()
        self.hide()
        theme.theme_changed.connect(self._dress)
        self._dress()

    def show_failure(self, sentence: str, hint: str, log_tail: str) -> None:
        """Show what happened; an empty sentence hides the panel."""
        self.setVisible(bool(sentence))
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        if self.log.toPlainText() != log_tail:
            self.log.setPlainText(log_tail)
            self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())
        self.show_log.setVisible(bool(log_tail))
        if not log_tail:
            self.log.hide()

    def _toggle_log(self) -> None:
        is_open = self.log.isHidden()
        self.log.setVisible(is_open)
        self.show_log.setText("Hide the log" if is_open else "Show the end of the log")

    def _copy(self) -> None:
        parts = (self.sentence.text(), self.hint.text(), self.log.toPlainText())
        QGuiApplication.clipboard().setText("\n\n".join(part for part in parts if part))

    def _dress(self) -> None:
        self.shape.setPixmap(shape_pixmap("bang", self._theme.colours.bad))
