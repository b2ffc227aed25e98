"""The versions of one dataset in a table, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from desktop.core.datasets import DatasetVersion
from desktop.ui import words
from desktop.ui.theme import table_font
from trainer_image.formats import SHAPE_WORDS

TITLES = ("Version", "Rows", "What they are", "Made", "When")
WIDTHS = ((0, 72), (1, 104), (4, 104))


class VersionsTable(QTableWidget):
    """One version is always picked."""

    def __init__(self) -> None:
        super().__init__(0, len(TITLES))
        self._shown: Sequence[DatasetVersion] = ()
        self.setHorizontalHeaderLabels(TITLES)
        self.setAccessibleName("Versions")
        self.setFont(table_font(self.font()))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        for section, width in WIDTHS:
            header.resizeSection(section, width)

    def show_versions(self, versions: Sequence[DatasetVersion]) -> None:
        """Show versions, and pick the first."""
        with QSignalBlocker(self):
            self._shown = versions
            self.setRowCount(len(versions))
            for number, version in enumerate(versions):
                for place, text in enumerate(version_words(version)):
                    item = QTableWidgetItem(text)
                    item.setToolTip(f"{version.origin.words}\n{version.path}\nSHA-256 {version.sha256}")
                    self.setItem(number, place, item)
            self.selectRow(0)

    def picked(self) -> DatasetVersion | None:
        at = self.currentRow()
        return self._shown[at] if 0 <= at < len(self._shown) else self._shown[0] if self._shown else None


def version_words(version: DatasetVersion) -> tuple[str, str, str, str, str]:
    """Return a version as the cells of a row."""
    left = f" ({words.count(version.rows_left_out)} out)" if version.rows_left_out else ""
    kind = SHAPE_WORDS[version.shape] if version.shape else "unknown"
    rows = f"{words.count(version.rows)}{left}"
    return str(version.number), rows, kind, version.origin.words, words.moment(version.created)
