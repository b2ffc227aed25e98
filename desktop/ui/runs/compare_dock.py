"""Two or more runs beside each other, below their curves: results, settings, and what they were made of."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStackedLayout, QTableView, QWidget

from desktop.core import folders
from desktop.core.passport import passport
from desktop.core.run import Run
from desktop.ui.charts.curve_items import DASHES
from desktop.ui.charts.run_colours import Ink, RunColours
from desktop.ui.pieces import ElidedLabel, boxed, button, column, label, row
from desktop.ui.runs.compare_model import CompareModel
from desktop.ui.runs.selection import Selection
from desktop.ui.services import Services
from desktop.ui.theme import Colours, Theme, table_font

SWATCH = QSize(20, 10)
WHAT_WIDTH = 184
LEAST_WIDTH = 120


class CompareDock(QWidget):
    """The same runs in the same colours as their curves."""

    compared = Signal()
    """Other runs are compared now."""

    def __init__(self, services: Services, selection: Selection, colours: RunColours, theme: Theme) -> None:
        super().__init__()
        self._services = services
        self._selection = selection
        self._colours = colours
        self._theme = theme
        self._ids: list[str] = []
        self.model = CompareModel()
        self.table = self._make_table()
        self.title = ElidedLabel("", "title")
        self.said = label("", "good")
        self.text = button("Copy", lambda: self._copy(self.model.as_text), "link", "Copy the comparison as text")
        self.csv = button("Copy as CSV", lambda: self._copy(self.model.as_csv), "link")
        self.draw = button("Draw together", lambda: selection.compare(self._ids), "link")
        self.draw.setToolTip("Draw the curves of these runs together again.")
        head = row(self.title, self.said, self.draw, self.text, self.csv)
        head.setStretch(0, 1)
        empty = label("Choose two or more runs in the list, with Ctrl or Shift held, and press Compare.", "muted")
        empty.setWordWrap(True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.stack = QStackedLayout()
        self.stack.addWidget(boxed(column(1, empty, 1)))
        self.stack.addWidget(boxed(column(head, self.table, space=4)))
        outer = column(self.stack)
        outer.setContentsMargins(12, 0, 12, 8)
        self.setLayout(outer)
        selection.compare_requested.connect(self.compare)
        services.runs.run_removed.connect(self._run_removed)
        theme.theme_changed.connect(self.refresh)
        clock = QTimer(self, interval=1000)
        clock.timeout.connect(self._tick)
        clock.start()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setFont(table_font(table.font()))
        table.setAccessibleName("Comparison of runs")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(26)
        table.verticalHeader().hide()
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setMinimumSectionSize(LEAST_WIDTH)
        table.horizontalHeader().setSectionsClickable(False)
        table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        table.setIconSize(SWATCH)
        return table

    @property
    def runs(self) -> list[Run]:
        """The runs that are compared and still there."""
        return [run for run_id in self._ids if (run := self._services.runs.get(run_id)) is not None]

    def compare(self, run_ids: list[str]) -> None:
        """Set these runs beside each other."""
        self._ids = list(dict.fromkeys(run_ids))
        self.said.setText("")
        self.refresh()
        self.compared.emit()

    def refresh(self) -> None:
        """Read what is new of the runs that can be read at once; the curves have the others read on the side."""
        for run in self.runs:
            if run.progress.last_seq < 0 and run.folder.is_dir() and self._services.runs.can_open_at_once(run.id):
                self._services.runs.refresh(run.id)
        runs = self.runs
        self.stack.setCurrentIndex(1 if len(runs) > 1 else 0)
        self.title.set_whole_text(f"{len(runs)} runs: {', '.join(run.name for run in runs)}")
        if len(runs) > 1:
            looked_at = self._selection.run_id
            self._colours.tell_apart([*([looked_at] if looked_at else []), *(run.id for run in runs)])
        icons = {run.id: _swatch(self._colours.of(run.id), self._theme.colours) for run in runs}
        made = [passport(run, folders.read_dataset(run.files)) for run in runs]
        if self.model.show_runs(runs, made, icons):
            self._arrange()

    def _arrange(self) -> None:
        header = self.table.horizontalHeader()
        self.table.clearSpans()
        for at, line in enumerate(self.model.rows):
            if line.line is None:
                self.table.setSpan(at, 0, 1, self.model.columnCount())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch if len(self.model.runs) < 6 else _FREE)
        header.setSectionResizeMode(0, _FREE)
        for section in range(self.model.columnCount()):
            header.resizeSection(section, WHAT_WIDTH if section == 0 else LEAST_WIDTH + 40)

    def _run_removed(self, run_id: str) -> None:
        if run_id in self._ids:
            self._ids.remove(run_id)
            self.refresh()

    def _tick(self) -> None:
        """Follow what goes on, and what was read meanwhile."""
        if self.isVisible() and self._ids and any(known is not now for known, now in self._pairs()):
            self.refresh()

    def _pairs(self) -> list[tuple[Run | None, Run | None]]:
        known = {run.id: run for run in self.model.runs}
        return [(known.get(run_id), self._services.runs.get(run_id)) for run_id in self._ids]

    def _copy(self, words: Callable[[], str]) -> None:
        QGuiApplication.clipboard().setText(words())
        self.said.setText("Copied.")
        QTimer.singleShot(3000, self.said, self.said.clear)


_FREE = QHeaderView.ResizeMode.Interactive


def _swatch(ink: Ink, colours: Colours) -> QIcon:
    """Return a piece of the line that a run is drawn with."""
    picture = QPixmap(SWATCH * 2)
    picture.setDevicePixelRatio(2)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    pen = QPen(QColor(ink.of(colours)), 2.5)
    if dash := DASHES[ink.dash]:
        pen.setDashPattern([part / 2.5 for part in dash])
    painter.setPen(pen)
    painter.drawLine(0, SWATCH.height() // 2, SWATCH.width(), SWATCH.height() // 2)
    painter.end()
    return QIcon(picture)
