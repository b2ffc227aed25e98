"""The window about the dataset of the form: what was found, its bad rows, what the model will see, how it is read."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QLabel, QProgressBar, QTabWidget, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Progress, Report
from desktop.ui import words
from desktop.ui.datasets.columns import ColumnsPage
from desktop.ui.datasets.findings import FindingsPage
from desktop.ui.datasets.problems import ProblemsPage
from desktop.ui.datasets.report import is_about_columns
from desktop.ui.datasets.seen import SeenPage
from desktop.ui.datasets.step import DatasetStep
from desktop.ui.pieces import ElidedLabel, button, column, heading, label, row
from desktop.ui.setup.config_form import ConfigForm
from desktop.ui.shapes import Shape, shape_pixmap
from desktop.ui.theme import Theme

FILL_MS = 30
"""Much else follows a report at once: the pages are filled in a turn of the event loop of their own."""
SIGNS: dict[str, tuple[Shape, str]] = {
    "accept": ("tick", "fine"),
    "warn": ("bang", "look at this"),
    "ask": ("bang", "one question"),
    "reject": ("cross", "cannot be used"),
}
WHOLE = 1000


class DatasetWindow(QDialog):
    """Stands beside the main window and follows its form; closing it ends what only it needs."""

    start_requested = Signal()

    def __init__(self, desk: DataDesk, step: DatasetStep, form: ConfigForm, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._step, self._form, self._theme = desk, step, form, theme
        self._shown_report: Report | None = None
        self.setWindowTitle("Data")
        self.setModal(False)
        self.resize(1120, 680)
        self.sign = QLabel()
        self.name = ElidedLabel("", "muted")
        self.sentence = heading("")
        self.sentence.setWordWrap(True)
        self.hint = label("", "muted", wrap=True)
        self.progress = QProgressBar(maximum=WHOLE, textVisible=False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("How much of the file is read")
        self.cancel = button("Stop reading", desk.scanning.cancel, "link")
        self.problems = ProblemsPage(desk, theme)
        self.findings = FindingsPage(desk, theme, form.values, lambda: step.said)
        self.seen = SeenPage(desk, theme, form.values, lambda: step.said.mapping)
        self.columns = ColumnsPage(desk)
        self.pages = QTabWidget()
        self.pages.setObjectName("pages")
        self.pages.setDocumentMode(True)
        self._names: dict[str, QWidget] = {
            "problems": self.problems,
            "findings": self.findings,
            "seen": self.seen,
            "columns": self.columns,
        }
        titles = ("Problems", "Findings", "What the model sees", "Columns")
        for title, page in zip(titles, self._names.values(), strict=True):
            self.pages.addTab(page, title)
        self._filling = QTimer(self, singleShot=True, interval=FILL_MS)
        self._filling.timeout.connect(self._show_pages)
        self._compose()
        self._connect()
        self._show_state()

    def _compose(self) -> None:
        head = row(self.sign, self.sentence, space=12)
        head.setStretch(1, 1)
        self.sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.leave = button("Close", self.close)
        self.start = button("Back to Start", self._go_back, "primary")
        state = row(self.progress, self.cancel)
        state.setStretch(0, 1)
        layout = column(self.name, head, self.hint, state, self.pages, row(1, self.leave, self.start), space=8)
        layout.setStretch(4, 1)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
        for number in range(self.pages.count()):
            key = QShortcut(QKeySequence(f"Alt+{number + 1}"), self)
            key.activated.connect(lambda number=number: self.pages.setCurrentIndex(number))

    def _connect(self) -> None:
        desk = self._desk
        desk.scanning.changed.connect(self._show_state)
        desk.scanning.progressed.connect(self._show_progress)
        self._form.config_changed.connect(self._follow_form)
        self.problems.choice.chosen.connect(self._form.fields["bad_rows"].set_value)
        self.columns.said.connect(self._step.say)
        self.findings.row_requested.connect(self._go_to_row)
        self.findings.near_requested.connect(self._step.look_for_near)
        self.findings.lengths.max_length_wanted.connect(self._form.fields["max_length"].set_value)
        self._theme.theme_changed.connect(self._show_sign)
        self.pages.currentChanged.connect(lambda _: self._follow_form())

    def open_page(self, name: str = "") -> None:
        """Show the window with one of its pages, or with the one that matters."""
        report = self._desk.scanning.report
        if not name and report is not None:
            name = "columns" if report.outcome == "ask" else "problems" if report.bad_rows else "seen"
        self.pages.setCurrentWidget(self._names.get(name, self.seen))
        self._show_state()
        self._show_pages()
        self.show()
        self.raise_()
        self.activateWindow()
        self.pages.currentWidget().setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._desk.rest()

    def done(self, code: int) -> None:
        """Leave by Escape, which is no close event."""
        super().done(code)
        self._desk.rest()

    # What it shows

    def _show_state(self) -> None:
        scanning = self._desk.scanning
        report = scanning.report
        self.setWindowTitle(f"Data: {scanning.path.name}" if scanning.path else "Data")
        self.name.set_whole_text(str(scanning.path) if scanning.path else "")
        self.progress.setVisible(scanning.is_running)
        self.cancel.setVisible(scanning.is_running)
        if scanning.path is None:
            self._say("No data chosen yet", "Choose a file, or drop one on the main window.")
        elif scanning.is_running:
            self.progress.setMaximum(0)
            self._say(f"Reading {scanning.path.name}…", "")
        elif scanning.error is not None:
            self._say(scanning.error.sentence, scanning.error.hint)
        elif report is not None:
            self._say(report.sentence, report.hint if not is_about_columns(report) else "")
        self._show_sign()
        self._filling.start()

    def _show_pages(self) -> None:
        """Fill the pages; while a file is read they keep what they show."""
        self._filling.stop()
        report = self._desk.scanning.report
        if report is None and self._desk.scanning.is_running:
            if self._shown_report is None:
                self.seen.show_waiting("Reading the file…")
            return
        if report is not None and report is self._shown_report:
            self._follow_form()
            return
        self._shown_report = report
        self.problems.show_report(report)
        self.findings.show_report(report)
        self.seen.show_report(report)
        self.columns.show_report(report, self._step.said)
        is_bad = report is not None and report.bad_rows > 0 and report.outcome != "ask"
        bad = f" ({words.count(report.bad_rows)})" if report is not None and is_bad else ""
        self.pages.setTabText(0, f"Problems{bad}")
        self._follow_form()

    def _follow_form(self) -> None:
        self.problems.choice.show_choice(self._desk.scanning.report, self._step.bad_rows)
        page: Any = self.pages.currentWidget()
        if page in (self.findings, self.seen):
            page.refresh()

    def _show_sign(self) -> None:
        report, colours = self._desk.scanning.report, self._theme.colours
        self.sign.setVisible(report is not None)
        if report is None:
            return
        shape, word = SIGNS[report.outcome]
        colour = {"accept": colours.good, "reject": colours.bad}.get(report.outcome, colours.warn)
        self.sign.setPixmap(shape_pixmap(shape, colour, 22))
        self.sign.setAccessibleName(word)

    def _show_progress(self, progress: Progress) -> None:
        share = progress.share
        self.progress.setMaximum(0 if share is None else WHOLE)
        self.progress.setValue(round((share or 0) * WHOLE))
        self.hint.setText(f"{words.plural(progress.rows, 'row')} so far")
        self.hint.show()

    def _say(self, sentence: str, hint: str) -> None:
        self.sentence.setText(sentence)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))

    # What it does

    def _go_back(self) -> None:
        self.close()
        self.start_requested.emit()

    def _go_to_row(self, number: int) -> None:
        self.pages.setCurrentWidget(self.seen)
        self.seen.go_to(number)
