"""Paints a line of the log: its mark, its text, and where the search has found something."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.core.log_levels import Level
from desktop.ui.log.model import LogModel
from desktop.ui.theme import Theme, mixed

GUTTER = 20
"""Pixels before the text, for the mark."""


class LogDelegate(QStyledItemDelegate):
    """A triangle for an error, a dot for a warning, an arrow for what is folded: shapes before colours."""

    fold_pressed = Signal(int)
    """The row of a stack trace that somebody wants to see whole, or not any more."""

    def __init__(self, model: LogModel, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._theme = theme
        self.wanted = ""
        """What is looked for, to be marked where it stands."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours, row, box = self._theme.colours, index.row(), QRectF(option.rect)
        level = self._model.level(row)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        ink = {Level.INFO: colours.text, Level.WARNING: colours.warn, Level.ERROR: colours.bad}[level]
        painter.save()
        if is_selected:
            painter.fillRect(box, QColor(colours.selection))
        painter.setFont(option.font)
        text = self._model.text(row)
        left = box.left() + GUTTER
        trace = self._trace(row)
        if trace:
            self._paint_arrow(painter, box, ink, is_open=self._model.folded(row) is None)
            text += trace
        elif level is not Level.INFO and self._model.trace_at(self._model.line_of(row)) is None:
            self._paint_mark(painter, box, level, ink)
        room = QRectF(left, box.top(), box.width() - GUTTER, box.height())
        if self.wanted:
            self._paint_hits(painter, room, text)
        painter.setPen(QColor(ink))
        shown = painter.fontMetrics().elidedText(text[:1200], Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()

    def _trace(self, row: int) -> str:
        """Return what is said of a stack trace behind its last line; empty where there is none."""
        model = self._model
        trace = model.index_of.traces.get(model.line_of(row)) if model.index_of is not None else None
        if trace is None:
            return ""
        return f"   ({trace.last - trace.first} more lines)" if model.folded(row) is not None else " "

    def _paint_arrow(self, painter: QPainter, box: QRectF, ink: str, *, is_open: bool) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ink))
        x, y = box.left() + GUTTER / 2 - 1, box.center().y()
        points = [(-4.0, -3.0), (4.0, -3.0), (0.0, 4.0)] if is_open else [(-3.0, -4.5), (4.0, 0.0), (-3.0, 4.5)]
        painter.drawPolygon(QPolygonF([QPointF(x + across, y + down) for across, down in points]))

    def _paint_mark(self, painter: QPainter, box: QRectF, level: Level, ink: str) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ink))
        x, y = box.left() + GUTTER / 2 - 1, box.center().y()
        if level is Level.ERROR:
            painter.drawRect(QRectF(x - 3.5, y - 3.5, 7, 7))
        else:
            painter.drawPolygon(QPolygonF([QPointF(x - 4.5, y + 3.5), QPointF(x + 4.5, y + 3.5), QPointF(x, y - 4.5)]))

    def _paint_hits(self, painter: QPainter, room: QRectF, text: str) -> None:
        colours, metrics = self._theme.colours, painter.fontMetrics()
        mark = QColor(mixed(colours.surface, colours.warn, 0.35))
        low, wanted = text[:1200].lower(), self.wanted.lower()
        at = low.find(wanted)
        while at >= 0:
            x = room.left() + metrics.horizontalAdvance(text[:at])
            painter.fillRect(
                QRectF(x, room.top(), metrics.horizontalAdvance(text[at : at + len(wanted)]), room.height()), mark
            )
            at = low.find(wanted, at + len(wanted))

    def editorEvent(
        self,
        event: QEvent,
        model: object,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        if not isinstance(event, QMouseEvent) or event.type() != QEvent.Type.MouseButtonRelease:
            return False
        if event.modifiers() == Qt.KeyboardModifier.NoModifier and self._trace(index.row()):
            self.fold_pressed.emit(index.row())
            return True
        return False
