"""Shows what the chosen dataset holds: rows, shape, what cannot be used, and the first row."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.controllers.jobs import Jobs
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.dataset_report import SHOWN_PROBLEMS, DatasetReport, examine_dataset, turns_of
from desktop.ui.pieces import button, column, label, set_role
from trainer_image.formats import SHAPE_WORDS

FIRST_ROW_LETTERS = 400
SHOWN_TURNS = 3


class DatasetPanel(QWidget):
    """One file at a time; a newer choice replaces the one that is still being read."""

    report_changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self._path: Path | None = None
        self._stamp: tuple[int, int] | None = None
        self.report: DatasetReport | None = None
        self.summary = label("", "title", wrap=True)
        self.detail = label("", "muted", wrap=True)
        self.problems = QPlainTextEdit(readOnly=True)
        self.problems.setProperty("role", "quiet")
        self.problems.setAccessibleName("Rows that cannot be used")
        self.leave_out = button("Leave these rows out", lambda: None, "link")
        self.first_row = label("", "muted", wrap=True, selectable=True)
        self.setLayout(column(self.summary, self.detail, self.problems, self.leave_out, self.first_row, space=4))
        self.clear()

    def clear(self) -> None:
        self._path = self.report = None
        self._show_words("No data chosen yet", "Choose a file, or drop one anywhere on this window.")
        self.report_changed.emit()

    def examine(self, path: Path) -> None:
        """Read a file in the background and show what is in it."""
        stamp = _stamp_of(path)
        if (path, stamp) == (self._path, self._stamp):
            return
        self._path, self._stamp, self.report = path, stamp, None
        self._show_words(f"Reading {path.name}…", "")
        self._jobs.run(
            "pool",
            lambda: examine_dataset(path),
            lambda report: self._take(path, report),
            lambda error: self._fail(path, error),
        )

    def _take(self, path: Path, report: DatasetReport) -> None:
        if path != self._path:
            return
        self.report = report
        if report.note:
            self._show_words(path.name, report.note, "warn" if report.bad_rows or not report.rows else "muted")
        else:
            assert report.shape is not None
            bad = f"{words.plural(report.bad_rows, 'row')} cannot be used" if report.bad_rows else "all rows are good"
            held = SHAPE_WORDS[report.shape]
            told = " ".join((f"{held[0].upper()}{held[1:]}.", *report.remarks)) if report.remarks else held.capitalize()
            self._show_words(f"{words.plural(report.rows, 'row')}, {bad}", told)
        self._show_problems(report)
        if report.first is not None:
            self.first_row.setText(_first_row_words(report))
            self.first_row.show()
        self.report_changed.emit()

    def _show_problems(self, report: DatasetReport) -> None:
        lines = [str(problem) for problem in report.problems]
        if report.bad_rows > SHOWN_PROBLEMS:
            lines.append(f"… and {words.count(report.bad_rows - SHOWN_PROBLEMS)} more")
        self.problems.setPlainText("\n".join(lines))
        self.problems.setFixedHeight(min(3, len(lines)) * 2 * self.problems.fontMetrics().lineSpacing() + 24)
        self.problems.setVisible(bool(lines))
        self.leave_out.setVisible(bool(lines) and report.good_rows > 0)

    def _fail(self, path: Path, error: AppError) -> None:
        if path == self._path:
            self._show_words(error.sentence, error.hint, "warn")
            self.report_changed.emit()

    def _show_words(self, summary: str, detail: str, role: str = "muted") -> None:
        self.summary.setText(summary)
        self.detail.setText(detail)
        set_role(self.detail, role)
        self.detail.setVisible(bool(detail))
        for part in (self.problems, self.leave_out, self.first_row):
            part.hide()


def _stamp_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from its changed self."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size


def _first_row_words(report: DatasetReport) -> str:
    assert report.first is not None
    turns = turns_of(report.first)[:SHOWN_TURNS]
    if len(turns) == 1:
        return f"First row: {_short(turns[0][1])}"
    return "First row:\n" + "\n".join(f"{name}: {_short(text)}" for name, text in turns)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    limit = FIRST_ROW_LETTERS // SHOWN_TURNS
    return flat if len(flat) <= limit else flat[:limit].rstrip() + "…"
