"""Every key that does something, by menu."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QScrollArea, QWidget

from desktop.ui.pieces import button, column, label, row
from desktop.ui.window.actions import MENUS, Actions


class ShortcutsDialog(QDialog):
    """A table of keys, made from the declared actions."""

    def __init__(self, actions: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        self.resize(480, 560)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(24)
        for menu in MENUS:
            keyed = [
                (a.shortcut(), a)
                for declared, a in actions.all()
                if declared.menu == menu and not a.shortcut().isEmpty()
            ]
            if keyed:
                grid.addWidget(label(menu, "muted"), grid.rowCount(), 0)
            for key, action in keyed:
                at = grid.rowCount()
                grid.addWidget(label(key.toString(QKeySequence.SequenceFormat.NativeText), "title"), at, 0)
                grid.addWidget(label(action.text().removesuffix("…")), at, 1)
        inside = QWidget()
        inside.setLayout(column(grid, 1))
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        note = label("Space, F2 and Del work on the selected run, Esc in the chat.", "muted", wrap=True)
        layout = column(scroll, note, row(1, button("Close", self.accept, "primary")), space=12)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
