"""One box beside the pointer with the values of all curves at that place."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from desktop.ui.pieces import column
from desktop.ui.theme import table_font

_AWAY = 16
_MOST = 14
"""So many lines fit beside a pointer; further ones are counted."""


@dataclass(frozen=True)
class Line:
    """One value: the sign of its curve, what it is called, and the value in words."""

    sign: str
    colour: str
    words: str
    value: str
    is_first: bool = False
    """It begins another group, with a little room above it."""


class CrosshairBox(QFrame):
    """Follows the pointer, and is never in its way."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setProperty("role", "crosshair")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setFont(table_font(self.text.font()))
        layout = column(self.text)
        layout.setContentsMargins(8, 6, 8, 6)
        self.setLayout(layout)
        self.hide()

    def show_lines(self, head: str, lines: list[Line], pointer: QPoint) -> None:
        """Say these values beside a place of the parent widget."""
        rows = "".join(
            f'<tr><td style="color: {line.colour}; padding-right: 6px">{line.sign}</td>'
            f'<td style="padding-right: 12px">{escape(line.words)}</td>'
            f'<td align="right"><b>{escape(line.value)}</b></td></tr>'
            for line in lines[:_MOST]
        )
        more = f"<div>and {len(lines) - _MOST} more</div>" if len(lines) > _MOST else ""
        self.text.setText(f'<div>{escape(head)}</div><table cellspacing="0">{rows}</table>{more}')
        self.adjustSize()
        room = self._parent.rect()
        x = pointer.x() + _AWAY
        if x + self.width() > room.right():
            x = max(0, pointer.x() - _AWAY - self.width())
        y = min(max(0, pointer.y() - self.height() // 2), max(0, room.bottom() - self.height()))
        self.move(x, y)
        self.show()
        self.raise_()
