"""Paints a run as two lines: shape, name and share done; below them state, time and loss, and a thin bar."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop.core.run import Run, RunState
from desktop.ui.pieces import elided
from desktop.ui.runs_model import RUN_ROLE, fraction_of, subline
from desktop.ui.shapes import STATE_SHAPES, draw_shape, state_colour
from desktop.ui.theme import Theme, scaled_font

ROW_HEIGHT = 56


class RunDelegate(QStyledItemDelegate):
    """The first column of the runs table."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(240, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        run = index.data(RUN_ROLE)
        assert isinstance(run, Run)
        colours = self._theme.colours
        box: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(colours.selection))
        inner = box.adjusted(12, 8, -12, -8)
        colour = state_colour(run.state, colours)
        draw_shape(painter, STATE_SHAPES[run.state], colour, QRectF(inner.left(), inner.top() + 1, 16, 16))
        self._draw_words(painter, option, run, inner.adjusted(24, 0, 0, 0))
        if run.state is not RunState.FINISHED:
            self._draw_bar(painter, run, inner.adjusted(24, 0, 0, 0), colour)
        painter.restore()

    def _draw_words(self, painter: QPainter, option: QStyleOptionViewItem, run: Run, box: QRect) -> None:
        colours = self._theme.colours
        font = option.font
        bold, small = scaled_font(font, 1, bold=True), scaled_font(font, 0.92)
        right, middle = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignTop
        fraction = fraction_of(run)
        share = f"{fraction:.0%}" if fraction is not None and run.state is not RunState.FINISHED else ""
        painter.setPen(QColor(colours.muted))
        painter.setFont(small)
        painter.drawText(box, right | middle, share)
        painter.setPen(QColor(colours.text))
        painter.setFont(bold)
        name_width = box.width() - (QFontMetrics(small).horizontalAdvance("100 %") + 4 if share else 0)
        painter.drawText(box, middle, elided(bold, run.name, name_width))
        is_bad = run.state in (RunState.FAILED, RunState.INTERRUPTED)
        painter.setPen(QColor(state_colour(run.state, colours) if is_bad else colours.muted))
        painter.setFont(small)
        second = box.adjusted(0, QFontMetrics(bold).height() + 2, 0, 0)
        painter.drawText(second, middle, elided(small, subline(run), box.width()))

    def _draw_bar(self, painter: QPainter, run: Run, box: QRect, colour: str) -> None:
        fraction = fraction_of(run)
        if fraction is None:
            return
        groove = QRectF(box.left(), box.bottom(), box.width(), 3)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colours.border))
        painter.drawRoundedRect(groove, 1.5, 1.5)
        groove.setWidth(max(3, groove.width() * fraction))
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(groove, 1.5, 1.5)
