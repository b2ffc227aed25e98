"""The fields of one group of knobs, in as many columns as there is room for."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop.ui.pieces import column, label
from desktop.ui.setup.fields import Field
from trainer_image.contract import Group

FIELD_WIDTH = 248
"""The narrowest that a field still reads well."""


class KnobGroup(QWidget):
    """A heading, and fields that find their own places."""

    def __init__(self, name: Group | None) -> None:
        super().__init__()
        self._columns = 0
        self._shown: list[Field] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(16)
        self.setLayout(column(*([label(name, "group")] if name else []), self._grid, space=12))

    def show_fields(self, fields: list[Field]) -> None:
        """Take these fields in, and be nothing at all where there are none."""
        if fields == self._shown and fields:
            return
        for field in self._shown:
            self._grid.removeWidget(field)
        self._shown = fields
        self.setVisible(bool(fields))
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._columns_for(self.width()) != self._columns:
            self._arrange()

    def _columns_for(self, width: int) -> int:
        return max(1, min(3, width // FIELD_WIDTH))

    def _arrange(self) -> None:
        self._columns = self._columns_for(self.width())
        for field in self._shown:
            self._grid.removeWidget(field)
        for index, field in enumerate(self._shown):
            self._grid.addWidget(field, index // self._columns, index % self._columns)
        for index in range(3):
            self._grid.setColumnStretch(index, 1 if index < self._columns else 0)
