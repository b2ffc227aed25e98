"""Made once for a file with bad rows: they stop the start until they are mended, or they are left out."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QRadioButton, QWidget

from desktop.controllers.scanning import Report
from desktop.ui import words
from desktop.ui.datasets.report import BadRows
from desktop.ui.pieces import column, label


class BadRowsChoice(QWidget):
    """Two buttons that say what each of the ways comes to, in rows."""

    chosen = Signal(str)
    """The new value of the knob ``bad_rows``."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("What happens to the rows that cannot be used")
        self._group = QButtonGroup(self)
        self.leave_out = QRadioButton()
        self.stop = QRadioButton()
        for choice in (self.leave_out, self.stop):
            self._group.addButton(choice)
        self.leave_out.clicked.connect(lambda: self.chosen.emit("leave_out"))
        self.stop.clicked.connect(lambda: self.chosen.emit("stop"))
        self.asked = label("", "problem", wrap=True)
        self.asked.hide()
        self.setLayout(column(self.asked, self.leave_out, self.stop, space=0))

    def ask(self) -> None:
        """Say that a start waits for this choice."""
        self.asked.setText("A start waits for this: mend the rows, or leave them out.")
        self.asked.show()
        self.leave_out.setFocus()

    def show_choice(self, report: Report | None, bad_rows: BadRows) -> None:
        """Say the counts of a file, and which way is chosen; nothing where there is nothing to choose."""
        self.setVisible(report is not None and report.bad_rows > 0 and report.rows > 0)
        if report is None:
            return
        out = "it" if report.bad_rows == 1 else f"these {words.count(report.bad_rows)}"
        self.leave_out.setText(f"Leave {out} out, train on {words.plural(report.rows, 'row')}")
        self.stop.setText(f"I mend {'it' if report.bad_rows == 1 else 'them'} first")
        self.stop.setToolTip("Mend the file in any editor and save it: it is read anew at once.")
        if bad_rows == "leave_out" or not report.bad_rows:
            self.asked.hide()
        (self.leave_out if bad_rows == "leave_out" else self.stop).setChecked(True)
