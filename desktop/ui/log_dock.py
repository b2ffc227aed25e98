"""The log of the selected run: follows its end, finds words, copies and saves lines."""

from __future__ import annotations

import shutil

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QFontDatabase, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QStackedLayout,
    QTableView,
    QWidget,
)

from desktop.errors import AppError
from desktop.ui.log_model import LogModel, find_in_file
from desktop.ui.pieces import button, column, label, row, tool_button
from desktop.ui.selection import Selection
from desktop.ui.services import Services

POLL_MS = 250


class LogDock(QWidget):
    """A table of one column over the file of the selected run."""

    def __init__(self, services: Services, selection: Selection) -> None:
        super().__init__()
        self._services = services
        self.model = LogModel(self)
        self.table = self._make_table()
        self.search = QLineEdit(placeholderText="Find in the log", clearButtonEnabled=True)
        self.search.setAccessibleName("Find in the log")
        self.search.setMaximumWidth(240)
        self.found = label("", "muted")
        self.follow = QCheckBox("Follow")
        self.follow.setToolTip("Stay at the newest line")
        self.follow.setChecked(True)
        self.empty = label("", "muted")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._compose()
        self._connect(selection)
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

    def _connect(self, selection: Selection) -> None:
        selection.run_selected.connect(self._select)
        self.search.returnPressed.connect(self._find)
        self.search.textChanged.connect(lambda _: self.found.setText(""))
        self.follow.toggled.connect(self._follow_toggled)
        # The bar has its new value only after actionTriggered.
        self._scrolled = QTimer(self, singleShot=True, interval=0)
        self._scrolled.timeout.connect(self._user_scrolled)
        self.table.verticalScrollBar().actionTriggered.connect(lambda _: self._scrolled.start())
        copy = QAction("Copy", self.table)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.table.addAction(copy)
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
        self.found.setText("")
        self._show_emptiness()
        self._follow()

    def _poll(self) -> None:
        if self.isVisible() and self.model.poll():
            self._show_emptiness()
            self._follow()

    def _show_emptiness(self) -> None:
        is_empty = self.model.rowCount() == 0
        words = "What the trainer prints will stand here." if self.model.path else "No run is selected."
        self.empty.setText(words)
        self.stack.setCurrentIndex(0 if is_empty else 1)

    def _follow(self) -> None:
        if self.follow.isChecked():
            self.table.scrollToBottom()

    def _follow_toggled(self, is_on: bool) -> None:
        if is_on:
            self.table.scrollToBottom()

    def _user_scrolled(self) -> None:
        bar = self.table.verticalScrollBar()
        self.follow.setChecked(bar.value() >= bar.maximum() - 1)

    def _find(self, backwards: bool = False) -> None:
        text, path = self.search.text(), self.model.path
        if not text or path is None or not path.exists():
            return
        current = self.table.currentIndex().row()
        start = self.model.offset_of(current + (0 if backwards else 1)) if current >= 0 else 0
        self._services.jobs.run(
            "pool",
            lambda: find_in_file(path, text, start, backwards=backwards),
            lambda found: self._show_found(found),
        )

    def _show_found(self, offset: int | None) -> None:
        if offset is None:
            self.found.setText("not in the log")
            return
        self.follow.setChecked(False)
        line = self.model.row_at(offset)
        self.table.setCurrentIndex(self.model.index(line, 0))
        self.table.scrollTo(self.model.index(line, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
        self.found.setText(f"line {line + 1:,}")

    def _copy(self) -> None:
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        chosen = rows if rows else range(self.model.rowCount())
        QGuiApplication.clipboard().setText("\n".join(self.model.text(number) for number in chosen))

    def _save(self) -> None:
        path = self.model.path
        if path is None or not path.exists():
            return
        target, _ = QFileDialog.getSaveFileName(self, "Save the log", "train.log", "Log (*.log);;All files (*)")
        if not target:
            return
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            self._services.notices.post_error(AppError(f"{target} cannot be written: {error.strerror}."))
