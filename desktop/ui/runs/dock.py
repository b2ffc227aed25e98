"""The runs: what is going on, what was, and what can be done with each, or with several at once."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QStackedLayout, QWidget

from desktop.errors import AppError
from desktop.ui.pieces import action_button, boxed, button, column, label, row, tool_button
from desktop.ui.runs.bin_line import RunBinLine
from desktop.ui.runs.filter import RunFilter, ShownRuns
from desktop.ui.runs.filter_row import RunFilterRow
from desktop.ui.runs.model import ID_ROLE, RUN_ROLE, Column, RunsModel
from desktop.ui.runs.queue_panel import QueuePanel
from desktop.ui.runs.selection import Selection
from desktop.ui.runs.table import RunsTable
from desktop.ui.services import Services
from desktop.ui.theme import Theme
from desktop.ui.window.actions import Actions

MENU = (
    *("pause", "checkpoint", "cancel", "", "talk", "load_config", "reproduce", "passport", "push", "open_folder", ""),
    *("compare_runs", "label_runs", "", "rename_run", "archive_runs", "delete_run"),
)
MENU_OF_SEVERAL = ("compare_runs", "label_runs", "", "archive_runs", "delete_run")
LOCAL = ("pause", "rename_run", "delete_run")
"""Actions whose keys mean something else outside the table."""
MANY = 5
"""With more runs than so many one looks for them."""
ROOM_FOR_A_LINE = 900
"""From this width on the filters stand in one line with the search."""


class RunsDock(QWidget):
    """The table, what narrows it, and the buttons that are needed most."""

    def __init__(self, services: Services, actions: Actions, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self._actions = actions
        self._selection = selection
        self.queue = QueuePanel(services.runs, services.notices, selection)
        self.model = RunsModel(services.runs, services.labels, self._rename, self)
        self.shown = ShownRuns(self.model, services.run_bin, self)
        self.filter = RunFilterRow(self.model)
        self.search = self.filter.search
        self.table = RunsTable(self.shown, theme)
        self.bin_line = RunBinLine(services.run_bin, self._came_back)
        self._compose()
        self._connect()
        self._rows_changed()

    def _compose(self) -> None:
        words = label("Your runs will stand here: how far they are, and how they went.", "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        example = action_button(self._actions["example"])
        empty = boxed(column(1, words, row(1, example, 1), 2, space=12), margin=16)
        self.nothing = label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.show_all = button("", self._widen_filter)
        none_found = boxed(column(1, self.nothing, row(1, self.show_all, 1), 2, space=12), margin=16)
        self.stack = QStackedLayout()
        for page in (empty, self.table, none_found):
            self.stack.addWidget(page)
        self.buttons = [action_button(self._actions[name]) for name in ("pause", "talk")]
        self.compare = action_button(self._actions["compare_runs"])
        self.widen = tool_button("⤢", self._actions["all_runs"].toggle, "Table of runs: every column")
        foot = row(*self.buttons, self.compare, 1, self.widen)
        foot.setContentsMargins(12, 4, 12, 12)
        head = row(self.filter)
        head.setContentsMargins(12, 4, 12, 4)
        self._head, self._foot = boxed(head), boxed(foot)
        self.setLayout(column(self._head, self.stack, self.bin_line, self.queue, self._foot, space=0))

    def _connect(self) -> None:
        selection = self._selection
        self.filter.changed.connect(self._filter)
        self.filter.order_chosen.connect(self.table.sort_by)
        self.table.horizontalHeader().sortIndicatorChanged.connect(lambda section, _: self.filter.show_order(section))
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._chosen_changed())
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.clicked.connect(lambda index: selection.run_pressed.emit(index.data(ID_ROLE)))
        self.table.doubleClicked.connect(lambda _: selection.view_requested.emit("watch"))
        selection.run_selected.connect(self._select_row)
        selection.choice_requested.connect(self._came_back)
        for signal in (self.shown.rowsInserted, self.shown.rowsRemoved):
            signal.connect(self._rows_changed)
        for changed in (self.model.rowsInserted, self.model.rowsRemoved):
            changed.connect(self._runs_changed)
        self._services.labels.changed.connect(lambda _: self._runs_changed())
        self._services.run_bin.changed.connect(self._bin_changed)
        self._actions["rename_run"].triggered.connect(self.rename)
        self._actions["all_runs"].toggled.connect(self._widened)
        for name in LOCAL:
            self._actions[name].setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.table.addAction(self._actions[name])
        self._chosen_by_itself = ""
        self._settling = QTimer(self, singleShot=True, interval=0)
        self._settling.timeout.connect(self._settle)
        clock = QTimer(self, interval=1000)
        clock.timeout.connect(self._tick)
        clock.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.filter.set_wide(self.width() >= ROOM_FOR_A_LINE)

    def _widened(self, is_on: bool) -> None:
        self.widen.setText("Put the view back" if is_on else "⤢")
        self.widen.setAccessibleName("Put the view back" if is_on else "Table of runs: every column")
        self.widen.setToolTip(self._actions["all_runs"].toolTip())

    # What is shown

    def begin_search(self) -> None:
        """Begin to look for a run."""
        self._head.show()
        self.search.setFocus()

    def _filter(self, filter: RunFilter) -> None:
        self.shown.set_filter(filter)
        self._show_emptiness()

    def _widen_filter(self) -> None:
        if self.filter.filter.is_narrowing:
            self.filter.clear()
        else:
            self.filter.archived.setChecked(True)

    def _tick(self) -> None:
        if self.isVisible():
            self.model.tick()

    def _runs_changed(self) -> None:
        """A thousand runs come in one by one when the app starts; what is counted over all of them can wait."""
        if not self._settling.isActive():
            self._settling.start()

    def _settle(self) -> None:
        self.filter.refresh()
        self._show_emptiness()
        self._prefer_a_live_run()

    def _prefer_a_live_run(self) -> None:
        """Who opens the app while a run is at work wants to see that one, though another may have come in first."""
        chosen, self._chosen_by_itself = self._chosen_by_itself, ""
        if not chosen or chosen != self._selection.run_id or not self.shown.rowCount():
            return
        first, run = self.shown.index(0, 0).data(RUN_ROLE), self._services.runs.get(chosen)
        if first.state.is_live and run is not None and not run.state.is_live:
            self._selection.select(first.id)

    def _rows_changed(self) -> None:
        if self.shown.rowCount() < 2:
            self._show_emptiness()
        if not self._selection.run_id and self.shown.rowCount():
            self._chosen_by_itself = self.shown.index(0, 0).data(ID_ROLE)
            self._selection.select(self._chosen_by_itself)
        self._select_row(self._selection.run_id)

    def _show_emptiness(self) -> None:
        there, shown = self.model.rowCount(), self.shown.rowCount()
        asked = self.filter.filter
        hides_archive = self.model.has_archived() and not asked.with_archived
        self.nothing.setText("No run is like that." if asked.is_narrowing else "Every run is in the archive.")
        self.show_all.setText("Show all runs" if asked.is_narrowing else "Show the archive")
        self.stack.setCurrentIndex(1 if shown else 2 if asked.is_narrowing or hides_archive else 0)
        needs_head = there > MANY or asked.is_narrowing or self.model.has_archived()
        self._head.setVisible(needs_head or self.search.hasFocus())
        self._foot.setVisible(there > 0)
        self.compare.setVisible(there > 1)

    # What is chosen

    def _row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self._selection.select(current.data(ID_ROLE))

    def _chosen_changed(self) -> None:
        rows = self.table.selectionModel().selectedRows(Column.RUN)
        self._selection.choose(tuple(index.data(ID_ROLE) for index in sorted(rows, key=QModelIndex.row)))

    def _select_row(self, run_id: str) -> None:
        row_number = self.model.row_of(run_id)
        index = self.shown.mapFromSource(self.model.index(row_number, 0)) if row_number >= 0 else QModelIndex()
        if not index.isValid():
            return
        is_current = index.row() == self.table.currentIndex().row()
        if is_current and self._selection.chosen:
            return
        flags = QItemSelectionModel.SelectionFlag
        # A row that became the current one because another went away is not chosen by that. The table's own way to
        # choose a row reads the keys that are held: with the Ctrl of Ctrl+Return the row before would stay chosen.
        is_one_of_many = run_id in self._selection.chosen
        how = flags.NoUpdate if is_one_of_many else flags.ClearAndSelect | flags.Rows
        self.table.selectionModel().setCurrentIndex(index, how)

    def choose(self, run_ids: list[str]) -> None:
        """Choose these runs, as far as they are shown."""
        chosen = self.table.selectionModel()
        chosen.clearSelection()
        rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for run_id in run_ids:
            index = self.shown.mapFromSource(self.model.index(self.model.row_of(run_id), 0))
            if index.isValid():
                chosen.select(index, rows)

    def _open_menu(self, place: QPoint) -> None:
        if not self.table.indexAt(place).isValid():
            return
        menu = QMenu(self)
        for name in MENU_OF_SEVERAL if len(self._selection.chosen) > 1 else MENU:
            if name:
                menu.addAction(self._actions[name])
            else:
                menu.addSeparator()
        menu.exec(self.table.viewport().mapToGlobal(place))
        menu.deleteLater()

    # What is done here

    def rename(self) -> None:
        """Let the name be written anew in its place."""
        index = self.table.currentIndex().siblingAtColumn(Column.RUN)
        if index.isValid():
            self.table.scrollTo(index)
            self.table.edit(index)

    def _rename(self, run_id: str, name: str) -> None:
        try:
            self._services.runs.rename(run_id, name)
        except AppError as error:
            self._services.notices.post_error(error, run_id)

    def _bin_changed(self) -> None:
        self.shown.look_again()
        if self._selection.run_id in self._services.run_bin:
            index = self.table.currentIndex()
            self._selection.select(index.data(ID_ROLE) if index.isValid() else "")
        self._show_emptiness()

    def _came_back(self, run_ids: list[str]) -> None:
        if run_ids:
            self._select_row(run_ids[0])
            self.choose(run_ids)
