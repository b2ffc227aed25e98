"""Paints a number on a faint bar that is as long as its share."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop.ui.theme import Theme


class BarDelegate(QStyledItemDelegate):
    """For columns of numbers; ``share_role`` of the model says how full a bar is."""

    def __init__(self, theme: Theme, share_role: int, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._share_role = share_role

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share, colours = index.data(self._share_role), self._theme.colours
        box = QRectF(option.rect)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if is_selected:
            painter.fillRect(box, QColor(colours.selection))
        if share is not None:
            bar = box.adjusted(3, 3, -3, -3)
            bar.setWidth(max(1.0, bar.width() * min(1.0, max(0.0, share))))
            painter.setPen(Qt.PenStyle.NoPen)
            faint = QColor(colours.accent)
            faint.setAlphaF(0.18)
            painter.setBrush(faint)
            painter.drawRoundedRect(bar, 3, 3)
        painter.setPen(QColor(colours.muted if share is None else colours.text))
        painter.setFont(option.font)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box.adjusted(0, 0, -8, 0), right, index.data())
        painter.restore()
