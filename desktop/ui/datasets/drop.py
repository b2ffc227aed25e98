"""Files dragged over the window: what a drop would do is said before, and done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QWidget

from desktop.ui import words
from desktop.ui.pieces import column, label
from desktop.ui.theme import scaled_font

MARGIN = 4
"""So little that its edge goes around what stands in the window's corners, and not through it."""
DATA_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md", ".gz", ".zip")
WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class DropPlan:
    """What dropping some paths would do."""

    sentence: str
    detail: str = ""
    model: Path | None = None
    data: tuple[Path, ...] = ()

    @property
    def does_something(self) -> bool:
        return self.model is not None or bool(self.data)


def plan_drop(paths: Sequence[Path]) -> DropPlan:
    """Say what these files and folders are taken for, by their names and nothing that takes time."""
    models = [path for path in paths if path.is_dir() and (path / "config.json").is_file()]
    others = [path for path in paths if path.is_dir() and path not in models]
    inside = sorted(one for folder in others for one in folder.iterdir() if one.suffix.lower() in DATA_ENDINGS)
    weights = [path for path in paths if path.is_file() and path.suffix.lower() in WEIGHTS]
    files = [path for path in paths if not path.is_dir() and path not in weights] + inside
    if not models and not files:
        return _nothing(others, weights)
    if len(models) > 1:
        return DropPlan("Drop one model at a time", "These are several model folders.")
    model = models[0] if models else None
    if model is not None and files:
        what = files[0].name if len(files) == 1 else words.plural(len(files), "file")
        return DropPlan(f"Use {model.name} as the model and {what} as its data", "", model, tuple(files))
    if model is not None:
        return DropPlan(f"Use {model.name} as the base model", "A folder with a model in it.", model)
    if len(files) == 1:
        return DropPlan(f"Use {files[0].name} as the data", "It is read and checked at once.", None, tuple(files))
    return DropPlan(f"Use these {words.count(len(files))} files", "Merge them, or choose one.", None, tuple(files))


def _nothing(folders: Sequence[Path], weights: Sequence[Path]) -> DropPlan:
    if weights:
        return DropPlan("Drop the folder of the model instead", f"{weights[0].name} is one file of it.")
    name = folders[0].name if folders else "this"
    return DropPlan(f"Nothing can be made of {name}", "It holds neither a model nor a file of rows.")


def paths_of(data: QMimeData) -> list[Path]:
    """Return the files and folders of this machine that are dragged."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


class DropOverlay(QFrame):
    """Lies over the whole window while something is dragged over it."""

    dropped = Signal(object)
    """A DropPlan that does something."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.plan = DropPlan("")
        self.setProperty("role", "drop")
        self.setAcceptDrops(True)
        self.sentence = label("", wrap=True)
        self.sentence.setFont(scaled_font(self.sentence.font(), 1.6, bold=True))
        self.detail = label("", "muted", wrap=True)
        for part in (self.sentence, self.detail):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setLayout(column(1, self.sentence, self.detail, 1, space=12))
        self.hide()

    def offer(self, data: QMimeData) -> bool:
        """Say what a drop would do; return whether there are files to speak of."""
        paths = paths_of(data)
        if not paths:
            return False
        self.plan = plan_drop(paths)
        self.sentence.setText(self.plan.sentence)
        self.detail.setText(self.plan.detail)
        margin = MARGIN
        self.setGeometry(self._window.rect().adjusted(margin, margin, -margin, -margin))
        self.show()
        self.raise_()
        return True

    def take(self, data: QMimeData) -> bool:
        """Do it; return whether anything is done."""
        self.hide()
        plan = plan_drop(paths_of(data))
        if plan.does_something:
            self.dropped.emit(plan)
        return plan.does_something

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths_of(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setAccepted(self.plan.does_something)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        if self.take(event.mimeData()):
            event.acceptProposedAction()
