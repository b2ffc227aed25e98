"""Paints a run as two lines: shape, name and share done; below them state, time and loss, and a thin bar.

In a table whose columns say the rest it is one line.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.core.labels import Labels
from desktop.core.run import Run, RunState
from desktop.ui.pieces import elided
from desktop.ui.runs.columns import fraction_of, subline
from desktop.ui.runs.model import LABELS_ROLE, RUN_ROLE
from desktop.ui.shapes import STATE_SHAPES, draw_shape, state_colour
from desktop.ui.theme import Theme, scaled_font

ROW_HEIGHT = 56
LINE_HEIGHT = 36
Index = QModelIndex | QPersistentModelIndex
TOP = Qt.AlignmentFlag.AlignTop
RIGHT = Qt.AlignmentFlag.AlignRight


class RunDelegate(QStyledItemDelegate):
    """The first column of the runs table."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self.is_one_line = False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, LINE_HEIGHT if self.is_one_line else ROW_HEIGHT)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = QLineEdit(parent)
        editor.setAccessibleName("New name of the run")
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Show the name once: a run that goes on tells of itself every second, and must not undo what is typed."""
        assert isinstance(editor, QLineEdit)
        if not editor.isModified() and not editor.text():
            editor.setText(index.data(Qt.ItemDataRole.EditRole))
            editor.selectAll()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        box = option.rect.adjusted(31, 0, -8, 0)
        height = min(box.height(), editor.sizeHint().height())
        top = box.top() + ((box.height() - height) // 2 if self.is_one_line else 2)
        editor.setGeometry(box.left(), top, box.width(), height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        run, labels = index.data(RUN_ROLE), index.data(LABELS_ROLE)
        assert isinstance(run, Run)
        assert isinstance(labels, Labels)
        colours = self._theme.colours
        box: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(colours.selection))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.fillRect(QRect(box.left(), box.top(), 3, box.height()), QColor(colours.accent))
        is_done = run.state is RunState.FINISHED
        inner = box.adjusted(12, 8 if not self.is_one_line else 10 if is_done else 6, -12, -8)
        colour = state_colour(run.state, colours)
        draw_shape(painter, STATE_SHAPES[run.state], colour, QRectF(inner.left(), inner.top() + 1, 16, 16))
        beside = inner.adjusted(24, 0, 0, 0)
        self._draw_name(painter, option, run, labels, beside)
        if not self.is_one_line:
            self._draw_second_line(painter, option, run, labels, beside)
        if not is_done:
            self._draw_bar(painter, run, beside.adjusted(0, 0, 0, 3 if self.is_one_line else 0), colour)
        painter.restore()

    def _draw_name(self, painter: QPainter, option: QStyleOptionViewItem, run: Run, labels: Labels, box: QRect) -> None:
        colours = self._theme.colours
        bold, small = scaled_font(option.font, 1, bold=True), scaled_font(option.font, 0.92)
        fraction = fraction_of(run)
        is_said = fraction is not None and run.state is not RunState.FINISHED and not self.is_one_line
        aside = f"{fraction:.0%}" if is_said else "archived" if labels.is_archived else ""
        painter.setPen(QColor(colours.muted))
        painter.setFont(small)
        painter.drawText(box, RIGHT | TOP, aside)
        painter.setPen(QColor(colours.muted if labels.is_archived else colours.text))
        painter.setFont(bold)
        taken = max(QFontMetrics(small).horizontalAdvance(words) for words in (aside, "100 %")) + 4 if aside else 0
        painter.drawText(box, TOP, elided(bold, run.name, box.width() - taken))

    def _draw_second_line(
        self, painter: QPainter, option: QStyleOptionViewItem, run: Run, labels: Labels, box: QRect
    ) -> None:
        colours = self._theme.colours
        bold, small = scaled_font(option.font, 1, bold=True), scaled_font(option.font, 0.92)
        is_bad = run.state in (RunState.FAILED, RunState.INTERRUPTED)
        painter.setPen(QColor(state_colour(run.state, colours) if is_bad else colours.muted))
        painter.setFont(small)
        second = box.adjusted(0, QFontMetrics(bold).height() + 2, 0, 0)
        text = " · ".join((subline(run), *labels.tags))
        painter.drawText(second, TOP, elided(small, text, box.width()))

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


class TagsDelegate(QStyledItemDelegate):
    """The tags of a run as small plates, as many as there is room for."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        labels = index.data(LABELS_ROLE)
        assert isinstance(labels, Labels)
        colours, font = self._theme.colours, scaled_font(option.font, 0.92)
        metrics = QFontMetrics(font)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if is_selected:
            painter.fillRect(option.rect, QColor(colours.selection))
        painter.setFont(font)
        left, end = option.rect.left() + 8, option.rect.right() - 8
        top, height = option.rect.center().y() - metrics.height() // 2 - 2, metrics.height() + 4
        for at, tag in enumerate(labels.tags):
            rest = len(labels.tags) - at - 1
            room = end - left - (metrics.horizontalAdvance(f"+{rest}") + 6 if rest else 0)
            words = elided(font, tag, room - 16)
            if room < 40 or (at and words != tag):
                painter.setPen(QColor(colours.muted))
                painter.drawText(QRect(left, top, end - left, height), Qt.AlignmentFlag.AlignVCenter, f"+{rest + 1}")
                break
            width = metrics.horizontalAdvance(words) + 16
            plate = QRectF(left, top, width, height)
            painter.setPen(QColor(colours.border))
            painter.setBrush(QColor(colours.surface if is_selected else colours.raised))
            painter.drawRoundedRect(plate, 6, 6)
            painter.setPen(QColor(colours.text))
            painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, words)
            left += width + 6
        painter.restore()
