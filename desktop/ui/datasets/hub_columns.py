"""Which column of a dataset on the Hub is which, asked where its first rows do not say it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from desktop.controllers.scanning import ScanOptions
from desktop.ui.datasets.reading_form import combo, named, spaced_form
from desktop.ui.datasets.shapes import WANTED, as_needed, guess_mapping, guess_shape, missing
from desktop.ui.pieces import column, label
from trainer_image.formats import SHAPE_WORDS, Shape


class HubColumns(QWidget):
    """One pick list for each column that the rows need."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self.shape = combo("What the rows are", {shape: SHAPE_WORDS[shape] for shape in WANTED})
        self.columns: dict[str, QComboBox] = {}
        self.form = spaced_form()
        self.missing = label("", "warn", wrap=True)
        self.form.addRow(named("The rows are", self.shape), self.shape)
        self.setLayout(column(self.form, self.missing, space=8))
        self.shape.currentIndexChanged.connect(lambda _: self._build())

    def show_columns(self, names: Sequence[str]) -> None:
        """Ask about these columns, with the most likely ones picked."""
        self._names = names
        with QSignalBlocker(self.shape):
            self.shape.setCurrentIndex(self.shape.findData(guess_shape(names)))
        self._build()

    def options(self) -> ScanOptions | None:
        """Return how the rows are read, or None while a column is lacking."""
        shape, mapping = self._shape(), self._mapping()
        return None if missing(shape, mapping) else ScanOptions(mapping=as_needed(mapping), shape=shape)

    def _shape(self) -> Shape:
        return cast(Shape, self.shape.currentData())

    def _mapping(self) -> dict[str, str]:
        return {ours: box.currentData() for ours, box in self.columns.items() if box.currentData()}

    def _build(self) -> None:
        while self.form.rowCount() > 1:
            # A form deletes what it removes.
            self.form.removeRow(1)
        self.columns = {}
        known = guess_mapping(self._shape(), self._names)
        for wanted in WANTED[self._shape()]:
            box = combo(f"{wanted.name}: {wanted.help}", {"": "choose…" if wanted.is_needed else "– none –"})
            for name in self._names:
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(known.get(wanted.name, ""))))
            box.setToolTip(wanted.help)
            box.currentIndexChanged.connect(lambda _: self._tell())
            self.columns[wanted.name] = box
            self.form.addRow(named(wanted.name, box), box)
        self._tell()

    def _tell(self) -> None:
        lacking = missing(self._shape(), self._mapping())
        names = " and ".join(f"“{wanted.name}” ({wanted.help})" for wanted in lacking)
        self.missing.setText(f"▲ Choose the column for {names}." if lacking else "")
        self.missing.setVisible(bool(lacking))
        self.changed.emit()
