"""The choice of the method: a list in groups, each entry with its sentence and the rows that it needs."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desktop.ui.pieces import elided
from desktop.ui.setup.method_words import METHOD_WORDS, PPO_SENTENCE, PPO_SHORT
from desktop.ui.theme import scaled_font

SENTENCE_ROLE = Qt.ItemDataRole.UserRole + 1
NEEDS_ROLE = Qt.ItemDataRole.UserRole + 2
POPUP_WIDTH = 640
Index = QModelIndex | QPersistentModelIndex


class MethodPicker(QComboBox):
    """A list box whose entries are methods; its groups, and PPO, can be read but not chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        entries = QStandardItemModel(self)
        group = ""
        for words in METHOD_WORDS.values():
            if words.group != group:
                group = words.group
                entries.appendRow(_heading(group))
            entry = QStandardItem(words.title)
            entry.setData(words.method, Qt.ItemDataRole.UserRole)
            entry.setData(words.sentence, SENTENCE_ROLE)
            entry.setData(words.needs, NEEDS_ROLE)
            entry.setData(f"{words.title}. {words.sentence} Needs {words.needs}.", Qt.ItemDataRole.AccessibleTextRole)
            entries.appendRow(entry)
        ppo = QStandardItem("PPO is not here")
        ppo.setData("ppo", Qt.ItemDataRole.UserRole)
        ppo.setData(PPO_SHORT, SENTENCE_ROLE)
        ppo.setData("choose RLHF instead", NEEDS_ROLE)
        ppo.setToolTip(PPO_SENTENCE)
        ppo.setEnabled(False)
        entries.appendRow(ppo)
        self.setModel(entries)
        self.setItemDelegate(_MethodDelegate(self))
        self.setMaxVisibleItems(entries.rowCount())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(44)
        self.setCurrentIndex(self.findData("sft"))

    def showPopup(self) -> None:
        """Give the sentences their room, as far as the screen has it."""
        self.view().setMinimumWidth(min(POPUP_WIDTH, self.screen().availableGeometry().width() - 16))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the form; it must not change a method that the pointer happens to pass."""
        event.ignore()


def _heading(text: str) -> QStandardItem:
    made = QStandardItem(text)
    made.setEnabled(False)
    return made


class _MethodDelegate(QStyledItemDelegate):
    """Draws an entry in two lines: title and what it needs, then the sentence."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        lines = 2 if index.data(SENTENCE_ROLE) else 1
        return QSize(320, lines * option.fontMetrics.height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        palette, box = option.palette, QRect(option.rect)
        sentence, needs = index.data(SENTENCE_ROLE), index.data(NEEDS_ROLE)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected and sentence:
            painter.fillRect(box, palette.midlight())
        muted = QColor(palette.placeholderText().color())
        is_entry = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        box.adjust(20 if sentence else 8, 4, -12, -4)
        small = scaled_font(option.font, 0.92)
        title = scaled_font(option.font, 1.0, bold=is_entry)
        top, bottom = QRect(box), QRect(box)
        if sentence:
            top.setHeight(box.height() // 2)
            bottom.setTop(top.bottom() + 1)
        painter.setFont(small)
        painter.setPen(muted)
        room = 0
        if needs:
            room = min(QFontMetrics(small).horizontalAdvance(needs) + 4, top.width() // 2)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(top, right, elided(small, needs, room))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if sentence:
            painter.drawText(bottom, left, elided(small, sentence, bottom.width()))
        painter.setFont(title)
        painter.setPen(palette.text().color() if is_entry else muted)
        painter.drawText(top, left, elided(title, index.data(), top.width() - room - 12))
        painter.restore()
