"""The card about the chosen dataset: how far the reading is, what the file holds, and its bad rows by their lines."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QProgressBar, QScrollArea, QWidget

from desktop.controllers.scanning import Progress, Report, Scanning
from desktop.core.dataset.report import Cancelled
from desktop.ui import words
from desktop.ui.datasets.choice import BadRowsChoice
from desktop.ui.datasets.report import BadRows, columns_words, headline, held, is_about_columns, place_of
from desktop.ui.pieces import boxed, button, column, label, row, set_role

SHOWN_PROBLEMS = 4
WHOLE = 1000
GROWS_MS = 10_000
"""What a file means for the memory and the presets is shown within this time; the cards above grow with it."""


class DatasetPanel(QWidget):
    """Shows what the scan says; the dock decides what is scanned."""

    report_changed = Signal()
    look_requested = Signal(str)
    """The user wants to see more: the name of a page of the data window."""
    again_requested = Signal()

    def __init__(self, scanning: Scanning) -> None:
        super().__init__()
        self._scanning = scanning
        self._bad_rows: BadRows = "stop"
        self.name = label("", "muted", wrap=True)
        self.summary = label("", "title", wrap=True)
        self.detail = label("", "muted", wrap=True)
        self.progress = QProgressBar(maximum=WHOLE, textVisible=False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName("How much of the file is read")
        self.cancel = button("Stop reading", scanning.cancel, "link")
        self.reading = boxed(column(self.progress, row(self.cancel, 1), space=4))
        self.grid = QGridLayout()
        self.grid.setContentsMargins(0, 4, 0, 4)
        self.grid.setHorizontalSpacing(8)
        self.grid.setVerticalSpacing(4)
        self.grid.setColumnStretch(1, 1)
        self.problems = QWidget()
        self.problems.setAccessibleName("Rows that cannot be used")
        self.problems.setLayout(self.grid)
        self.choice = BadRowsChoice()
        self.act = button("", self._act)
        self.look = button("Look at the rows…", lambda: self.look_requested.emit("seen"), "link")
        self.setLayout(
            column(
                self.name,
                self.summary,
                self.detail,
                self.reading,
                self.problems,
                self.choice,
                row(self.act, 1),
                row(self.look, 1),
                space=4,
            )
        )
        self._is_kept_in_view = False
        self._area_followed: QScrollArea | None = None
        self._following = QTimer(self, singleShot=True, interval=0)
        self._following.timeout.connect(self._follow)
        self._leaving = QTimer(self, singleShot=True, interval=GROWS_MS)
        self._leaving.timeout.connect(self.let_go)
        scanning.changed.connect(self._show)
        scanning.progressed.connect(self._show_progress)
        self._show()

    @property
    def report(self) -> Report | None:
        """What is known of the file; None while it is read."""
        return self._scanning.report

    def show_choice(self, bad_rows: BadRows, name: str = "") -> None:
        """Show which way the knob says; ``name``: what the rows are called in the library."""
        self._bad_rows = bad_rows
        self.name.setText(name)
        self.name.setVisible(bool(name))
        self.choice.show_choice(self.report, bad_rows)
        if self.report is not None:
            self.summary.setText(headline(self.report, bad_rows))

    def ask_for_choice(self) -> bool:
        """Go to the choice about bad rows if there is one to make, and say so."""
        if not self.choice.isVisibleTo(self.window()):
            return False
        self.let_go()
        self.choice.ask()
        self.bring_into_view(self.choice)
        return True

    def bring_into_view(self, part: QWidget | None = None) -> None:
        """Scroll whatever this card stands in so that it, or a part of it, can be seen."""
        area = self._area()
        if area is not None:
            area.ensureWidgetVisible(part or self, 0, 24)

    def keep_in_view(self) -> None:
        """Bring the card into view and keep it there while it is filled and others grow, unless somebody scrolls."""
        area = self._area()
        if area is None:
            return
        if self._area_followed is not area:
            self._area_followed = area
            area.verticalScrollBar().rangeChanged.connect(lambda *_: self._following.start())
            area.verticalScrollBar().actionTriggered.connect(lambda _: self.let_go())
        self._is_kept_in_view = True
        self._leaving.stop()
        self._follow()

    def let_go(self) -> None:
        """Scroll no more by itself."""
        self._is_kept_in_view = False

    def _follow(self) -> None:
        if self._is_kept_in_view:
            self.bring_into_view()
            self.bring_into_view(self.summary)

    def _area(self) -> QScrollArea | None:
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        return above

    def _show(self) -> None:
        scanning = self._scanning
        self._show_words("No data chosen yet", "Choose a file, or drop one anywhere on this window.")
        if scanning.is_running and scanning.path is not None:
            self._show_words(f"Reading {scanning.path.name}…", "")
            self.progress.setMaximum(0)
            self.reading.show()
        elif scanning.error is not None and scanning.path is not None:
            was_stopped = isinstance(scanning.error, Cancelled)
            self._show_words(
                f"{scanning.path.name} was not read to its end" if was_stopped else scanning.error.sentence,
                scanning.error.hint,
                "" if was_stopped else "warn",
            )
            self._offer("Read it")
            self._leaving.start()
        elif scanning.report is not None:
            self._show_report(scanning.report)
            self._leaving.start()
        self.report_changed.emit()

    def _show_report(self, report: Report) -> None:
        detail = held(report)
        if report.outcome in ("ask", "reject") and not report.rows:
            detail = columns_words(report) if is_about_columns(report) else report.hint
        elif report.warnings:
            detail = " ".join((detail, *(finding.message for finding in report.warnings[:2])))
        if self._scanning.was_reread:
            detail = f"{detail} The file has changed, and was read anew.".strip()
        self._show_words(headline(report, self._bad_rows), detail)
        self._show_problems(report)
        self.choice.show_choice(report, self._bad_rows)
        if report.outcome == "ask":
            self._offer("Say which column is which…" if is_about_columns(report) else "Say how to read it…")
        self.look.setVisible(report.index is not None and report.rows_total > 0)

    def _show_problems(self, report: Report) -> None:
        shown = report.problems[:SHOWN_PROBLEMS]
        if report.bad_rows == 1 or len(shown) < report.bad_rows <= SHOWN_PROBLEMS + 1:
            shown = report.problems[: SHOWN_PROBLEMS + 1]
        top = Qt.AlignmentFlag.AlignTop
        for number, problem in enumerate(shown):
            line = label(place_of(problem), "title")
            line.setAlignment(top)
            self.grid.addWidget(line, number, 0, top)
            self.grid.addWidget(label(problem.sentence, wrap=True, selectable=True), number, 1)
        rest = report.bad_rows - len(shown)
        text = f"and {words.count(rest)} more: see them all…" if rest > 0 else "See them in the file…"
        if shown:
            more = button(text, lambda: self.look_requested.emit("problems"), "link")
            self.grid.addLayout(row(more, 1), len(shown), 0, 1, 2)
        self.problems.setVisible(bool(shown))

    def _show_progress(self, progress: Progress) -> None:
        share = progress.share
        self.progress.setMaximum(0 if share is None else WHOLE)
        self.progress.setValue(round((share or 0) * WHOLE))
        done = f"{words.plural(progress.rows, 'row')}"
        self.detail.setText(
            done if share is None else f"{done}, {share:.0%} of {words.file_size(progress.bytes_total)}"
        )
        self.detail.show()

    def _offer(self, text: str) -> None:
        self.act.setText(text)
        self.act.show()

    def _act(self) -> None:
        if self._scanning.error is not None:
            self._scanning.again()
        else:
            self.look_requested.emit("columns")

    def _show_words(self, summary: str, detail: str, role: str = "muted") -> None:
        self.summary.setText(summary)
        self.detail.setText(detail)
        set_role(self.detail, role)
        self.detail.setVisible(bool(detail))
        while item := self.grid.takeAt(0):
            _drop(item)
        for part in (self.reading, self.problems, self.choice, self.act, self.look):
            part.hide()


def _drop(item: object) -> None:
    """Take what a layout has given back off the screen."""
    widget = item.widget()  # type: ignore[attr-defined]
    inner = item.layout()  # type: ignore[attr-defined]
    if widget is not None:
        widget.hide()
        widget.deleteLater()
    while inner is not None and (one := inner.takeAt(0)):
        _drop(one)
