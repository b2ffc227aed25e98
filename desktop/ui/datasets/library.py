"""The window of the library of datasets: what is picked there is used, renamed, made into others, deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QSplitter, QWidget

from desktop.controllers.datasets import Datasets, Work
from desktop.controllers.settings import Settings
from desktop.core.datasets import Dataset, DatasetVersion
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.datasets.detail import DatasetDetail
from desktop.ui.datasets.findings import DATA_FILES
from desktop.ui.datasets.forms import AddForm, Form, MergeForm, NameForm
from desktop.ui.datasets.hub import HubDialog
from desktop.ui.datasets.report import in_the_way
from desktop.ui.datasets.shelf import DatasetShelf
from desktop.ui.datasets.step import DatasetStep
from desktop.ui.datasets.work_line import WorkLine
from desktop.ui.pieces import boxed, button, column, label, row

UNDO_MS = 10_000
EMPTY = (
    "Datasets that you give a name stand here, with every version of them. A file becomes one by “Add file…”; "
    "splits, samples and merges are made here, and none of them touches your file."
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
        self.setWindowTitle("Datasets")
        self.setModal(False)
        self.resize(1080, 640)
        self.shelf = DatasetShelf(datasets)
        self.add_file = button("Add file…", self._choose_file)
        self.add = button("Add the chosen file…", self._add)
        self.hub = button("From the Hub…", self._open_hub)
        self.merge = button("Merge…", self._merge)
        self.detail = DatasetDetail(datasets)
        self.empty = label(EMPTY, "muted", wrap=True)
        self.line = WorkLine()
        self._leaving = QTimer(self, singleShot=True, interval=UNDO_MS)
        self._awaited: Path | None = None
        """The file that is added once it was read."""
        self._asking = QTimer(self, singleShot=True, interval=0)
        self._compose()
        self._connect()
        self._show_datasets()
        self._show_busy()

    def _compose(self) -> None:
        left = column(self.shelf, row(self.add_file, self.hub), row(self.merge, self.add, 1), space=8)
        left.setStretch(0, 1)
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
        self.shelf.search_changed.connect(self._show_datasets)
        self.shelf.picked.connect(self._show_dataset)
        detail = self.detail
        detail.use_requested.connect(self._use)
        detail.rename_requested.connect(self._rename)
        detail.renew_requested.connect(self._renew)
        detail.delete_requested.connect(self._delete)
        detail.make_requested.connect(self._make)
        detail.failed.connect(lambda error: self.line.say(str(error), "warn"))
        self._leaving.timeout.connect(self._really_delete)
        self._step.read.connect(self._add_awaited)
        self._asking.timeout.connect(self._add)
        self.line.busy_changed.connect(self._show_busy)
        self._choices.offline_changed.connect(lambda _: self._follow_offline())
        self._follow_offline()

    def _follow_offline(self) -> None:
        is_offline = self._choices.is_offline
        self.hub.setEnabled(not is_offline)
        self.hub.setToolTip("Tunedeck is offline: switch Offline off at the top right." if is_offline else "")

    def open_at(self, name: str = "") -> None:
        """Show the window with a dataset picked: the one that is named, or else the one that the form names."""
        version = self._step.version
        self._show_datasets(name or (version.dataset if version is not None else ""))
        self.show()
        self.raise_()
        self.activateWindow()
        (self.shelf.list if self.shelf.list.count() else self.add_file).setFocus()

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
        self._awaited = None
        self.detail.keep_notes()
        self._really_delete()

    # What it shows

    @property
    def dataset(self) -> Dataset | None:
        """The dataset that is picked."""
        return self.shelf.dataset

    @property
    def version(self) -> DatasetVersion | None:
        """The version that is picked; of a dataset as a whole its newest."""
        return self.detail.version if self.dataset is not None else None

    def _show_datasets(self, picked: str = "") -> None:
        self.shelf.show_datasets(picked, self._going)
        self._show_dataset()

    def _show_dataset(self) -> None:
        # What was typed is kept before it is looked up again.
        self.detail.keep_notes()
        dataset = self.dataset
        self.detail.show_dataset(dataset, self._going)
        self.detail.setVisible(dataset is not None)
        self.empty.setVisible(dataset is None)
        self.merge.setEnabled(self.shelf.list.count() > 1)

    def _show_add(self) -> None:
        path, is_known = self._step.path, self._step.version is not None
        self.add.setVisible(path is not None and not is_known)
        self.add.setToolTip(f"Give {path.name} a name." if path is not None else "")
        for part in (self.add, self.add_file):
            part.setEnabled(not self.line.is_busy)

    # What is done

    def _use(self) -> None:
        version, dataset = self.version, self.dataset
        if version is not None and dataset is not None:
            self.chosen.emit(dataset.name if version.number == dataset.newest.number else version.label)
            self.close()

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose a file with rows", str(self._step.folder), DATA_FILES)
        if file:
            self.add_path(Path(file))

    def add_path(self, path: Path) -> None:
        """Choose a file in the form, as a drop does, and ask for its name once it was read."""
        self._awaited = path.resolve()
        self.line.say(f"Reading {path.name}…")
        self.chosen.emit(str(path))
        self._add_awaited()

    def _add_awaited(self) -> None:
        """Go on with a file that was awaited and is read now; the question is asked from the event loop."""
        path, step = self._awaited, self._step
        if path is None or path != step.read_path:
            return
        self._awaited = None
        self._show_add()
        self.line.say(str(step.error or ""), "warn")
        if step.error is None:
            self._asking.start()

    def _add(self) -> None:
        path, step, report = self._step.path, self._step, self._step.report
        if path is None:
            return
        knob, sentence = in_the_way(report, step.bad_rows, step.method)
        if knob and report is not None and not report.rows:
            self.line.say(sentence, "warn")
            return
        form = AddForm(
            path, self._datasets.free_name(str(path)), self._datasets.check_name, report, step.bad_rows, self
        )
        if form.exec():
            name, said, bad_rows = form.value(), step.said, form.bad_rows
            self._begin(lambda: self._datasets.add_file(name, path, said, bad_rows, report), self._has_added)

    def _has_added(self, version: DatasetVersion) -> None:
        self._has_fetched(version)
        self.chosen.emit(version.dataset)
        self._show_add()

    def _has_fetched(self, version: DatasetVersion) -> None:
        left = version.rows_left_out
        out = f", {words.plural(left, 'row')} left out" if left else ""
        self.line.say(f"{version.label}: {words.plural(version.rows, 'row')}{out}.")
        self._show_datasets(version.dataset)

    def _open_hub(self) -> None:
        dialog = HubDialog(self._datasets, self._choices, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.added.connect(self._has_fetched)
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
        self.line.say(f"Made {told}. {made[0].origin.together}".rstrip())
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
        self.detail.show_idle(not self.line.is_busy)

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except AppError as error:
            self.line.say(str(error), "warn")
