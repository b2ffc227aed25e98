"""The head of the runs table: a search, and what else narrows the list; in a narrow list that is folded away."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QToolButton, QWidget

from desktop.core.run import RunState
from desktop.ui.pieces import column, row
from desktop.ui.runs.columns import TITLES, Column, method_name
from desktop.ui.runs.filter import RunFilter
from desktop.ui.runs.model import RunsModel

SEARCH_WIDTH, CHOICE_WIDTH, ANY_WIDTH = 360, 176, 16_777_215
"""In one line nothing is wider than it has to be; ANY_WIDTH is Qt's own."""
NEWEST = -1
"""The order of the model: no column."""


class RunFilterRow(QWidget):
    """Says what is to be shown; wide it is one line, narrow it unfolds below the search."""

    changed = Signal(object)
    """A RunFilter."""
    order_chosen = Signal(int)
    """The column to sort by, or NEWEST."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._model = model
        self._is_wide = False
        self.search = QLineEdit(placeholderText="Find a run", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a run")
        self.search.setToolTip("By its name, model, data, method, tags or notes")
        self.unfold = QToolButton()
        self.unfold.setCheckable(True)
        self.unfold.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.unfold.setToolTip("Narrow the list by state, method or tag, sort it, show the archive")
        self.state = _choice("State of the runs shown", "Any state")
        for state in RunState:
            self.state.addItem(state.value, state.value)
        self.method = _choice("Method of the runs shown", "Any method")
        self.tag = _choice("Tag of the runs shown", "Any tag")
        self.order = _choice("Order of the runs", "Newest first", NEWEST)
        for name in Column:
            self.order.addItem(f"By {TITLES[name].lower() if name is not Column.RUN else 'name'}", int(name))
        self.archived = QCheckBox("Archived too")
        self.archived.setToolTip("Show the runs that were put away, too")
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self._panel = _in_widget(self._grid)
        self._head = row(self.search, self.unfold)
        self.setLayout(column(self._head, self._panel))
        for box in (self.state, self.method, self.tag):
            box.currentIndexChanged.connect(lambda _: self._tell())
        self.order.activated.connect(lambda _: self.order_chosen.emit(self.order.currentData()))
        self.search.textChanged.connect(lambda _: self._tell())
        self.archived.toggled.connect(lambda _: self._tell())
        self.unfold.toggled.connect(lambda _: self._arrange())
        self._arrange()
        self.refresh()

    @property
    def filter(self) -> RunFilter:
        """What is asked for now."""
        state, method, tag = (str(box.currentData() or "") for box in (self.state, self.method, self.tag))
        return RunFilter(self.search.text(), state, method, tag, self.archived.isChecked())

    def clear(self) -> None:
        """Ask for nothing any more."""
        for widget in (self.search, self.state, self.method, self.tag):
            with QSignalBlocker(widget):
                if isinstance(widget, QLineEdit):
                    widget.clear()
                else:
                    widget.setCurrentIndex(0)
        self._tell()

    def set_wide(self, is_wide: bool) -> None:
        """Stand in one line, or folded below the search."""
        if is_wide != self._is_wide:
            self._is_wide = is_wide
            self._arrange()

    def show_order(self, section: int) -> None:
        """Show by which column the table is sorted."""
        self.order.setCurrentIndex(max(0, self.order.findData(section)))

    def refresh(self) -> None:
        """Offer the methods and tags that there are; the chosen ones stay chosen."""
        _refill(self.method, [(method_name(method), method) for method in self._model.every_method()])
        _refill(self.tag, [(tag, tag) for tag in self._model.every_tag()])
        self.tag.setVisible(self.tag.count() > 1)
        self.archived.setVisible(self.archived.isChecked() or self._model.has_archived())

    def _tell(self) -> None:
        asked = self.filter
        self.unfold.setText(f"Filter: {asked.narrowing}" if asked.narrowing else "Filter")
        self.changed.emit(asked)

    def _arrange(self) -> None:
        parts = (self.state, self.method, self.tag, self.order, self.archived)
        while self._grid.count():
            self._grid.takeAt(0)
        for at, part in enumerate(parts):
            self._grid.addWidget(part, *((0, at) if self._is_wide else divmod(at, 2)))
        outer = self.layout()
        assert outer is not None
        outer.removeWidget(self._panel)
        self._head.removeWidget(self._panel)
        if self._is_wide:
            self._head.addWidget(self._panel)
        else:
            outer.addWidget(self._panel)
        self._head.setStretch(0, 1)
        self.search.setMaximumWidth(SEARCH_WIDTH if self._is_wide else ANY_WIDTH)
        for box in (self.state, self.method, self.tag):
            box.setMaximumWidth(CHOICE_WIDTH if self._is_wide else ANY_WIDTH)
        self._grid.setColumnStretch(len(parts), 1 if self._is_wide else 0)
        self.order.setVisible(not self._is_wide)
        self.unfold.setVisible(not self._is_wide)
        self._panel.setVisible(self._is_wide or self.unfold.isChecked())
        self.unfold.setText(self.unfold.text() or "Filter")


def _in_widget(grid: QGridLayout) -> QWidget:
    made = QWidget()
    made.setLayout(grid)
    return made


def _choice(name: str, anything: str, value: object = "") -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(10)
    made.addItem(anything, value)
    return made


def _refill(box: QComboBox, choices: list[tuple[str, str]]) -> None:
    known = [(box.itemText(at), box.itemData(at)) for at in range(1, box.count())]
    if known == choices:
        return
    chosen = box.currentData()
    with QSignalBlocker(box):
        while box.count() > 1:
            box.removeItem(1)
        for text, value in choices:
            box.addItem(text, value)
        box.setCurrentIndex(max(0, box.findData(chosen)))
    if box.currentData() != chosen:
        box.currentIndexChanged.emit(box.currentIndex())
