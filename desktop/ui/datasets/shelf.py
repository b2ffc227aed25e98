"""The datasets of the library by name, with a field that finds one."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QWidget

from desktop.controllers.datasets import Datasets
from desktop.core.datasets import Dataset
from desktop.ui import words
from desktop.ui.pieces import column


class DatasetShelf(QWidget):
    """One dataset is always picked, unless none is shown."""

    picked = Signal()
    """Another one is picked."""
    search_changed = Signal()

    def __init__(self, datasets: Datasets) -> None:
        super().__init__()
        self._datasets = datasets
        self.search = QLineEdit(placeholderText="Find a dataset", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a dataset")
        self.list = QListWidget()
        self.list.setAccessibleName("Datasets")
        self.setLayout(column(self.search, self.list, space=8))
        self.search.textChanged.connect(lambda _: self.search_changed.emit())
        self.list.currentItemChanged.connect(lambda *_: self.picked.emit())

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that is picked."""
        item = self.list.currentItem()
        return self._datasets.get(item.data(Qt.ItemDataRole.UserRole)) if item else None

    def show_datasets(self, picked: str, hidden: str) -> None:
        """Show what there is and the search wants; ``picked`` may name a version, ``hidden`` is as good as gone."""
        known = self.dataset
        picked = picked.partition("@")[0] or (known.name if known else "")
        wanted = self.search.text().strip().casefold()
        with QSignalBlocker(self.list):
            self.list.clear()
            for dataset in self._datasets.all():
                if dataset.name == hidden or wanted not in f"{dataset.name} {dataset.notes}".casefold():
                    continue
                item = _item_of(dataset)
                self.list.addItem(item)
                if dataset.name == picked:
                    self.list.setCurrentItem(item)
            if self.list.currentItem() is None and self.list.count():
                self.list.setCurrentRow(0)


def _item_of(dataset: Dataset) -> QListWidgetItem:
    many = f" · {len(dataset.versions)} versions" if len(dataset.versions) > 1 else ""
    item = QListWidgetItem(f"{dataset.name}\n{words.plural(dataset.newest.rows, 'row')}{many}")
    item.setData(Qt.ItemDataRole.UserRole, dataset.name)
    item.setToolTip(dataset.notes)
    return item
