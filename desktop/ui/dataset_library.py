"""The library of datasets: names and versions, where each is from, and what can be made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QPlainTextEdit, QSplitter, QWidget

from desktop.controllers.datasets import Change, Datasets, Work
from desktop.controllers.settings import Settings
from desktop.core.datasets import Dataset, DatasetVersion
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.dataset_forms import DedupeForm, Form, MergeForm, NameForm, SampleForm, SplitForm
from desktop.ui.dataset_hub import HubDialog
from desktop.ui.dataset_report import in_the_way
from desktop.ui.dataset_step import DatasetStep
from desktop.ui.dataset_versions import VersionsTable
from desktop.ui.dataset_work_line import WorkLine
from desktop.ui.pieces import boxed, button, column, heading, label, row

UNDO_MS = 10_000
KEEP_MS = 600
"""Notes are kept once the typing rests."""
EMPTY = (
    "Datasets that you give a name stand here, with every version of them. A file becomes one by “Add the chosen "
    "file”; splits, samples and merges are made here, and none of them touches your file."
)


class LibraryDialog(QDialog):
    """Stands beside the main window; what is made here can be used in the form at once."""

    chosen = Signal(str)
    """The dataset that a run shall use, as name or name@2."""

    def __init__(self, datasets: Datasets, choices: Settings, step: DatasetStep, parent: QWidget) -> None:
        super().__init__(parent)
        self._datasets, self._choices, self._step = datasets, choices, step
        self._going: str = ""
        """What is deleted unless somebody says Undo."""
        self._notes_of = ""
        self.setWindowTitle("Datasets")
        self.setModal(False)
        self.resize(1080, 640)
        self.search = QLineEdit(placeholderText="Find a dataset", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a dataset")
        self.list = QListWidget()
        self.list.setAccessibleName("Datasets")
        self.add = button("Add the chosen file…", self._add)
        self.hub = button("From the Hub…", self._open_hub)
        self.merge = button("Merge…", self._merge)
        self.title = heading("")
        self.title.setWordWrap(True)
        self.notes = QPlainTextEdit(placeholderText="Notes: where it is from, what it is for")
        self.notes.setAccessibleName("Notes")
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(64)
        self.changed = label("", "warn", wrap=True)
        self.renew = button("Take the changed file in", self._renew)
        self.versions = VersionsTable()
        self.use = button("Use for the run", self._use, "primary")
        self.rename = button("Rename…", self._rename)
        self.split = button("Split…", lambda: self._make(SplitForm))
        self.sample = button("Sample…", lambda: self._make(SampleForm))
        self.dedupe = button("Without copies…", lambda: self._make(DedupeForm))
        self.delete = button("Delete", self._delete)
        self.empty = label(EMPTY, "muted", wrap=True)
        self.line = WorkLine()
        self._leaving = QTimer(self, singleShot=True, interval=UNDO_MS)
        self._keeping = QTimer(self, singleShot=True, interval=KEEP_MS)
        self._compose()
        self._connect()
        self._show_datasets()
        self._show_busy()

    def _compose(self) -> None:
        left = column(self.search, self.list, row(self.add, self.hub), row(self.merge, 1), space=8)
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
        self.detail = boxed(parts)
        self.empty.setContentsMargins(16, 0, 0, 0)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(boxed(left))
        split.addWidget(boxed(column(self.empty, self.detail)))
        split.setSizes([320, 720])
        foot = row(self.line, button("Close", self.close), space=16)
        foot.setStretch(0, 1)
        layout = column(split, foot, space=8)
        layout.setStretch(0, 1)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)

    def _connect(self) -> None:
        self._datasets.datasets_changed.connect(self._show_datasets)
        self.search.textChanged.connect(lambda _: self._show_datasets())
        self.list.currentItemChanged.connect(lambda *_: self._show_dataset())
        self.versions.itemSelectionChanged.connect(self._show_buttons)
        self.versions.itemActivated.connect(lambda _: self._use())
        self.notes.textChanged.connect(lambda: self._keeping.start())
        self._keeping.timeout.connect(self._keep_notes)
        self._leaving.timeout.connect(self._really_delete)
        self.line.busy_changed.connect(self._show_busy)
        self._choices.offline_changed.connect(lambda _: self._follow_offline())
        self._follow_offline()

    def _follow_offline(self) -> None:
        is_offline = self._choices.is_offline
        self.hub.setEnabled(not is_offline)
        self.hub.setToolTip("Tunedeck is offline: switch Offline off at the top right." if is_offline else "")

    def open_at(self, name: str = "") -> None:
        """Show the window, with a dataset picked if it is named."""
        self._show_datasets(name)
        self.show()
        self.raise_()
        self.activateWindow()
        (self.list if self.list.count() else self.add).setFocus()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._show_add()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settle()
        super().closeEvent(event)

    def done(self, code: int) -> None:
        """Leave by Escape, which is no close event."""
        self._settle()
        super().done(code)

    def _settle(self) -> None:
        self._keep_notes()
        self._really_delete()

    # What it shows

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that is picked."""
        item = self.list.currentItem()
        return self._datasets.get(item.data(Qt.ItemDataRole.UserRole)) if item else None

    @property
    def version(self) -> DatasetVersion | None:
        """The version that is picked; of a dataset as a whole its newest."""
        return self.versions.picked() if self.dataset is not None else None

    def _shown_versions(self, dataset: Dataset) -> list[DatasetVersion]:
        return [version for version in dataset.versions if version.label != self._going]

    def _show_datasets(self, picked: str = "") -> None:
        known = self.dataset
        picked = picked.partition("@")[0] or (known.name if known else "")
        wanted = self.search.text().strip().casefold()
        self.list.blockSignals(True)
        self.list.clear()
        for dataset in self._datasets.all():
            if dataset.name == self._going or wanted not in f"{dataset.name} {dataset.notes}".casefold():
                continue
            newest = dataset.newest
            many = f" · {len(dataset.versions)} versions" if len(dataset.versions) > 1 else ""
            item = QListWidgetItem(f"{dataset.name}\n{words.plural(newest.rows, 'row')}{many}")
            item.setData(Qt.ItemDataRole.UserRole, dataset.name)
            item.setToolTip(dataset.notes)
            self.list.addItem(item)
            if dataset.name == picked:
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None and self.list.count():
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        self._show_dataset()

    def _show_dataset(self) -> None:
        self._keep_notes()
        dataset = self.dataset
        self.detail.setVisible(dataset is not None)
        self.empty.setVisible(dataset is None)
        self.merge.setEnabled(self.list.count() > 1)
        self.change.hide()
        if dataset is None:
            return
        self.title.setText(dataset.name)
        self.notes.blockSignals(True)
        if self.notes.toPlainText() != dataset.notes:
            self.notes.setPlainText(dataset.notes)
        self.notes.blockSignals(False)
        self._notes_of = dataset.name
        self.versions.show_versions(self._shown_versions(dataset))
        self._show_buttons()
        self._look_for_change(dataset.newest)

    def _show_buttons(self) -> None:
        is_idle = not self.line.is_busy
        for part in (self.split, self.sample, self.dedupe, self.rename, self.delete, self.renew):
            part.setEnabled(is_idle and self.version is not None)
        version, dataset = self.version, self.dataset
        if version is not None and dataset is not None:
            alone = len(self._shown_versions(dataset)) == 1
            self.delete.setText("Delete" if alone else f"Delete version {version.number}")
            self.use.setText(
                "Use for the run"
                if version.number == dataset.newest.number or alone
                else f"Use version {version.number}"
            )

    def _show_add(self) -> None:
        path, is_known = self._step.path, self._step.version is not None
        self.add.setEnabled(path is not None and not is_known and not self.line.is_busy)
        if path is None:
            self.add.setToolTip("Choose a file in the form first.")
        else:
            self.add.setToolTip("It is in the library already." if is_known else f"Give {path.name} a name.")

    def _look_for_change(self, version: DatasetVersion) -> None:
        """See off the GUI thread whether the file is still what was registered."""
        try:
            work = self._datasets.check(version.label)
        except AppError:
            return
        work.finished.connect(self._show_change)

    def _show_change(self, change: Change) -> None:
        dataset = self.dataset
        is_it = dataset is not None and change.version.label == dataset.newest.label
        self.change.setVisible(is_it and change.state != "same")
        self.changed.setText(f"▲ {change.sentence}")
        self.renew.setVisible(change.state == "changed")

    # What is done

    def _use(self) -> None:
        version, dataset = self.version, self.dataset
        if version is not None and dataset is not None:
            self.chosen.emit(dataset.name if version.number == dataset.newest.number else version.label)
            self.close()

    def _add(self) -> None:
        path, step = self._step.path, self._step
        if path is None:
            return
        knob, sentence = in_the_way(step.report, step.bad_rows, step.method)
        if knob and (knob == "bad_rows" or step.report is None or not step.report.rows):
            self.line.say(sentence, "warn")
            return
        says = f"{path} stays where it is; its version 1 is what it holds now."
        form = NameForm(
            f"Add {path.name}", "Add", self._datasets.free_name(str(path)), self._datasets.check_name, says, self
        )
        if form.exec():
            name, report = form.value(), step.report
            self._begin(lambda: self._datasets.add_file(name, path, step.said, step.bad_rows, report), self._has_added)

    def _has_added(self, version: DatasetVersion) -> None:
        left = version.rows_left_out
        out = f", {words.plural(left, 'row')} left out" if left else ""
        self.line.say(f"{version.label}: {words.plural(version.rows, 'row')}{out}.")
        self._show_datasets(version.dataset)
        self.chosen.emit(version.dataset)

    def _open_hub(self) -> None:
        dialog = HubDialog(self._datasets, self._choices, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.added.connect(lambda name: self._show_datasets(name))
        dialog.open()

    def _rename(self) -> None:
        dataset = self.dataset
        if dataset is None:
            return
        old = dataset.name

        def check(name: str) -> str:
            return "" if name == old else self._datasets.check_name(name)

        form = NameForm(f"Rename {old}", "Rename", old, check, "Saved configs that name it go along.", self)
        if form.exec() and form.value() != old:
            self._try(lambda: self._datasets.rename(old, form.value()))
            self._show_datasets(form.value())

    def _keep_notes(self) -> None:
        dataset = self._datasets.get(self._notes_of) if self._notes_of else None
        text = self.notes.toPlainText()
        if dataset is not None and dataset.notes != text:
            self._try(lambda: self._datasets.set_notes(dataset.name, text))

    def _make(self, kind: Callable[[DatasetVersion, QWidget], Form]) -> None:
        version = self.version
        if version is None:
            return
        form: Any = kind(version, self)
        if form.exec():
            self._begin(lambda: self._datasets.make(version.label, form.plan()), self._has_made)

    def _merge(self) -> None:
        known, dataset = self._datasets.all(), self.dataset
        first = dataset.name if dataset else ""
        form = MergeForm(known, first, self._datasets.free_name("merged"), self._datasets.check_name, self)
        if form.exec():
            self._begin(lambda: self._datasets.merge(form.plan()), self._has_made)

    def _has_made(self, made: tuple[DatasetVersion, ...]) -> None:
        told = " and ".join(f"{one.label} ({words.plural(one.rows, 'row')})" for one in made)
        self.line.say(f"Made {told}.")
        self._show_datasets(made[0].dataset)

    def _renew(self) -> None:
        dataset = self.dataset
        if dataset is not None:
            self._begin(lambda: self._datasets.renew(dataset.name), self._has_added)

    # Deleting, with a way back

    def _delete(self) -> None:
        dataset, version = self.dataset, self.version
        if dataset is None or version is None:
            return
        self._really_delete()
        alone = len(dataset.versions) == 1
        word = dataset.name if alone else version.label
        uses = self._datasets.uses(word)
        live = next((use for use in uses if use.is_live), None)
        if live is not None:
            self.line.say(f"{live.name} trains on it. Cancel that run first.", "warn")
            return
        self._going = word
        used = f" It is named by {', '.join(use.name for use in uses[:3])}." if uses else ""
        self.line.say(f"{word} is deleted.{used}", action="Undo", act=self._undo)
        self._leaving.start()
        self._show_datasets()

    def _really_delete(self) -> None:
        self._leaving.stop()
        word, self._going = self._going, ""
        if word:
            self._try(lambda: self._datasets.delete(word))
            self.line.say("")

    def _undo(self) -> None:
        self._leaving.stop()
        word, self._going = self._going, ""
        self.line.say(f"{word} is back.")
        self._show_datasets(word)

    def _begin(self, ask: Callable[[], Work], done: Callable[[Any], object]) -> None:
        self._really_delete()
        self.line.begin("Working…", ask, done)

    def _show_busy(self) -> None:
        self._show_add()
        self._show_buttons()

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except AppError as error:
            self.line.say(str(error), "warn")
