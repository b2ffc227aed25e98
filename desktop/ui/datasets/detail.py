"""One dataset of the library: its notes, its versions, whether its file has changed, and what can be made of it."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.controllers.datasets import Change, Datasets
from desktop.core.datasets import Dataset, DatasetVersion
from desktop.errors import AppError
from desktop.ui.datasets.forms import DedupeForm, SampleForm, SplitForm
from desktop.ui.datasets.versions import VersionsTable
from desktop.ui.pieces import boxed, button, column, heading, label, row

KEEP_MS = 600
"""Notes are kept once the typing rests."""


class DatasetDetail(QWidget):
    """Shows, and keeps the notes; what shall be done is the dialog's to do."""

    use_requested = Signal()
    rename_requested = Signal()
    renew_requested = Signal()
    delete_requested = Signal()
    make_requested = Signal(object)
    """The form that asks what is made of the picked version."""
    failed = Signal(object)
    """An AppError: the notes could not be kept."""

    def __init__(self, datasets: Datasets) -> None:
        super().__init__()
        self._datasets = datasets
        self._dataset: Dataset | None = None
        self._notes_of = ""
        self.title = heading("")
        self.title.setWordWrap(True)
        self.notes = QPlainTextEdit(placeholderText="Notes: where it is from, what it is for")
        self.notes.setAccessibleName("Notes")
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(64)
        self.changed = label("", "warn", wrap=True)
        self.renew = button("Take the changed file in", self.renew_requested.emit)
        self.versions = VersionsTable()
        self.use = button("Use for the run", self.use_requested.emit, "primary")
        self.rename = button("Rename…", self.rename_requested.emit)
        self.split = button("Split…", lambda: self.make_requested.emit(SplitForm))
        self.sample = button("Sample…", lambda: self.make_requested.emit(SampleForm))
        self.dedupe = button("Without copies…", lambda: self.make_requested.emit(DedupeForm))
        self.delete = button("Delete", self.delete_requested.emit)
        self._keeping = QTimer(self, singleShot=True, interval=KEEP_MS)
        self._is_idle = True
        self._compose()
        self.versions.itemSelectionChanged.connect(self._show_buttons)
        self.versions.itemActivated.connect(lambda _: self.use_requested.emit())
        self.notes.textChanged.connect(lambda: self._keeping.start())
        self._keeping.timeout.connect(self.keep_notes)

    def _compose(self) -> None:
        self.change = boxed(row(self.changed, self.renew), "card", 8)
        self.change.layout().setStretch(0, 1)  # type: ignore[union-attr]
        parts = column(
            row(self.title, self.rename),
            self.notes,
            self.change,
            self.versions,
            row(self.use, self.split, self.sample, self.dedupe, 1, self.delete),
            space=8,
        )
        parts.itemAt(0).layout().setStretch(0, 1)  # type: ignore[union-attr]
        parts.setStretch(3, 1)
        parts.setContentsMargins(16, 0, 0, 0)
        self.setLayout(parts)

    @property
    def version(self) -> DatasetVersion | None:
        """The version that is picked; of a dataset as a whole its newest."""
        return self.versions.picked() if self._dataset is not None else None

    def show_dataset(self, dataset: Dataset | None, hidden: str) -> None:
        """Show a dataset, or none; a version that is hidden is as good as gone. Keep the notes of another before."""
        self._dataset = dataset
        self.change.hide()
        if dataset is None:
            return
        self.title.setText(dataset.name)
        self.notes.blockSignals(True)
        if self.notes.toPlainText() != dataset.notes:
            self.notes.setPlainText(dataset.notes)
        self.notes.blockSignals(False)
        self._notes_of = dataset.name
        self.versions.show_versions([version for version in dataset.versions if version.label != hidden])
        self._show_buttons()
        self._look_for_change(dataset.newest)

    def show_idle(self, is_idle: bool) -> None:
        """Follow whether anything is under way that another work would disturb."""
        self._is_idle = is_idle
        self._show_buttons()

    def keep_notes(self) -> None:
        """Keep what was typed, if it is not kept yet."""
        dataset = self._datasets.get(self._notes_of) if self._notes_of else None
        text = self.notes.toPlainText()
        if dataset is not None and dataset.notes != text:
            try:
                self._datasets.set_notes(dataset.name, text)
            except AppError as error:
                self.failed.emit(error)

    def _show_buttons(self) -> None:
        version, dataset = self.version, self._dataset
        for part in (self.split, self.sample, self.dedupe, self.rename, self.delete, self.renew):
            part.setEnabled(self._is_idle and version is not None)
        if version is not None and dataset is not None:
            alone = self.versions.rowCount() == 1
            self.delete.setText("Delete" if alone else f"Delete version {version.number}")
            is_newest = version.number == dataset.newest.number
            self.use.setText("Use for the run" if is_newest or alone else f"Use version {version.number}")

    def _look_for_change(self, version: DatasetVersion) -> None:
        """See off the GUI thread whether the file is still what was registered."""
        try:
            work = self._datasets.check(version.label)
        except AppError:
            return
        work.finished.connect(self._show_change)

    def _show_change(self, change: Change) -> None:
        is_it = self._dataset is not None and change.version.label == self._dataset.newest.label
        self.change.setVisible(is_it and change.state != "same")
        self.changed.setText(f"▲ {change.sentence}")
        self.renew.setVisible(change.state == "changed")
