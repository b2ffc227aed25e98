"""One speaker's side of a conversation: prompts, answers as they come, and how fast they came."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop.ui import words
from desktop.ui.pieces import column, label, row
from trainer_image.contract import Answer, ChatMessage

CUT = {
    "length": "cut off: as long as an answer may be",
    "context": "cut off: the conversation is full, begin a new one",
}


class Exchange(QWidget):
    """One prompt and its answer."""

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.prompt = prompt
        self.text = ""
        self.is_complete = False
        asked = label(prompt, "prompt", wrap=True, selectable=True)
        self.answer = label("…", wrap=True, selectable=True)
        self.answer.setAccessibleName("Answer")
        self.stats = label("waits for the first token", "muted")
        line = row(asked)
        line.setContentsMargins(32, 0, 0, 0)
        self.setLayout(column(line, self.answer, self.stats, space=8))

    def add(self, text: str) -> None:
        self.text += text
        self.answer.setText(self.text)
        self.stats.setText("answering…")

    def complete(self, answer: Answer) -> None:
        """Show the whole answer and how fast it came."""
        self.text, self.is_complete = answer.text, True
        self.answer.setText(answer.text.strip() or "(nothing)")
        parts = [words.speed(answer.tokens_per_s), f"first token after {words.duration(answer.first_token_s)}"]
        parts.insert(0, words.plural(answer.tokens, "token"))
        if answer.stopped:
            parts.append("stopped")
        if answer.cut:
            parts.append(CUT[answer.cut])
        self.stats.setText(" · ".join(parts))

    def break_off(self) -> None:
        """Nothing more will come."""
        if not self.is_complete:
            self.is_complete = True
            self.stats.setText("broken off")
            if not self.text:
                self.answer.setText("(no answer)")


class ChatColumn(QWidget):
    """What one speaker was asked and has answered; follows its end unless one scrolls back."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__()
        self.title: QLabel = label(title, "title")
        self.detail = label(detail, "muted")
        self._exchanges: dict[str, Exchange] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(24)
        self._list.setContentsMargins(12, 8, 12, 8)
        inside = QWidget()
        inside.setLayout(column(self._list, 1))
        self.answers = QScrollArea(widgetResizable=True)
        self.answers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.answers.setWidget(inside)
        self.answers.setAccessibleName(f"Answers: {title}")
        head = row(self.title, self.detail, 1)
        head.setContentsMargins(12, 8, 12, 0)
        self.setLayout(column(head, self.answers, space=4))
        self._is_at_end = True
        bar = self.answers.verticalScrollBar()
        bar.rangeChanged.connect(self._range_changed)
        bar.valueChanged.connect(self._value_changed)

    def history(self) -> list[ChatMessage]:
        """Return what was said here, as the next prompt's past."""
        messages = []
        for exchange in self._exchanges.values():
            if exchange.is_complete and exchange.text:
                messages.append(ChatMessage(role="user", content=exchange.prompt))
                messages.append(ChatMessage(role="assistant", content=exchange.text))
        return messages

    def ask(self, prompt_id: str, prompt: str) -> None:
        exchange = self._exchanges[prompt_id] = Exchange(prompt)
        self._list.addWidget(exchange)
        self._is_at_end = True
        QTimer.singleShot(0, self, self._scroll_to_end)

    def add_token(self, prompt_id: str, text: str) -> None:
        if prompt_id in self._exchanges:
            self._exchanges[prompt_id].add(text)

    def complete(self, answer: Answer) -> None:
        if answer.prompt_id in self._exchanges:
            self._exchanges[answer.prompt_id].complete(answer)

    def break_off(self) -> None:
        for exchange in self._exchanges.values():
            exchange.break_off()

    def clear(self) -> None:
        for exchange in self._exchanges.values():
            self._list.removeWidget(exchange)
            exchange.hide()
            exchange.deleteLater()
        self._exchanges.clear()

    @property
    def exchanges(self) -> list[Exchange]:
        return list(self._exchanges.values())

    def _range_changed(self) -> None:
        if self._is_at_end:
            self._scroll_to_end()

    def _value_changed(self, value: int) -> None:
        self._is_at_end = value >= self.answers.verticalScrollBar().maximum() - 24

    def _scroll_to_end(self) -> None:
        self.answers.verticalScrollBar().setValue(self.answers.verticalScrollBar().maximum())
