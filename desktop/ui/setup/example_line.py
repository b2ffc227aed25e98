"""What is done for the example before its start: what and since when, a bar, and the button that gives it up."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QProgressBar, QWidget

from desktop.controllers.demo import Demo
from desktop.ui import words
from desktop.ui.pieces import button, column, label, row

WHOLE = 1000


class ExampleLine(QWidget):
    """Is there only while the example is prepared; the bar runs to and fro where nobody knows how much is left."""

    def __init__(self, demo: Demo) -> None:
        super().__init__()
        self._demo = demo
        self._is_wanted = True
        self.says = label("", "muted", wrap=True)
        self.bar = QProgressBar(maximum=0, textVisible=False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of the example")
        self.cancel = button("Cancel", demo.cancel, name="Cancel the example")
        line = row(self.says, self.cancel)
        line.setStretch(0, 1)
        layout = column(self.bar, line, space=4)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)
        self._seconds = QTimer(self, interval=1000)
        self._seconds.timeout.connect(self._show)
        demo.changed.connect(self._show)
        self._show()

    def set_wanted(self, wanted: bool) -> None:
        """Leave it to another line to say so, or say it again."""
        self._is_wanted = wanted
        self._show()

    def _show(self) -> None:
        doing = self._demo.doing if self._is_wanted else None
        self.setVisible(doing is not None)
        if doing is None:
            self._seconds.stop()
            return
        if not self._seconds.isActive():
            self._seconds.start()
        self.says.setText(f"{doing.words[:1].upper()}{doing.words[1:]} · {words.duration(self._demo.seconds)} so far")
        self.bar.setMaximum(0 if doing.share is None else WHOLE)
        self.bar.setValue(round(WHOLE * (doing.share or 0)))
