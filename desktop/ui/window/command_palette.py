"""Ctrl+K: every action by its name, from the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from desktop.ui.window.actions import Actions

_ACTION = Qt.ItemDataRole.UserRole


class CommandPalette(QDialog):
    """A list that narrows while you type; Enter does the marked action."""

    def __init__(self, actions: Actions, more: list[QAction], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setWindowTitle("All actions")
        self.resize(520, 400)
        self.search = QLineEdit()
        self.search.setPlaceholderText("What do you want to do?")
        self.search.setAccessibleName("Find an action")
        self.list = QListWidget()
        self.list.setAccessibleName("Actions")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        for declared, action in actions.all():
            if declared.name != "palette":
                self._add(declared.menu, action)
        for action in more:
            self._add("View", action)
        self.search.textChanged.connect(self._narrow)
        self.search.installEventFilter(self)
        self.list.itemClicked.connect(self._do)
        self._narrow("")

    def _add(self, menu: str, action: QAction) -> None:
        text = f"{menu}: {action.text().replace('&', '').removesuffix('…')}"
        key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        item = QListWidgetItem(f"{text}    {key}" if key else text)
        item.setData(_ACTION, action)
        item.setToolTip(action.statusTip())
        if not action.isEnabled():
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        self.list.addItem(item)

    def _narrow(self, text: str) -> None:
        words = text.lower().split()
        first: QListWidgetItem | None = None
        for index in range(self.list.count()):
            item = self.list.item(index)
            shown = all(word in item.text().lower() for word in words)
            item.setHidden(not shown)
            if shown and first is None and item.flags() & Qt.ItemFlag.ItemIsEnabled:
                first = item
        self.list.setCurrentItem(first)  # type: ignore[arg-type]  # None is Qt's "no item"

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentItem())
                return True
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                self.list.keyPressEvent(event)
                return True
        return super().eventFilter(watched, event)

    def _do(self, item: QListWidgetItem | None) -> None:
        if item is None or not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        action = item.data(_ACTION)
        self.close()
        assert isinstance(action, QAction)
        action.trigger()
