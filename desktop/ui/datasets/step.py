"""The dataset of the form: a file or a name of the library, how it is read, and the scan that follows from both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.controllers.datasets import Datasets, Prepared
from desktop.controllers.scanning import Report, Scanning, ScanOptions
from desktop.core.dataset.fits import KIND_OF, methods_for
from desktop.core.dataset_choice import knobs_of
from desktop.core.datasets import DatasetVersion
from desktop.errors import AppError
from desktop.ui.datasets.report import BadRows, in_the_way
from desktop.ui.setup.config_form import ConfigForm
from trainer_image.contract import Method, RunConfig
from trainer_image.formats.told import read_told

KEPT = 500
"""So many problems of each kind can be looked at; the others are counted."""
AS_FOUND = ScanOptions()


class DatasetStep(QObject):
    """Keeps the scan in step with the form, and what is said of a file with the file."""

    failed = Signal(object)
    """An AppError: what was said of a registered dataset could not be kept."""
    read = Signal()
    """A file was read to its end, or cannot be: look at ``read_path``, ``report`` and ``error``."""

    def __init__(self, scanning: Scanning, datasets: Datasets, form: ConfigForm, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._scanning = scanning
        self._datasets = datasets
        self._form = form
        self._said: dict[str, ScanOptions] = {}
        self._shown_text = ""
        self._near: Path | None = None
        self._known: tuple[str, DatasetVersion | None] | None = None
        self._in_the_way = ""
        self._reading = QTimer(self, singleShot=True, interval=0)
        """Two knobs that are set at once are one wish."""
        self._reading.timeout.connect(self.examine)
        for signal in (scanning.changed, form.config_changed):
            signal.connect(self._suit_method)
            signal.connect(self._settle)
        scanning.changed.connect(self._tell_end)
        form.fields["dataset"].value_changed.connect(lambda _: self._another_dataset())
        for knob in ("columns", "read_as"):
            form.fields[knob].value_changed.connect(lambda _: self._reading.start())
        datasets.datasets_changed.connect(self._library_changed)

    @property
    def text(self) -> str:
        """What the field says."""
        return str(self._form.fields["dataset"].value() or "")

    @property
    def version(self) -> DatasetVersion | None:
        """The version of the library that the field names, or None where it names a file."""
        text = self.text
        if self._known is None or self._known[0] != text:
            self._known = text, self._find(text)
        return self._known[1]

    def _find(self, text: str) -> DatasetVersion | None:
        """A file of the home folder goes before a name of the library, as on the command line."""
        if not text or Path(text).is_absolute() or text.startswith("~") or (Path.home() / text).is_file():
            return None
        try:
            return self._datasets.find(text) if self._datasets.is_name(text) else None
        except AppError:
            return None

    @property
    def name(self) -> str:
        """What the rows are called in the library, how they came there, and what has changed; nothing for a file."""
        version, report = self.version, self.report
        if version is None:
            return ""
        told = f"{version.label}, {version.origin.words}"
        if report is None or report.path != version.path or report.sha256 in ("", version.sha256):
            return told
        is_pinned = "@" in self.text
        then = f"choose {version.dataset} for what it holds now" if is_pinned else "a start makes it a new version"
        return f"{told}. Its file has changed since: {then}."

    @property
    def path(self) -> Path | None:
        """The file that is meant, whether it is there or not."""
        version, text = self.version, self.text
        if version is not None:
            return version.path
        return (Path.home() / Path(text).expanduser()).resolve() if text else None

    @property
    def folder(self) -> Path:
        """Where the user's files lie: that of the chosen one, and never ours, where lies what was made of them."""
        path, version = self.path, self.version
        if version is not None:
            dataset = self._datasets.get(version.dataset)
            versions = dataset.versions if dataset is not None else ()
            path = next((one.path for one in versions if one.origin.kind == "file"), None)
        return path.parent if path is not None else Path.home()

    @property
    def report(self) -> Report | None:
        return self._scanning.report

    @property
    def error(self) -> AppError | None:
        """Why there is no report."""
        return self._scanning.error

    @property
    def read_path(self) -> Path | None:
        """The file that was read, or None while one is."""
        return None if self._scanning.is_running else self._scanning.path

    @property
    def method(self) -> Method:
        return cast(Method, self._form.fields["method"].value())

    @property
    def bad_rows(self) -> BadRows:
        """What happens to bad rows: what was said when the dataset was registered goes before the knob."""
        version = self.version
        if version is not None and version.bad_rows == "leave_out":
            return "leave_out"
        return cast(BadRows, self._form.fields["bad_rows"].value())

    @property
    def said(self) -> ScanOptions:
        """What a person has said of how the file is read."""
        version = self.version
        if version is not None:
            return version.options()
        columns, read_as = (self._form.fields[knob].value() for knob in ("columns", "read_as"))
        try:
            told = read_told(columns, read_as)
        except ValueError:
            # The form says beside the knob what is wrong with it.
            return AS_FOUND
        return ScanOptions(read=told.read, mapping=told.mapping, shape=told.shape)

    def say(self, options: ScanOptions) -> None:
        """Read the file another way from now on: kept with the config or, where it has a name, with the dataset."""
        version = self.version
        if version is not None:
            work = self._datasets.add_file(version.dataset, version.path, options, version.bad_rows)
            work.finished.connect(lambda made: self._take_version(made))
            work.failed.connect(self.failed.emit)
            return
        self._said[self.text] = options
        self._form.set_values(knobs_of(options))
        self._reading.start()

    def look_for_near(self) -> None:
        """Look for near copies, whatever the size of the file."""
        self._near = self.path
        self.examine()

    def examine(self) -> None:
        """Look at what the form says."""
        path, said = self.path, self.said
        if path is None:
            self._scanning.clear()
            return
        before = self._scanning.options
        is_same = path == self._scanning.path and _as_said(before) == _as_said(said)
        near = True if self._near == path else None
        self._scanning.look_at(path, replace(said, kind=before.kind if is_same else None, kept=KEPT, near=near))

    def show_what_is_in_the_way(self) -> None:
        """Put what keeps a run from being started beside its knob, until it is so no more."""
        knob, sentence = in_the_way(self.report, self.bad_rows, self.method)
        if knob:
            self._in_the_way = knob
            self._form.add_problem(knob, sentence)

    def _tell_end(self) -> None:
        # The method may have asked for another reading meanwhile.
        if self.read_path is not None:
            self.read.emit()

    def _settle(self) -> None:
        """Take back what was in the way and is no more: the file was mended, or another method chosen."""
        knob, _ = in_the_way(self.report, self.bad_rows, self.method)
        if self._in_the_way and not knob and not self._scanning.is_running:
            self._form.settle_problem(self._in_the_way)
            self._in_the_way = ""

    def prepare(
        self, config: RunConfig, done: Callable[[Prepared], object], failed: Callable[[AppError], object]
    ) -> None:
        """Put a file in the place of a name of the library, off the GUI thread; other configs are ready at once."""
        if self.version is None:
            done(Prepared(config, None))
            return
        try:
            work = self._datasets.prepare(config)
        except AppError as error:
            failed(error)
            return
        work.finished.connect(done)
        work.failed.connect(failed)

    def _take_version(self, version: DatasetVersion) -> None:
        if "@" in self.text:
            # A version by its number stays what it is; what was said made a new one.
            self._form.fields["dataset"].set_value(version.label)
        self.examine()

    def _library_changed(self) -> None:
        self._known = None
        self.examine()

    def _another_dataset(self) -> None:
        """What was said of one file does not hold for another."""
        if self.text != self._shown_text:
            self._shown_text = self.text
            self._form.set_values(knobs_of(self._said.get(self.text, AS_FOUND)))

    def _suit_method(self) -> None:
        """Which rows are bad depends on what they are made into: a question without an answer is a good task."""
        report, method = self.report, self.method
        if report is None or report.shape is None or report.path != self.path:
            return
        if method in methods_for(report.shape) and report.kind != KIND_OF[method]:
            options = replace(self._scanning.options, kind=KIND_OF[method])
            self._scanning.look_at(report.path, options)


def _as_said(options: ScanOptions) -> ScanOptions:
    return ScanOptions(read=options.read, mapping=options.mapping, shape=options.shape)
