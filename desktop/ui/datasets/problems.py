"""The page of problems: every bad row in a table, and the one that is picked as it stands in the file."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QUrl
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QSplitter, QTableView, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Report
from desktop.ui import words
from desktop.ui.datasets.choice import BadRowsChoice
from desktop.ui.datasets.problem_model import Column, ProblemModel
from desktop.ui.datasets.report import kind_words, place_of
from desktop.ui.datasets.source_view import SourceView
from desktop.ui.pieces import ElidedLabel, boxed, button, column, label, row
from desktop.ui.theme import Theme, table_font

WIDTHS = {Column.LINE: 80, Column.ROW: 80, Column.COLUMN: 120, Column.KIND: 152, Column.FAULT: 440}


class ProblemsPage(QWidget):
    """Nothing here changes the file: it says where to look, and what happens to the rows."""

    def __init__(self, desk: DataDesk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._report: Report | None = None
        self.model = ProblemModel(self)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("Show problems of one kind")
        self.kinds.currentIndexChanged.connect(self._filter)
        self.count = label("", "muted")
        self.copy = button("Copy", self._copy, name="Copy the problems that are picked, or all of them")
        self.table = self._make_table()
        self.source = SourceView(theme)
        self.place = label("", "title")
        self.fix = ElidedLabel("", "muted")
        self.open = button("Open the file", self._open, "link", "Open the file in its own program")
        self.choice = BadRowsChoice()
        self.nothing = label("", "muted", wrap=True)
        self._compose()
        desk.source.lines_read.connect(self._show_lines)
        desk.source.lines_failed.connect(lambda error: self.source.show_words(str(error)))
        self.show_report(None)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setFont(table_font(table.font()))
        table.setAccessibleName("Rows that cannot be used")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSortingEnabled(True)
        table.sortByColumn(Column.LINE, Qt.SortOrder.AscendingOrder)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(28)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        for section, width in WIDTHS.items():
            header.resizeSection(section, width)
        # The table's own would be asked of every cell whether its column is picked, for a mark that is not shown.
        header.setSelectionModel(QItemSelectionModel(self.model, table))
        copying = QAction("Copy", table)
        copying.setShortcut(QKeySequence.StandardKey.Copy)
        copying.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copying.triggered.connect(lambda: self._copy())
        table.addAction(copying)
        table.selectionModel().currentRowChanged.connect(self._pick)
        return table

    def _compose(self) -> None:
        below = column(row(self.place, self.fix, self.open), self.source, space=4)
        below.setContentsMargins(0, 8, 0, 0)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(boxed(below))
        self._split.setSizes([300, 200])
        top = row(self.kinds, self.count, 1, self.copy)
        self.found = boxed(column(top, self._split, self.choice, space=8))
        self.found.layout().setStretch(1, 1)  # type: ignore[union-attr]
        layout = column(self.nothing, self.found)
        layout.setContentsMargins(0, 8, 0, 0)
        self.setLayout(layout)

    def show_report(self, report: Report | None) -> None:
        """Show the problems of a report, or that there are none."""
        self._report = report
        problems = report.problems if report else ()
        self.model.show_problems(problems)
        self.kinds.blockSignals(True)
        self.kinds.clear()
        if report is not None:
            self.kinds.addItem(f"Every kind ({words.count(report.bad_rows)})", "")
            for kind, count in sorted(report.problem_counts.items(), key=lambda one: -one[1]):
                self.kinds.addItem(f"{kind_words(kind).capitalize()} ({words.count(count)})", kind)
        self.kinds.blockSignals(False)
        self.found.setVisible(bool(problems))
        self.nothing.setVisible(not problems)
        if report is None:
            self.nothing.setText("Bad rows appear here once a file was read.")
        elif report.outcome == "ask":
            self.nothing.setText("Whether rows are bad can be said once it is known how they are read: see “Columns”.")
        else:
            self.nothing.setText("✓ No row of this file is bad." if report.rows else report.sentence)
        self._filter()

    def pick_line(self, line: int) -> None:
        """Go to the problem at a line."""
        self.kinds.setCurrentIndex(0)
        at = self.model.row_at_line(line)
        if at is not None:
            self.table.selectRow(at)

    def _filter(self) -> None:
        kind = self.kinds.currentData() or ""
        self.model.narrow(kind)
        report = self._report
        if report is None:
            return
        there = report.problem_counts.get(kind, 0) if kind else report.bad_rows
        listed = self.model.rowCount()
        self.count.setText("" if listed == there else f"the first {words.count(listed)} of {words.count(there)}")
        if listed and not self.table.selectionModel().hasSelection():
            self.table.selectRow(0)

    def _pick(self, current: QModelIndex, _before: QModelIndex) -> None:
        report = self._report
        if not current.isValid() or report is None or report.index is None:
            return
        problem = self.model.problem(current.row())
        self.place.setText(place_of(problem))
        self.fix.set_whole_text(problem.fix)
        self._desk.source.read_lines(report.index, problem.line, problem.part)

    def _show_lines(self, line: int, lines: list[object]) -> None:
        current = self.table.currentIndex()
        problem = self.model.problem(current.row()) if current.isValid() else None
        if problem is None or problem.line != line:
            return
        if lines:
            self.source.show_lines(lines, line, problem)  # type: ignore[arg-type]
        else:
            self.source.show_words("This file has no lines that could be shown: it is a table in columns (Parquet).")

    def _copy(self) -> None:
        """Put what is picked, or everything where nothing more than one row is, onto the clipboard."""
        # By ranges: to ask for each row whether it is picked takes long where there are thousands.
        selection = self.table.selectionModel().selection()
        ranges = [selection.at(number) for number in range(selection.count())]
        picked = sorted({number for one in ranges for number in range(one.top(), one.bottom() + 1)})
        rows = picked if len(picked) > 1 else range(self.model.rowCount())
        QGuiApplication.clipboard().setText("\n".join(str(self.model.problem(number)) for number in rows))

    def _open(self) -> None:
        if self._report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report.path)))
