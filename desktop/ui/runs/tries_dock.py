"""Tries: the answers that a run gives while it learns from rewards, live, to be read and compared."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QSplitter, QStackedLayout, QTableView, QWidget

from desktop.core.completions import EarlierCompletions
from desktop.ui import words
from desktop.ui.bar_delegate import BarDelegate
from desktop.ui.pieces import boxed, button, column, label, row
from desktop.ui.runs.selection import Selection
from desktop.ui.runs.tries_model import FIND_ROLE, SHARE_ROLE, SORT_ROLE, Column, TriesModel
from desktop.ui.runs.try_detail import TryDetail
from desktop.ui.services import Services
from desktop.ui.theme import Theme, table_font
from trainer_image.contract import GENERATING, Completion, Event, Hello, UnknownLine

WIDTHS = {Column.STEP: 56, Column.PROMPT: 200, Column.RIGHT: 96, Column.REWARD: 72}
REWARD_WIDTH = 96
FILTER_DELAY_MS = 200
READ_AT_ONCE = 512


class TriesDock(QWidget):
    """Follows the selected run."""

    def __init__(self, services: Services, selection: Selection, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self._selection = selection
        self._theme = theme
        self._earlier: EarlierCompletions | None = None
        self.model = TriesModel(self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self.model)
        self.shown.setFilterRole(FIND_ROLE)
        self.shown.setSortRole(SORT_ROLE)
        self.shown.setFilterKeyColumn(0)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.table = self._make_table()
        self.detail = TryDetail()
        self.search = QLineEdit(placeholderText="Find in the tries", clearButtonEnabled=True)
        self.search.setAccessibleName("Find in the tries")
        self.search.setMaximumWidth(240)
        self.count = label("", "muted")
        self.earlier = button("Earlier tries", self._read_earlier, "link")
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._filtering = QTimer(self, singleShot=True, interval=FILTER_DELAY_MS)
        self._compose()
        self._connect()
        self._select(selection.run_id)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.shown)
        table.setFont(table_font(table.font()))
        table.setAccessibleName("Tries")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(26)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._bars = BarDelegate(self._theme, SHARE_ROLE, table)
        return table

    def _compose(self) -> None:
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(0, 3)
        self._split.setStretchFactor(1, 2)
        head = row(self.search, self.count, 1, self.earlier)
        head.setContentsMargins(12, 4, 12, 4)
        content = column(head, self._split, space=0)
        content.setStretch(1, 1)
        self.stack = QStackedLayout()
        self.stack.addWidget(boxed(column(self.empty), margin=16))
        self.stack.addWidget(boxed(content))
        self.setLayout(column(self.stack))

    def _connect(self) -> None:
        self._filtering.timeout.connect(self._filter)
        self.search.textChanged.connect(lambda _: self._filtering.start())
        self.search.returnPressed.connect(self._filter)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.table.clicked.connect(self._row_changed)
        for signal in (self.model.columnsInserted, self.model.modelReset):
            signal.connect(self._fit_columns)
        for signal in (self.shown.rowsInserted, self.shown.rowsRemoved, self.shown.modelReset):
            signal.connect(self._show_count)
        self._selection.run_selected.connect(self._select)
        self._services.runs.advanced.connect(self._advanced)
        self._services.runs.run_changed.connect(self._run_changed)
        self._fit_columns()
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(Column.STEP, Qt.SortOrder.DescendingOrder)

    def begin_search(self) -> None:
        """Begin to look for a try."""
        self.search.setFocus()
        self.search.selectAll()

    def _select(self, run_id: str) -> None:
        runs = self._services.runs
        run = runs.get(run_id)
        self.detail.hide()
        is_open = run is not None and runs.can_open_at_once(run_id)
        self._is_reading = run is not None and not is_open
        tries = runs.completions(run_id) if is_open else None
        self.model.show_tries(tries.all() if tries is not None else [])
        has_earlier = tries is not None and tries.total > len(tries)
        self._earlier = runs.earlier_completions(run_id) if has_earlier else None
        if run is None or run.config.method in GENERATING:
            self.empty.setText("Every answer that the run tries will stand here, with what each reward gave for it.")
        else:
            self.empty.setText("This method tries no answers. With GRPO, RLOO and STaR they stand here.")
        self._show_count()

    def _run_changed(self, run_id: str) -> None:
        """A long run that was chosen may have been read meanwhile."""
        if self._is_reading and run_id == self._selection.run_id and self._services.runs.can_open_at_once(run_id):
            self._select(run_id)

    def _advanced(self, run_id: str, events: list[Event | UnknownLine]) -> None:
        if run_id != self._selection.run_id:
            return
        newer: list[Completion] = []
        known = self.model.newest_seq()
        for event in events:
            if isinstance(event, Hello):
                newer = [one for one in newer if one.step <= (event.resumed_from or 0)]
                if self.model.rowCount():
                    self.model.undo_after(event.resumed_from or 0)
            elif isinstance(event, Completion) and (known is None or event.seq > known):
                newer.append(event)
        if newer:
            self._add_calmly(newer)

    def _add_calmly(self, newer: list[Completion]) -> None:
        """What one is reading stays where it is; only at the top new tries come into view."""
        first = QPersistentModelIndex(self.table.indexAt(self.table.viewport().rect().topLeft()))
        is_reading = self.table.verticalScrollBar().value() > 0
        self.model.add_newer(newer)
        if is_reading and first.isValid():
            self.table.doItemsLayout()  # else it would scroll no further than it could before
            self.table.scrollTo(self.shown.index(first.row(), 0), QAbstractItemView.ScrollHint.PositionAtTop)

    def _read_earlier(self) -> None:
        """Read on backwards in the run folder."""
        reader, run_id = self._earlier, self._selection.run_id
        if reader is None:
            return
        oldest = self.model.oldest_seq()
        self.earlier.setEnabled(False)

        def read() -> list[Completion]:
            while found := reader.read(READ_AT_ONCE):
                if older := [one for one in found if oldest is None or one.seq < oldest]:
                    return older
            return []

        self._services.jobs.run("pool", read, lambda found: self._take_earlier(run_id, found))

    def _take_earlier(self, run_id: str, found: list[Completion]) -> None:
        self.earlier.setEnabled(True)
        if run_id != self._selection.run_id:
            return
        if found:
            self.model.add_earlier(found)
        else:
            self._earlier = None
        self._show_count()

    def _filter(self) -> None:
        self._filtering.stop()
        self.shown.setFilterFixedString(self.search.text().strip())
        self._show_count()

    def _show_count(self) -> None:
        all_of_them, shown = self.model.rowCount(), self.shown.rowCount()
        self.stack.setCurrentIndex(1 if all_of_them else 0)
        few = f"{words.count(shown)} of " if shown != all_of_them else ""
        self.count.setText(f"{few}{words.count(all_of_them)} {'try' if all_of_them == 1 else 'tries'}")
        self.earlier.setVisible(self._earlier is not None)

    def _row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.detail.show_try(self.model.completion(self.shown.mapToSource(current).row()))

    def _fit_columns(self) -> None:
        header = self.table.horizontalHeader()
        for column_number in range(self.model.columnCount()):
            is_reward = column_number >= Column.REWARD
            self.table.setItemDelegateForColumn(column_number, self._bars if is_reward else None)  # type: ignore[arg-type]
            header.setSectionResizeMode(column_number, QHeaderView.ResizeMode.Interactive)
            self.table.setColumnWidth(column_number, WIDTHS.get(Column(min(column_number, 4)), REWARD_WIDTH))
            if column_number > Column.REWARD:
                self.table.setColumnWidth(column_number, REWARD_WIDTH)
        header.setSectionResizeMode(Column.ANSWER, QHeaderView.ResizeMode.Stretch)
