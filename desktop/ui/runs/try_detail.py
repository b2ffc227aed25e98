"""One try in full: what was asked, what was answered, what would have been right, and what each reward gave."""

from __future__ import annotations

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.ui import words
from desktop.ui.pieces import column, label, row, tool_button
from desktop.ui.runs.tries_model import reward_title
from trainer_image.contract import Completion


class TryDetail(QWidget):
    """Stands beside the table once a try is picked."""

    def __init__(self) -> None:
        super().__init__()
        self.title = label("", "title")
        self.rewards = label("", "muted", wrap=True)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setProperty("role", "quiet")
        self.text.setAccessibleName("The whole try")
        self.text.setTabChangesFocus(True)
        close = tool_button("✕", self.hide, "Close the whole try")
        head = row(self.title, 1, close)
        layout = column(head, self.rewards, self.text, space=4)
        layout.setContentsMargins(8, 0, 0, 0)
        self.setLayout(layout)
        self.hide()

    def show_try(self, one: Completion) -> None:
        """Show a try, whole."""
        self.title.setText(f"Step {words.count(one.step)} · reward {words.short_number(one.reward)}")
        self.rewards.setText(
            " · ".join(
                f"{reward_title(name).lower()} {words.short_number(value)}" for name, value in one.rewards.items()
            )
        )
        self.rewards.setVisible(bool(one.rewards))
        parts = [("PROMPT", one.prompt), ("ANSWER", one.text or "(nothing)")]
        if one.answer:
            parts.append(("RIGHT ANSWER", one.answer))
        self.text.setPlainText("\n\n".join(f"{name}\n{text.strip()}" for name, text in parts))
        self.show()
