"""A few lines of a dataset as they stand in the file, with their numbers, and the bad place marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QColor, QFont, QFontDatabase, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from desktop.controllers.source_reading import SourceLine, bad_spans
from desktop.ui import words
from desktop.ui.theme import Theme
from trainer_image.formats import RowProblem

NEIGHBOUR_LETTERS = 160
"""Neighbours are there to find one's way by: so much of each is shown."""


class SourceView(QPlainTextEdit):
    """Read-only; what is bad is underlined, on a ground of its own, and between two arrows."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[Sequence[SourceLine], RowProblem | None, int] | None = None
        self.setReadOnly(True)
        self.setProperty("role", "quiet")
        self.setAccessibleName("The lines as they stand in the file")
        self.setTabChangesFocus(True)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        theme.theme_changed.connect(self._show)

    def show_words(self, text: str) -> None:
        """Show a sentence in the place of lines."""
        self._shown = None
        self.setExtraSelections([])
        self.setPlainText(text)

    def show_lines(self, lines: Sequence[SourceLine], line: int, problem: RowProblem | None = None) -> None:
        """Show lines, with one of them as the one in question."""
        self._shown = lines, problem, line
        self._show()

    def _show(self) -> None:
        if self._shown is None:
            return
        lines, problem, wanted = self._shown
        width = len(words.count(lines[-1].number)) if lines else 1
        texts, marks, at, begin = [], list[tuple[int, int, bool]](), 0, 0
        for one in lines:
            is_wanted = one.number == wanted
            head = f"{'▶' if is_wanted else ' '} {words.count(one.number):>{width}}  "
            text = one.text if is_wanted else one.text[:NEIGHBOUR_LETTERS]
            is_cut = one.is_cut or len(text) < len(one.text)
            # What other programs take for the end of a line must not look like one here.
            text = text.translate(_NO_BREAKS)
            if is_wanted:
                begin = at
                marks.append((at, at + len(head) + len(text), False))
                spans = bad_spans(text, problem) if problem else []
                marks += ((at + len(head) + start, at + len(head) + end, True) for start, end in spans)
            texts.append(head + text + (" …" if is_cut else ""))
            at += len(texts[-1]) + 1
        self.setPlainText("\n".join(texts))
        self.setExtraSelections([self._selection(*mark) for mark in marks])
        strong = [start for start, _, is_bad in marks if is_bad]
        cursor = QTextCursor(self.document())
        cursor.setPosition(min(strong[0] if strong else begin, max(0, self.document().characterCount() - 1)))
        self.setTextCursor(cursor)
        self.centerCursor()

    def _selection(self, start: int, end: int, is_bad: bool) -> QTextEdit.ExtraSelection:
        colours = self._theme.colours
        look = QTextCharFormat()
        if is_bad:
            look.setBackground(QColor(colours.bad))
            look.setForeground(QColor(colours.surface))
            look.setFontWeight(QFont.Weight.Bold)
            look.setFontUnderline(True)
        else:
            look.setBackground(QColor(colours.selection))
        made = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        last = max(0, self.document().characterCount() - 1)
        cursor.setPosition(min(start, last))
        cursor.setPosition(min(end, last), QTextCursor.MoveMode.KeepAnchor)
        made.cursor = cursor
        made.format = look
        return made


_NO_BREAKS = {ord(letter): "␤" for letter in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"} | {0: "␀"}
