"""Tags, notes and the archive of runs, as the window shows them."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from desktop.core.labels import NONE, Labels, RunLabels
from desktop.core.store import Store

__all__ = ["LabelBook", "Labels"]


class LabelBook(QObject):
    """The labels of every run; ``changed`` tells of whom."""

    changed = Signal(str)

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._labels = RunLabels(store)
        self._known = self._labels.all()

    def of(self, run_id: str) -> Labels:
        """Return the labels of a run."""
        return self._known.get(run_id, NONE)

    def every_tag(self) -> list[str]:
        """Return every tag that some run has, by name."""
        return sorted({tag for labels in self._known.values() for tag in labels.tags}, key=str.casefold)

    def set_tags(self, run_id: str, tags: Iterable[str]) -> None:
        self._keep(run_id, self._labels.set_tags(run_id, tags))

    def set_notes(self, run_id: str, notes: str) -> None:
        self._keep(run_id, self._labels.set_notes(run_id, notes))

    def archive(self, run_id: str, is_archived: bool = True) -> None:
        self._keep(run_id, self._labels.archive(run_id, is_archived))

    def _keep(self, run_id: str, labels: Labels) -> None:
        self._known[run_id] = labels
        self.changed.emit(run_id)
