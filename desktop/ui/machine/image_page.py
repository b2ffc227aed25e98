"""The trainer image: what the engine keeps side by side, a build or a pull on its way, and the way back."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.controllers.images import BuildStep, Images, ImageState
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.pieces import boxed, button, column, label, row

COLUMNS = ("Version", "Made", "Size", "")
NOTHING = (
    "No trainer image is here yet. It holds PyTorch, Unsloth and everything else that trains, away from your system. "
    "The first run builds it; or build it now."
)


class ImagePage(QWidget):
    """Shows the versions, and what is on its way."""

    def __init__(self, images: Images) -> None:
        super().__init__()
        self._images = images
        self._versions: list[ImageState] = []
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.setAccessibleName("Versions of the trainer image")
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.itemSelectionChanged.connect(self._show_buttons)
        self.nothing = label(NOTHING, "muted", wrap=True)
        self.problem = label("", "problem", wrap=True, selectable=True)
        self.build = button("Build it now", images.build, "primary")
        self.use = button("Use this one", lambda: self._on_chosen(images.use))
        self.remove = button("Remove", lambda: self._on_chosen(images.remove))
        self.reference = QLineEdit(placeholderText="an image in a registry, such as ghcr.io/you/trainer:1")
        self.reference.setAccessibleName("Image to pull")
        self.reference.returnPressed.connect(self._pull)
        self.pull = button("Pull", self._pull)
        self.step = label("", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName("Progress of the image")
        self.bar.setFixedHeight(6)
        self.stop = button("Stop", images.cancel)
        now = row(self.step, self.stop)
        now.setStretch(0, 1)
        self.progress = boxed(column(now, self.bar, space=8))
        pulling = row(self.reference, self.pull)
        pulling.setStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 12, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.nothing)
        layout.addWidget(self.table, 1)
        layout.addLayout(row(self.build, self.use, self.remove, 1))
        layout.addWidget(self.progress)
        layout.addWidget(self.problem)
        layout.addLayout(pulling)
        images.listed.connect(self.show_versions)
        images.progressed.connect(self.show_step)
        # Not a lambda: Qt lets go of a method when its widget is gone.
        images.busy_changed.connect(self._show_busy)
        images.failed.connect(self._show_problem)
        self.problem.hide()
        self._show_busy()
        self._show_buttons()
        images.refresh()

    def show_versions(self, versions: list[ImageState]) -> None:
        """Show what the engine has, the newest first."""
        chosen = self._chosen()
        self._versions = versions
        self.table.setRowCount(len(versions))
        for number, version in enumerate(versions):
            texts = (
                version.tag.split(":")[1],
                _day(version.made),
                words.file_size(version.size_bytes),
                ", ".join(_notes(version)),
            )
            for at, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{version.tag}\n{version.id}")
                self.table.setItem(number, at, item)
            if chosen is not None and version.id == chosen.id:
                self.table.selectRow(number)
        self.nothing.setVisible(not versions)
        self.table.setVisible(bool(versions))
        self._show_buttons()

    def show_step(self, step: BuildStep) -> None:
        """Show how far a build or a pull has come."""
        self.problem.hide()
        self.step.setText(f"{step.sentence[:1].upper()}{step.sentence[1:]} · {words.duration(step.seconds)} so far")
        fetched = step.fetched
        if fetched is not None and fetched.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(int(1000 * fetched.done / fetched.total))
        else:
            self.bar.setRange(0, max(1, step.total))
            self.bar.setValue(step.number - 1)

    def _pull(self) -> None:
        if reference := self.reference.text().strip():
            self.problem.hide()
            self._images.pull(reference)

    def _on_chosen(self, act: object) -> None:
        version = self._chosen()
        if version is not None and callable(act):
            self.problem.hide()
            act(version.tag)

    def _chosen(self) -> ImageState | None:
        rows = {index.row() for index in self.table.selectedIndexes()}
        return self._versions[min(rows)] if rows and min(rows) < len(self._versions) else None

    def _show_buttons(self) -> None:
        version, is_busy = self._chosen(), self._images.is_busy
        self.use.setEnabled(version is not None and not version.is_used and not is_busy)
        self.remove.setEnabled(version is not None and not is_busy)
        is_current = any(version.is_used and version.is_current for version in self._versions)
        self.build.setEnabled(not is_current and not is_busy)
        self.build.setToolTip("The image that is used is made from this app's sources." if is_current else "")
        self.pull.setEnabled(not is_busy)

    def _show_busy(self) -> None:
        is_busy = self._images.is_busy
        self.progress.setVisible(is_busy)
        if is_busy and not self.step.text():
            self.step.setText("Asking the engine…")
        if not is_busy:
            self.step.clear()
        self._show_buttons()

    def _show_problem(self, error: AppError) -> None:
        self.problem.setText(f"{error.sentence} {error.hint}".strip())
        self.problem.show()


def _notes(version: ImageState) -> list[str]:
    notes = ["used now" if version.is_used else "", "made from this app" if version.is_current else ""]
    return [note for note in notes if note] or ["older"]


def _day(made: str) -> str:
    try:
        return f"{datetime.fromisoformat(made[:19] + '+00:00').astimezone():%d %b %Y, %H:%M}"
    except ValueError:
        return ""
