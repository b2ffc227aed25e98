"""A row token by token: what is learned is told by ground and underline, what is cut by a line through it."""

from __future__ import annotations

from bisect import bisect_right

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import QColor, QFontDatabase, QHelpEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit, QToolTip, QWidget

from desktop.controllers.seeing import PreviewPart, Token
from desktop.ui import words
from desktop.ui.theme import Colours, Theme

AT_ONCE = 400
"""Tokens that are put in between two turns of the event loop: a row of a book must not stop the window."""
MOST = 50_000
PART_WORDS = {
    "conversation": "The whole conversation",
    "text": "The text",
    "prompt": "What comes before: read, not learned",
    "chosen": "The better answer",
    "rejected": "The worse answer",
    "good answer": "The answer, labelled good",
    "bad answer": "The answer, labelled bad",
    "solution": "The solution, step by step",
}


class TokenView(QTextEdit):
    """Shows the parts of a preview below each other; a token under the pointer says its id and its text."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setProperty("role", "quiet")
        self.setAccessibleName("What the model sees, token by token")
        self.setTabChangesFocus(True)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._parts: tuple[PreviewPart, ...] = ()
        self._starts: list[int] = []
        self._tokens: list[Token | None] = []
        self._waiting: list[tuple[str, Token | None]] = []
        self._done = 0
        self._filling = QTimer(self, singleShot=True, interval=0)
        self._filling.timeout.connect(self._fill)
        theme.theme_changed.connect(lambda: self.show_parts(self._parts) if self._parts else None)

    def show_words(self, text: str) -> None:
        """Show a sentence in the place of tokens."""
        self._begin(())
        self.setCurrentCharFormat(QTextCharFormat())
        self.setPlainText(text)

    def show_parts(self, parts: tuple[PreviewPart, ...]) -> None:
        """Show the parts of one row."""
        self._begin(parts)
        self.clear()
        for number, part in enumerate(parts):
            if len(parts) > 1:
                gap = "\n\n" if number else ""
                self._waiting.append((f"{gap}{PART_WORDS.get(part.name, part.name)}\n", None))
            was_cut = False
            for place, token in enumerate(part.tokens[:MOST]):
                if token.is_cut and not was_cut:
                    was_cut = True
                    self._waiting.append((f"\n✂ cut here, after {words.plural(place, 'token')}\n", None))
                self._waiting.append((_shown(token), token))
            if len(part.tokens) > MOST:
                rest = words.plural(len(part.tokens) - MOST, "token")
                self._waiting.append((f"\n… and {rest} more\n", None))
        self._fill()

    def token_at(self, position: int) -> Token | None:
        """Return the token that a place in the text belongs to."""
        at = bisect_right(self._starts, position) - 1
        return self._tokens[at] if at >= 0 else None

    def is_filled(self) -> bool:
        """Say whether everything is shown."""
        return self._done >= len(self._waiting)

    def _begin(self, parts: tuple[PreviewPart, ...]) -> None:
        self._filling.stop()
        self._parts, self._done = parts, 0
        self._starts, self._tokens, self._waiting = [], [], []

    def _fill(self) -> None:
        looks = _Looks(self._theme.colours)
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.beginEditBlock()
        position = cursor.position()
        for number in range(self._done, min(self._done + AT_ONCE, len(self._waiting))):
            text, token = self._waiting[number]
            self._starts.append(position)
            self._tokens.append(token)
            cursor.insertText(text, looks.of(token, number % 2 == 0))
            position = cursor.position()
        cursor.endEditBlock()
        self._done += AT_ONCE
        if not self.is_filled():
            self._filling.start()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            cursor = self.cursorForPosition(event.pos())
            place = self.cursorRect(cursor).left()
            position = cursor.position() - (place > event.pos().x() and cursor.position() > 0)
            token = self.token_at(position)
            if token is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), token_words(token), self.viewport())
            return True
        return super().viewportEvent(event)


def token_words(token: Token) -> str:
    """Return what there is to say of a token."""
    state = "cut: the model never sees it" if token.is_cut else "learned" if token.is_trained else "read, not learned"
    judged = "" if token.label is None else f", end of a {'right' if token.label else 'wrong'} step"
    return f"{token.id}: {token.text!r}\n{state}{judged}"


class _Looks:
    """The formats of one theme."""

    def __init__(self, colours: Colours) -> None:
        self._known: dict[tuple[str, bool], QTextCharFormat] = {}
        self._colours = colours

    def of(self, token: Token | None, is_even: bool) -> QTextCharFormat:
        state = "note" if token is None else "cut" if token.is_cut else "learned" if token.is_trained else "given"
        if (state, is_even) not in self._known:
            self._known[state, is_even] = token_look(self._colours, state, is_even)
        return self._known[state, is_even]


def token_look(colours: Colours, state: str, is_even: bool) -> QTextCharFormat:
    """Return how tokens of a state look; neighbours differ a little, so that one sees where each ends."""
    look = QTextCharFormat()
    look.setForeground(QColor(colours.text))
    if state == "note":
        look.setForeground(QColor(colours.muted))
        look.setFontItalic(True)
    elif state == "cut":
        look.setForeground(QColor(colours.bad))
        look.setFontStrikeOut(True)
    elif state == "learned":
        ground = QColor(colours.good)
        ground.setAlpha(72 if is_even else 44)
        look.setBackground(ground)
        look.setFontUnderline(True)
        look.setUnderlineColor(QColor(colours.good))
    else:
        look.setBackground(QColor(colours.surface if is_even else colours.border))
    return look


def _shown(token: Token) -> str:
    """Return a token's text with its line breaks to be seen, and the verdict on a step behind its last token."""
    text = token.text.replace("\r", "␍").replace("\n", "↵\n").replace("\t", "⇥") or "∅"
    return text if token.label is None else f"{text}{' ✓' if token.label else ' ✗'}"
