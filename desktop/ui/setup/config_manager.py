"""Every saved config as a list: found by a word or an engine, with notes, and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from desktop.body import EngineName
from desktop.controllers.library import Library, SavedConfig
from desktop.ui import words
from desktop.ui.pieces import boxed, button, column, elided, label, row
from desktop.ui.theme import scaled_font
from desktop.ui.window.actions import Actions
from trainer_image.contract import CONTRACT

ENGINE_WORDS: dict[EngineName, str] = {"docker": "in a container", "process": "without a container"}
CONFIG_ROLE = Qt.ItemDataRole.UserRole
ROW_HEIGHT = 48
ROWS = 4
NOTES_REST_MS = 600
"""Notes are kept once the typing rests."""


class ConfigManager(QWidget):
    """The list, its search and filter, the notes of the chosen one, and the buttons."""

    config_wanted = Signal(str)
    """The name of the config that the form is to show."""

    def __init__(self, library: Library, actions: Actions, trying: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self._library = library
        self._trying = trying
        self.search = QLineEdit(placeholderText="Find a saved config", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a saved config")
        self.engines = QComboBox()
        self.engines.setAccessibleName("Saved with")
        self.engines.addItem("Any engine", None)
        for engine, where in ENGINE_WORDS.items():
            self.engines.addItem(where.capitalize(), engine)
        self.list = QListWidget()
        self.list.setAccessibleName("Saved configs")
        self.list.setItemDelegate(_ConfigDelegate(self.list))
        self.list.setFixedHeight(ROW_HEIGHT * ROWS + 2)
        self.notes = QPlainTextEdit(placeholderText="Notes: what this one is for, what came of it")
        self.notes.setAccessibleName("Notes of this config")
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(60)
        self._typing = QTimer(self, singleShot=True, interval=NOTES_REST_MS)
        self._shown: SavedConfig | None = None
        """The config whose notes are shown, as it is in the database."""
        self._compose(actions)
        self._connect()
        self.refresh()

    def _compose(self, actions: Actions) -> None:
        self.use = button("Use it", lambda: self._use(), name="Show this config in the form")
        acts = (("Rename…", "rename_config"), ("Duplicate", "duplicate_config"), ("Export…", "export_config"))
        self.buttons = [
            button(text, actions[name].trigger, name=actions[name].text())
            for text, name in (*acts, ("Delete", "delete_config"))
        ]
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack = QStackedLayout()
        self.stack.addWidget(boxed(column(1, self.empty, 1)))
        self.stack.addWidget(self.list)
        head = row(self.search, self.engines, button("Import…", actions["import_config"].trigger))
        head.setStretch(0, 1)
        foot = row(self.use, *self.buttons, 1, space=4)
        self.setLayout(column(head, self.stack, self.notes, foot, space=8))

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _: self.refresh())
        self.engines.currentIndexChanged.connect(lambda _: self.refresh())
        self.list.currentItemChanged.connect(lambda *_: self._show_chosen())
        self.list.itemActivated.connect(lambda _: self._use())
        self.notes.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self.keep_notes)

    @property
    def name(self) -> str:
        """The config that is chosen in the list, or nothing."""
        return self._shown.name if self._shown is not None else ""

    def refresh(self, chosen: str = "") -> None:
        """Read the configs again; keep the chosen one, or choose ``chosen``."""
        chosen = chosen or self.name
        every = self._library.configs()
        shown = [saved for saved in every if self._matches(saved)]
        with QSignalBlocker(self.list):
            self.list.clear()
            for saved in shown:
                item = QListWidgetItem(saved.name, self.list)
                item.setData(CONFIG_ROLE, saved)
                item.setToolTip("\n".join(filter(None, (saved.name, second_line(saved), saved.notes))))
            names = [saved.name for saved in shown]
            self.list.setCurrentRow(names.index(chosen) if chosen in names else 0)
        self.stack.setCurrentIndex(1 if shown else 0)
        self.empty.setText("No saved config matches." if every else "What you save by name will stand here.")
        self._show_chosen()

    def keep_notes(self) -> None:
        """Write down what was typed into the notes."""
        self._typing.stop()
        saved, text = self._shown, self.notes.toPlainText().strip()
        if saved is not None and text != saved.notes:
            self._shown = replace(saved, notes=text)
            self._trying(lambda: self._library.annotate(saved.name, text))

    def _matches(self, saved: SavedConfig) -> bool:
        wanted = self.engines.currentData()
        if wanted is not None and saved.engine not in (wanted, None):
            return False
        everything = f"{saved.name} {second_line(saved)} {saved.notes}".lower()
        return all(word in everything for word in self.search.text().lower().split())

    def _show_chosen(self) -> None:
        item = self.list.currentItem()
        saved: SavedConfig | None = item.data(CONFIG_ROLE) if item is not None else None
        if saved is None or self._shown is None or saved.name != self._shown.name:
            self.keep_notes()
            with QSignalBlocker(self.notes):
                self.notes.setPlainText(saved.notes if saved else "")
        self._shown = saved
        self.notes.setEnabled(saved is not None)
        for made in (self.use, *self.buttons):
            made.setEnabled(saved is not None)

    def forget(self) -> None:
        """The chosen config is gone, and its notes with it."""
        self._typing.stop()
        self._shown = None

    def _use(self) -> None:
        if self.name:
            self.config_wanted.emit(self.name)


def second_line(saved: SavedConfig) -> str:
    """Say what a config trains on what, where, and when it was saved."""
    values = saved.values
    parts = [
        str(values.get("method", "sft")),
        Path(str(values.get("model", ""))).name,
        Path(str(values.get("dataset", ""))).name,
        ENGINE_WORDS[saved.engine] if saved.engine else "",
        words.moment(saved.saved),
        "from a newer version" if saved.contract > CONTRACT else "",
    ]
    return " · ".join(filter(None, parts))


class _ConfigDelegate(QStyledItemDelegate):
    """Paints a config as two lines: its name and notes, and below them what it is."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(240, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        saved = index.data(CONFIG_ROLE)
        assert isinstance(saved, SavedConfig)
        plain = QStyleOptionViewItem(option)
        self.initStyleOption(plain, index)
        plain.text = ""
        QApplication.style().drawControl(QStyle.ControlElement.CE_ItemViewItem, plain, painter, option.widget)
        box = option.rect.adjusted(12, 6, -12, -4)
        bold, small = scaled_font(option.font, 1, bold=True), scaled_font(option.font, 0.92)
        text, muted = option.palette.text().color(), option.palette.placeholderText().color()
        painter.save()
        painter.setPen(text)
        painter.setFont(bold)
        name = elided(bold, saved.name, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignTop, name)
        painter.setPen(muted)
        painter.setFont(small)
        beside = box.adjusted(QFontMetrics(bold).horizontalAdvance(name) + 12, 0, 0, 0)
        note = saved.notes.partition("\n")[0]
        painter.drawText(beside, Qt.AlignmentFlag.AlignTop, elided(small, note, max(0, beside.width())))
        below = box.adjusted(0, QFontMetrics(bold).height() + 2, 0, 0)
        painter.drawText(below, Qt.AlignmentFlag.AlignTop, elided(small, second_line(saved), below.width()))
        painter.restore()
