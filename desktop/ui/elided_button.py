"""A button of one line whose words end in an ellipsis where they are longer than there is room."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from desktop.ui.pieces import elided


class ElidedButton(QPushButton):
    """Never widens what it stands in; cut words are whole in its tooltip and for screen readers."""

    def __init__(self, words: str, clicked: Callable[[], object], role: str = "link") -> None:
        super().__init__()
        self._words = self._about = ""
        self.setProperty("role", role)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda: clicked())
        self.set_words(words)

    def set_words(self, words: str, about: str = "") -> None:
        """Show these words, with something more about them in the tooltip."""
        self._words, self._about = words, about
        self.setAccessibleName(words)
        self._show_words()
        self.updateGeometry()

    def whole_words(self) -> str:
        return self._words

    def sizeHint(self) -> QSize:
        hint, width = super().sizeHint(), self.fontMetrics().horizontalAdvance
        return QSize(hint.width() + width(self._words) - width(self.text()), hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(48, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_words()

    def _show_words(self) -> None:
        around = super().sizeHint().width() - self.fontMetrics().horizontalAdvance(self.text())
        self.setText(elided(self.font(), self._words, max(0, self.width() - around)))
        said = (self._words if self.text() != self._words else "", self._about)
        self.setToolTip("\n".join(part for part in said if part))
