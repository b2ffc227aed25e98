"""Several files at once: merged into one dataset, or one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QComboBox, QDialog, QLineEdit, QRadioButton, QWidget

from desktop.controllers.datasets import Datasets
from desktop.core.dataset_making.plans import Merge
from desktop.core.datasets import DatasetVersion
from desktop.ui import words
from desktop.ui.datasets.work_line import WorkLine
from desktop.ui.pieces import button, column, heading, label, row


class ManyFilesDialog(QDialog):
    """Each file becomes a dataset of the library, and what is merged of them another: no file is touched."""

    chosen = Signal(str)
    """The dataset or the file that the form shall name."""

    def __init__(self, paths: Sequence[Path], datasets: Datasets, parent: QWidget) -> None:
        super().__init__(parent)
        self._paths, self._datasets = list(paths), datasets
        self._labels: dict[str, float] = {}
        self.setWindowTitle("Several files")
        self.setMinimumWidth(520)
        self.merge = QRadioButton(f"Merge these {words.count(len(paths))} files into one dataset")
        self.one = QRadioButton("Use one of them")
        self._group = QButtonGroup(self)
        for choice in (self.merge, self.one):
            self._group.addButton(choice)
            choice.toggled.connect(lambda _: self._check())
        self.name = QLineEdit(datasets.free_name("merged"))
        self.name.setAccessibleName("Name of the merged dataset")
        self.file = QComboBox()
        self.file.setAccessibleName("The file to use")
        for path in paths:
            self.file.addItem(path.name, str(path))
        self.fault = label("", "problem", wrap=True)
        self.line = WorkLine()
        self.go = button("Merge", self._go, "primary")
        self.go.setDefault(True)
        says = "Rows that cannot be used are left out and counted. The rest is mixed; the files stay as they are."
        layout = column(
            heading(f"{words.count(len(paths))} files"),
            self.merge,
            row(label("Name"), self.name),
            label(says, "muted", wrap=True),
            self.one,
            row(self.file, 1),
            self.fault,
            self.line,
            row(1, button("Cancel", self.reject), self.go),
            space=8,
        )
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
        self.name.textChanged.connect(lambda _: self._check())
        self.line.busy_changed.connect(self._check)
        self.merge.setChecked(True)

    def _check(self) -> None:
        is_merge = self.merge.isChecked()
        self.name.setEnabled(is_merge)
        self.file.setEnabled(not is_merge)
        fault = self._datasets.check_name(self.name.text().strip()) if is_merge and not self.line.is_busy else ""
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))
        self.go.setText("Merge" if is_merge else "Use it")
        self.go.setEnabled(not fault and not self.line.is_busy)

    def _go(self) -> None:
        if self.one.isChecked():
            self.chosen.emit(self.file.currentData())
            self.accept()
        else:
            self._labels = {}
            self._add_next()

    def _add_next(self) -> None:
        """Take the files in one after the other, then merge them."""
        at = len(self._labels)
        if at == len(self._paths):
            plan = Merge(self._labels, self.name.text().strip())
            self.line.begin("Merging…", lambda: self._datasets.merge(plan), self._has_merged)
            return
        path = self._paths[at]
        name = self._datasets.free_name(str(path))
        self.line.begin(
            f"Reading {path.name}…",
            lambda: self._datasets.add_file(name, path, bad_rows="leave_out"),
            self._has_added,
        )

    def _has_added(self, version: DatasetVersion) -> None:
        self._labels[version.label] = 1.0
        self._add_next()

    def _has_merged(self, made: tuple[DatasetVersion, ...]) -> None:
        self.chosen.emit(made[0].dataset)
        self.accept()

    def done(self, code: int) -> None:
        """Give up what nobody waits for any more."""
        self.line.stop()
        super().done(code)
