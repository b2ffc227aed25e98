"""The log of the selected run: follows its end, finds words and errors, folds stack traces, copies and saves."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QFontDatabase, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QStackedLayout,
    QTableView,
    QWidget,
)

from desktop.core.log_levels import Level
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.log.delegate import LogDelegate
from desktop.ui.log.model import LogModel
from desktop.ui.log.search import LogSearch
from desktop.ui.pieces import button, column, label, row, tool_button
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.theme import Theme

POLL_MS = 250
LOOK_MS = 5
"""Between two parts of a large log that is looked through: the window comes first."""
FILTERS = (
    (Level.INFO, "Every line"),
    (Level.WARNING, "Warnings and errors"),
    (Level.ERROR, "Errors"),
)


class LogDock(QWidget):
    """A table of one column over the file of the selected run."""

    def __init__(self, services: Services, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self._jobs = services.jobs
        self.model = LogModel(self)
        self.finding = LogSearch(services.jobs, self)
        self.table = self._make_table()
        self.delegate = LogDelegate(self.model, theme, self.table)
        self.table.setItemDelegate(self.delegate)
        self.search = QLineEdit(placeholderText="Find in the log", clearButtonEnabled=True)
        self.search.setAccessibleName("Find in the log")
        self.search.setMaximumWidth(200)
        self.found = label("", "muted")
        self.levels = QComboBox()
        self.levels.setAccessibleName("Lines that are shown")
        for level, text in FILTERS:
            self.levels.addItem(text, level)
        self.first_error = button("First error", self.go_to_first_error, "link", "Go to the first error")
        self.follow = QCheckBox("Follow")
        self.follow.setToolTip("Stay at the newest line")
        self.follow.setChecked(True)
        self.empty = label("", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._compose()
        self._connect(selection, theme)
        self._select(selection.run_id)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(table.font().pointSizeF() * 0.95)
        table.setFont(font)
        table.setAccessibleName("Log lines")
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.horizontalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        rows = table.verticalHeader()
        rows.hide()
        rows.setMinimumSectionSize(8)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(table.fontMetrics().height() + 2)
        return table

    def _compose(self) -> None:
        head = row(
            self.search,
            tool_button("↑", lambda: self._find(backwards=True), "Find the one before"),
            tool_button("↓", self._find, "Find the next one"),
            self.found,
            1,
            self.first_error,
            self.levels,
            self.follow,
            button("Copy", self._copy, "link", "Copy the selected lines, or all of them"),
            button("Save as…", self._save, "link", "Save the log as a file"),
            space=4,
        )
        head.setContentsMargins(12, 4, 12, 4)
        self.stack = QStackedLayout()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.table)
        self.setLayout(column(head, self.stack, space=0))

    def _connect(self, selection: Selection, theme: Theme) -> None:
        selection.run_selected.connect(self._select)
        theme.theme_changed.connect(self.table.viewport().update)
        self.search.returnPressed.connect(self._find)
        self._counting = QTimer(self, singleShot=True, interval=200)
        self._counting.timeout.connect(self._count_hits)
        self.search.textChanged.connect(self._search_changed)
        self.levels.activated.connect(lambda _: self._filter(self.levels.currentData()))
        self.delegate.fold_pressed.connect(self.fold)
        self.table.activated.connect(lambda index: self.fold(index.row()))
        self.follow.toggled.connect(lambda _: self._follow())
        # The bar has its new value only after actionTriggered.
        self._scrolled = QTimer(self, singleShot=True, interval=0)
        self._scrolled.timeout.connect(self._user_scrolled)
        self.table.verticalScrollBar().actionTriggered.connect(lambda _: self._scrolled.start())
        # Another size, or folding, must not lose the end that is followed.
        self.table.verticalScrollBar().rangeChanged.connect(lambda *_: self._follow())
        copy = QAction("Copy", self.table)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.table.addAction(copy)
        self._looking = QTimer(self, interval=LOOK_MS)
        self._looking.timeout.connect(self._look_on)
        self._polling = QTimer(self, interval=POLL_MS)
        self._polling.timeout.connect(self._poll)
        self._polling.start()

    def begin_search(self) -> None:
        """Begin to look for a line."""
        self.search.setFocus()
        self.search.selectAll()

    def _select(self, run_id: str) -> None:
        run = self._services.runs.get(run_id)
        self.model.open(run.files.log if run else None)
        self.finding.forget()
        self.found.setText("")
        self._looking.start()
        self._show_emptiness()
        self._follow()
        if self.search.text():
            self._count_hits()

    # What is new

    def _poll(self) -> None:
        if self.isVisible() and self.model.path is not None:
            size = self._size
            self.model.poll()
            if self._size != size:
                self._looking.start()
                self._show_emptiness()
                self._follow()

    @property
    def _size(self) -> int:
        return self.model.index_of.size if self.model.index_of is not None else 0

    def _look_on(self) -> None:
        """Look through a large log a little at a time; folding must not move what is read."""
        top, selected = self._top_line(), self.table.currentIndex().row()
        rows = self.model.rowCount()
        if not self.model.look_on():
            self._looking.stop()
            self._show_counts()
        if self.model.rowCount() != rows:
            if self.follow.isChecked():
                self._follow()
            elif selected < 0:
                self._show_at_top(top)
            self._show_emptiness()

    def _show_counts(self) -> None:
        index = self.model.index_of
        errors = index.count(Level.ERROR) if index is not None else 0
        warnings = index.count(Level.WARNING) if index is not None else 0
        self.first_error.setEnabled(errors > 0)
        self.first_error.setText(words.plural(errors, "error") if errors else "No errors")
        self.first_error.setToolTip("Go to the first error" if errors else "")
        for place, told in ((1, warnings + errors), (2, errors)):
            self.levels.setItemText(place, f"{FILTERS[place][1]} ({words.count(told)})")

    def _show_emptiness(self) -> None:
        is_empty = self.model.rowCount() == 0
        if self.model.path is None:
            text = "No run is selected."
        elif self.model.least is not Level.INFO and self._size:
            text = "No line is one of these: there was no trouble."
        else:
            text = "What the trainer prints will stand here."
        self.empty.setText(text)
        self.stack.setCurrentIndex(0 if is_empty else 1)

    def _follow(self) -> None:
        if self.follow.isChecked():
            self.table.scrollToBottom()

    def _user_scrolled(self) -> None:
        bar = self.table.verticalScrollBar()
        self.follow.setChecked(bar.value() >= bar.maximum() - 1)

    # Which lines are shown

    def _top_line(self) -> int:
        top = self.table.rowAt(0)
        return self.model.line_of(top) if top >= 0 else 0

    def _show_at_top(self, line: int) -> None:
        index = self.model.index(min(self.model.row_of(line), self.model.rowCount() - 1), 0)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtTop)

    def _filter(self, level: Level) -> None:
        top = self._top_line()
        self.model.least = level
        self.levels.setCurrentIndex(self.levels.findData(level))
        self.model.show_again()
        self._show_emptiness()
        if self.follow.isChecked():
            self._follow()
        else:
            self._show_at_top(top)

    def fold(self, at: int) -> None:
        """Show a stack trace whole, or its last line only."""
        index = self.model.index_of
        line = self.model.line_of(at)
        if index is None or line not in index.traces:
            return
        self.model.opened ^= {line}
        self.follow.setChecked(False)
        down = at - self.table.rowAt(0)
        self.model.show_again()
        self._go_to(line)
        # The line that was pressed stays under the pointer where it can.
        self.table.verticalScrollBar().setValue(max(0, self.model.row_of(line) - down))

    def _reveal(self, line: int) -> None:
        """Show a line that is folded away or filtered out."""
        if self.model.is_shown(line):
            return
        trace = self.model.trace_at(line)
        if trace is not None:
            self.model.opened.add(trace.last)
        self._filter(self.model.least if trace is not None else Level.INFO)
        if not self.model.is_shown(line):
            self._filter(Level.INFO)

    def _go_to(self, line: int) -> None:
        index = self.model.index(self.model.row_of(line), 0)
        self.table.setCurrentIndex(index)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def go_to_first_error(self) -> None:
        """Go to the first line that is an error, or to the last one of its stack trace."""
        index = self.model.index_of
        if index is None or not (index.levels == Level.ERROR).any():
            return
        line = int((index.levels == Level.ERROR).argmax())
        trace = self.model.trace_at(line)
        self.follow.setChecked(False)
        self._go_to(trace.last if trace is not None else line)
        self.table.setFocus()

    # What is looked for

    def _search_changed(self, text: str) -> None:
        self.found.setText("")
        self.finding.forget()
        self.delegate.wanted = text
        self.table.viewport().update()
        self._counting.start()

    def _count_hits(self) -> None:
        index, text = self.model.index_of, self.search.text()
        if index is not None and text and index.size:
            self.finding.look(index, text, self._show_count)

    def _show_count(self) -> None:
        count = len(self.finding.lines)
        self.found.setText(words.plural(count, "line") if count else "not in the log")

    def _find(self, backwards: bool = False) -> None:
        index, text = self.model.index_of, self.search.text()
        if text and index is not None and index.size:
            self._counting.stop()
            self.finding.look(index, text, lambda: self._show_next(backwards))

    def _show_next(self, backwards: bool) -> None:
        current = self.table.currentIndex().row()
        line = self.model.line_of(current) if current >= 0 else -1
        place = self.finding.next_to(line, backwards=backwards)
        if place is None:
            self.found.setText("not in the log")
            return
        self.follow.setChecked(False)
        line = int(self.finding.lines[place])
        self._reveal(line)
        self._go_to(line)
        self.found.setText(f"{words.count(place + 1)} of {words.plural(len(self.finding.lines), 'line')}")
        self.found.setToolTip(f"line {words.count(line + 1)} of the log")

    # What leaves the window

    def _copy(self) -> None:
        index = self.model.index_of
        if index is None:
            return
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        chosen = self.model.lines_of(rows or list(range(self.model.rowCount())))
        self._jobs.run("pool", lambda: "\n".join(index.texts(chosen)), QGuiApplication.clipboard().setText)

    def _save(self) -> None:
        path = self.model.path
        if path is None or not path.exists():
            return
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the log", "train.log", "Log (*.log);;All files (*)")
        if chosen:
            notices = self._services.notices
            self._jobs.run("pool", lambda: _copy_file(path, Path(chosen)), failed=notices.post_error)


def _copy_file(path: Path, to: Path) -> None:
    try:
        shutil.copyfile(path, to)
    except OSError as error:
        raise AppError(f"{to} cannot be written: {error.strerror}.") from error
