"""The runs: what is going on, what was, and what can be done with each."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QMenu, QStackedLayout, QTableView, QWidget

from desktop.controllers.runs import Runs
from desktop.ui.actions import Actions
from desktop.ui.pieces import action_button, boxed, column, label, row
from desktop.ui.run_delegate import ROW_HEIGHT, RunDelegate
from desktop.ui.runs_model import ID_ROLE, Column, RunsModel
from desktop.ui.selection import Selection
from desktop.ui.theme import Theme, table_font

MENU = ("pause", "checkpoint", "cancel", "", "talk", "load_config", "open_folder", "", "rename_run", "delete_run")
ROOM_FOR = {Column.STATE: 520, Column.STEP: 440, Column.LOSS: 600, Column.TIME: 680, Column.DATA: 800}
"""From which width of the table on a column is shown; the first one says the most and is always there."""


class RunsDock(QWidget):
    """The table, a search, and the buttons that are needed most."""

    def __init__(self, runs: Runs, actions: Actions, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._runs = runs
        self._actions = actions
        self._selection = selection
        self.model = RunsModel(runs, self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self.model)
        self.shown.setFilterKeyColumn(-1)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search = QLineEdit(placeholderText="Find a run", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a run")
        self.table = self._make_table(theme)
        self._compose()
        self._connect()
        self._show_emptiness()

    def _make_table(self, theme: Theme) -> QTableView:
        table = QTableView()
        table.setModel(self.shown)
        table.setItemDelegateForColumn(Column.RUN, RunDelegate(theme, table))
        table.setFont(table_font(table.font()))
        table.setAccessibleName("Runs")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        rows = table.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        rows.hide()
        columns = table.horizontalHeader()
        columns.setSectionResizeMode(Column.RUN, QHeaderView.ResizeMode.Stretch)
        columns.setHighlightSections(False)
        for name, width in ((Column.STATE, 96), (Column.STEP, 112), (Column.LOSS, 72), (Column.TIME, 104)):
            table.setColumnWidth(name, width)
        return table

    def _compose(self) -> None:
        words = label("Your runs will stand here: how far they are, and how they went.", "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        example = action_button(self._actions["example"])
        empty = boxed(column(1, words, row(1, example, 1), 2, space=12), margin=16)
        self.stack = QStackedLayout()
        self.stack.addWidget(empty)
        self.stack.addWidget(self.table)
        self.buttons = [action_button(self._actions[name]) for name in ("pause", "talk")]
        foot = row(*self.buttons, 1)
        foot.setContentsMargins(12, 4, 12, 12)
        head = row(self.search)
        head.setContentsMargins(12, 4, 12, 0)
        self._head, self._foot = boxed(head), boxed(foot)
        self.setLayout(column(self._head, self.stack, self._foot))

    def _connect(self) -> None:
        self.search.textChanged.connect(self.shown.setFilterFixedString)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.doubleClicked.connect(lambda _: self._selection.view_requested.emit("watch"))
        self._selection.run_selected.connect(self._select_row)
        for signal in (self.shown.rowsInserted, self.shown.rowsRemoved):
            signal.connect(self._rows_changed)
        for name in ("pause", "rename_run", "delete_run"):
            self._actions[name].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.table.addAction(self._actions[name])
        clock = QTimer(self, interval=1000)
        clock.timeout.connect(self._tick)
        clock.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for name, width in ROOM_FOR.items():
            self.table.setColumnHidden(name, self.width() < width)
        self.table.horizontalHeader().setVisible(self.width() >= min(ROOM_FOR.values()))

    def _tick(self) -> None:
        if self.isVisible():
            self.model.tick()

    def _rows_changed(self) -> None:
        self._show_emptiness()
        if not self._selection.run_id and self.shown.rowCount():
            self._selection.select(self.shown.index(0, 0).data(ID_ROLE))
        self._select_row(self._selection.run_id)

    def _show_emptiness(self) -> None:
        is_empty = self.model.rowCount() == 0
        self.stack.setCurrentIndex(0 if is_empty else 1)
        self._head.setVisible(self.model.rowCount() > 5 or bool(self.search.text()))
        self._foot.setVisible(not is_empty)

    def begin_search(self) -> None:
        """Begin to look for a run."""
        self._head.show()
        self.search.setFocus()

    def _row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self._selection.select(current.data(ID_ROLE))

    def _select_row(self, run_id: str) -> None:
        row_number = self.model.row_of(run_id)
        index = self.shown.mapFromSource(self.model.index(row_number, 0)) if row_number >= 0 else QModelIndex()
        if index.isValid() and index.row() != self.table.currentIndex().row():
            self.table.setCurrentIndex(index)

    def _open_menu(self, place: QPoint) -> None:
        if not self.table.indexAt(place).isValid():
            return
        menu = QMenu(self)
        for name in MENU:
            if name:
                menu.addAction(self._actions[name])
            else:
                menu.addSeparator()
        menu.exec(self.table.viewport().mapToGlobal(place))
        menu.deleteLater()
