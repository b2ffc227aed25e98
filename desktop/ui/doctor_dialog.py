"""Everything that a run needs, examined: each with its state in a word and a shape, and the fix to copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from desktop.controllers.hardware import Check, Hardware
from desktop.ui.pieces import button, column, label, row
from desktop.ui.shapes import CHECK_SHAPES, CHECK_WORDS, check_colour, shape_pixmap
from desktop.ui.theme import Theme, scaled_font


class DoctorDialog(QDialog):
    """Asks for an examination when it opens, and again on request."""

    def __init__(self, hardware: Hardware, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hardware = hardware
        self._theme = theme
        self._checks: list[Check] = []
        self.setWindowTitle("This machine")
        self.resize(720, 520)
        title = label("This machine")
        title.setFont(scaled_font(title.font(), 1.3, bold=True))
        self.state = label("", "muted")
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(16)
        self.grid.setVerticalSpacing(12)
        self.grid.setColumnStretch(2, 1)
        inside = QWidget()
        inside.setLayout(column(self.grid, 1))
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inside)
        self.again = button("Examine again", self.examine)
        copy = button("Copy everything", self._copy_all)
        close = button("Close", self.accept, "primary")
        layout = column(row(title, 1, self.state), scroll, row(self.again, copy, 1, close), space=16)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
        hardware.checked.connect(self.show_checks)
        self.examine()

    def examine(self) -> None:
        """Ask for everything anew; what is known stays until the answer comes."""
        self.state.setText("Examining…")
        self.again.setEnabled(False)
        self._hardware.examine()

    def show_checks(self, checks: list[Check]) -> None:
        """Show the result, one check a row."""
        self._checks = checks
        self.again.setEnabled(True)
        wrong = sum(check.state == "fail" for check in checks)
        self.state.setText(f"{wrong} broken" if wrong else "Nothing is broken.")
        while item := self.grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        for number, check in enumerate(checks):
            self._add(number * 2, check)

    def _add(self, at: int, check: Check) -> None:
        shape = QLabel()
        shape.setPixmap(shape_pixmap(CHECK_SHAPES[check.state], check_colour(check.state, self._theme.colours)))
        state = label(CHECK_WORDS[check.state], "muted")
        parts: list[QWidget] = [label(check.detail, wrap=True, selectable=True)]
        top = Qt.AlignmentFlag.AlignTop
        self.grid.addLayout(row(shape, state, 1), at, 0, top)
        self.grid.addWidget(label(check.name, "title"), at, 1, top)
        words = column(*parts, space=4)
        if check.fix:
            fix = label(check.fix, "muted", wrap=True, selectable=True)
            copy = button(
                "Copy", lambda: QGuiApplication.clipboard().setText(check.fix), "link", f"Copy the fix: {check.name}"
            )
            line = row(fix, copy)
            line.setStretch(0, 1)
            line.setAlignment(copy, top)
            words.addLayout(line)
        self.grid.addLayout(words, at, 2)
        divider = QFrame()
        divider.setProperty("role", "line")
        divider.setFixedHeight(1)
        self.grid.addWidget(divider, at + 1, 0, 1, 3)

    def _copy_all(self) -> None:
        lines = [f"{c.name}: {CHECK_WORDS[c.state]}. {c.detail} {c.fix}".strip() for c in self._checks]
        QGuiApplication.clipboard().setText("\n".join(lines))
