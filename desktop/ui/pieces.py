"""The few plain widgets that every dock is made of: labels with a role, buttons for an action, rows and columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QMargins, QSize, Qt
from PySide6.QtGui import QAction, QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import GRID, scaled_font

L = TypeVar("L", bound=QBoxLayout)
Part = QWidget | QLayout | int


def label(text: str = "", role: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """Return a label of plain text, never HTML: what it shows may come from a file."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    if wrap:
        made.setWordWrap(True)
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    if selectable:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def heading(text: str) -> QLabel:
    """Return a heading: the one larger size of type."""
    made = label(text)
    made.setFont(scaled_font(made.font(), 1.15, bold=True))
    return made


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another look of the style sheet."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, clicked: Callable[[], object], role: str = "", name: str = "") -> QPushButton:
    """Return a button; ``name`` is what a screen reader says where the text alone does not tell."""
    made = QPushButton(text)
    made.setProperty("role", role)
    made.setAutoDefault(False)
    if name:
        made.setAccessibleName(name)
    made.clicked.connect(lambda: clicked())
    return made


def action_button(action: QAction, role: str = "") -> QPushButton:
    """Return a button that is the action: its words, its enabled state, its shortcut in the tooltip."""
    made = QPushButton()
    made.setProperty("role", role)
    made.setAutoDefault(False)

    def show() -> None:
        made.setText(action.text().removesuffix("…") if role == "primary" else action.text())
        made.setEnabled(action.isEnabled())
        made.setToolTip(action.toolTip())

    action.changed.connect(show)
    made.clicked.connect(lambda: action.trigger())
    show()
    return made


def tool_button(text: str, clicked: Callable[[], object], name: str) -> QToolButton:
    """Return a flat button for a sign or a short word, with a name for screen readers and as its tooltip."""
    made = QToolButton()
    made.setText(text)
    made.setAccessibleName(name)
    made.setToolTip(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.clicked.connect(lambda: clicked())
    return made


def row(*parts: Part, space: int = GRID) -> QHBoxLayout:
    """Return parts side by side; a number is a stretch."""
    return _filled(QHBoxLayout(), parts, space)


def column(*parts: Part, space: int = GRID) -> QVBoxLayout:
    """Return parts below each other; a number is a stretch."""
    return _filled(QVBoxLayout(), parts, space)


def _filled(layout: L, parts: tuple[Part, ...], space: int) -> L:
    layout.setContentsMargins(QMargins())
    layout.setSpacing(space)
    for part in parts:
        if isinstance(part, int):
            layout.addStretch(part)
        elif isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    return layout


def boxed(layout: QBoxLayout, role: str = "", margin: int | None = None) -> QFrame:
    """Return a frame around a layout, with a margin of its own or the layout's."""
    frame = QFrame()
    frame.setProperty("role", role)
    if margin is not None:
        layout.setContentsMargins(margin, margin, margin, margin)
    frame.setLayout(layout)
    return frame


def keep_tab_order(holder: QWidget) -> None:
    """Let Tab reach what was put into ``holder`` later at the place of its holder, and not behind everything else."""
    earlier: QWidget | None = holder.previousInFocusChain()
    while earlier is not None and earlier is not holder and (not _takes_tab(earlier) or holder.isAncestorOf(earlier)):
        earlier = earlier.previousInFocusChain()
    if earlier is None or earlier is holder:
        return
    for part in holder.findChildren(QWidget):
        if _takes_tab(part) and not part.isHidden():
            QWidget.setTabOrder(earlier, part)
            earlier = part


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)


def elided(font: QFont, text: str, width: int) -> str:
    """Return text that ends in an ellipsis where there is no room."""
    return QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, width)


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis where there is no room, with the whole text in its tooltip."""

    def __init__(self, text: str = "", role: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._text, self._mode, self._tip = text, mode, ""
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._show()

    def set_whole_text(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._show()

    def whole_text(self) -> str:
        return self._text

    def set_tip(self, tip: str) -> None:
        """Say more when the pointer rests on it, below the whole text where that is cut."""
        self._tip = tip
        self._show()

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._text) + 8, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        shown = self.fontMetrics().elidedText(self._text, self._mode, max(0, self.width() - 2))
        super().setText(shown)
        self.setAccessibleName(self._text)
        self.setToolTip("\n".join(filter(None, (self._text if shown != self._text else "", self._tip))))
