"""Which runs the table shows, and in which order."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

from desktop.core.labels import Labels
from desktop.core.run import Run
from desktop.ui.runs.model import Column, RunsModel

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class RunFilter:
    """What a run has to be to be shown; an empty part asks for nothing."""

    text: str = ""
    """Words that all have to occur in its name, model, data, method, state, tags or notes."""
    state: str = ""
    method: str = ""
    tag: str = ""
    with_archived: bool = False

    @property
    def narrowing(self) -> int:
        """How many parts narrow the list besides the words that are looked for."""
        return sum(map(bool, (self.state, self.method, self.tag)))

    @property
    def is_narrowing(self) -> bool:
        return bool(self.narrowing or self.text.strip())

    def accepts(self, run: Run, labels: Labels) -> bool:
        """Say whether a run is shown, as far as the words that are looked for do not matter."""
        return (
            (not self.state or run.state.value == self.state)
            and (not self.method or run.config.method == self.method)
            and (not self.tag or self.tag in labels.tags)
            and (self.with_archived or not labels.is_archived)
        )


class ShownRuns(QSortFilterProxyModel):
    """The runs that are shown; what has been deleted and could still come back is not."""

    def __init__(self, model: RunsModel, gone: Container[str], parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._gone = gone
        self.filter = RunFilter()
        self.setSourceModel(model)

    def set_filter(self, filter: RunFilter) -> None:
        """Show other runs; those that stay chosen stay so."""
        if filter != self.filter:
            self.beginFilterChange()
            self.filter = filter
            self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def look_again(self) -> None:
        """Other runs are gone now, or back."""
        self.beginFilterChange()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        run = self._model.run_at(row)
        if run.id in self._gone or not self.filter.accepts(run, self._model.labels(run)):
            return False
        wanted = self.filter.text.casefold().split()
        if not wanted:
            return True
        found = self._model.searched_text(row)
        return all(word in found for word in wanted)

    def lessThan(self, left: Index, right: Index) -> bool:
        """Order by the column's own key; what has none stands at the end, whichever way it is sorted."""
        column = Column(left.column())
        one, other = self._model.sort_key(left.row(), column), self._model.sort_key(right.row(), column)
        if one is not None and other is not None:
            return one < other
        is_ascending = self.sortOrder() == Qt.SortOrder.AscendingOrder
        return (other is None and one is not None) if is_ascending else (one is None and other is not None)
