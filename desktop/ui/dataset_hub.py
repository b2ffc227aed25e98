"""A dataset from the Hub: found by name, looked at by its first rows, and fetched only when it is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QListWidget, QListWidgetItem, QWidget

from desktop.controllers.datasets import Datasets, HubDataset, HubHit, HubPreview
from desktop.controllers.settings import Settings
from desktop.ui import words
from desktop.ui.dataset_examples import Examples
from desktop.ui.dataset_work_line import WorkLine
from desktop.ui.pieces import boxed, button, column, heading, label, row
from trainer_image.formats import FEEDS, SHAPE_WORDS, Row

PREVIEW_ROWS = 20
OFFLINE = "Tunedeck is offline, so it does not ask the Hub. Switch Offline off at the top right of the window."


class HubDialog(QDialog):
    """Search or type a repository, pick config and split, see rows, add."""

    added = Signal(str)
    """The new version, as name@1."""

    def __init__(self, datasets: Datasets, choices: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self._datasets, self._choices = datasets, choices
        self._found: HubDataset | None = None
        self.setWindowTitle("A dataset from the Hub")
        self.resize(960, 620)
        self.repo = QLineEdit(placeholderText="owner/name, or words to search for")
        self.repo.setAccessibleName("Repository, or words to search for")
        self.revision = QLineEdit(placeholderText="newest")
        self.revision.setAccessibleName("Revision: a branch, tag or commit")
        self.revision.setMaximumWidth(140)
        self.look = button("Look", self._look, "primary")
        self.search = button("Search", self._search)
        self.hits = QListWidget()
        self.hits.setAccessibleName("What the search has found")
        self.config = QComboBox()
        self.config.setAccessibleName("Config")
        self.split = QComboBox()
        self.split.setAccessibleName("Split")
        self.about = label("", "muted", wrap=True)
        self.examples = Examples()
        self.name = QLineEdit()
        self.name.setAccessibleName("Name in the library")
        self.name.setMaximumWidth(280)
        self.line = WorkLine()
        self.add = button("Add to the library", self._add, "primary")
        self._compose()
        self._connect()
        self._follow_offline()

    def _compose(self) -> None:
        top = row(self.repo, label("revision", "muted"), self.revision, self.look, self.search)
        top.setStretch(0, 1)
        chosen = row(label("Config"), self.config, label("Split"), self.split, 1)
        self.chosen = boxed(column(chosen, self.about, self.examples, space=8))
        middle = row(self.hits, self.chosen, space=16)
        middle.setStretch(0, 2)
        middle.setStretch(1, 3)
        self.named = boxed(row(label("Name"), self.name))
        foot = row(self.named, 1, button("Close", self.close), self.add)
        layout = column(
            heading("A dataset from the Hub"),
            top,
            middle,
            self.line,
            foot,
            space=12,
        )
        layout.setStretch(2, 1)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)
        self.examples.show_words("The first rows appear here.")
        self.chosen.setEnabled(False)
        self.line.say("Nothing is fetched before you add it; programs of a repository are never run.")

    def _connect(self) -> None:
        self.repo.returnPressed.connect(lambda: self._look() if "/" in self.repo.text() else self._search())
        self.hits.itemActivated.connect(self._take_hit)
        self.hits.itemClicked.connect(self._take_hit)
        self.config.currentIndexChanged.connect(lambda _: self._show_splits())
        self.split.currentIndexChanged.connect(lambda _: self._preview())
        self.name.textChanged.connect(lambda _: self._check())
        self.line.busy_changed.connect(self._check)
        self._choices.offline_changed.connect(self._follow_offline)

    def _follow_offline(self) -> None:
        is_offline = self._choices.is_offline
        for part in (self.repo, self.revision, self.look, self.search, self.hits):
            part.setEnabled(not is_offline)
        if is_offline:
            self.line.say(OFFLINE, "warn")
        self._check()

    # Looking

    def _search(self) -> None:
        text = self.repo.text().strip()
        if text:
            self.line.begin("Searching…", lambda: self._datasets.search_hub(text), self._show_hits)

    def _show_hits(self, hits: list[HubHit]) -> None:
        self.hits.clear()
        for hit in hits:
            gated = " · needs consent" if hit.is_gated else ""
            item = QListWidgetItem(f"{hit.repo}\n{words.count(hit.downloads)} downloads · {hit.likes} likes{gated}")
            item.setData(Qt.ItemDataRole.UserRole, hit.repo)
            item.setToolTip(hit.summary)
            self.hits.addItem(item)
        self.line.say(f"{words.plural(len(hits), 'dataset')} found." if hits else "Nothing was found. Try other words.")

    def _take_hit(self, item: QListWidgetItem) -> None:
        self.repo.setText(item.data(Qt.ItemDataRole.UserRole))
        self._look()

    def _look(self) -> None:
        repo, revision = self.repo.text().strip(), self.revision.text().strip()
        if repo:
            self.line.begin(f"Looking at {repo}…", lambda: self._datasets.look_at_hub(repo, revision), self._show_found)

    def _show_found(self, found: HubDataset) -> None:
        self._found = found
        self.chosen.setEnabled(True)
        self.line.say(
            f"{found.repo} at {found.commit[:8]}." + (" Its owners ask for consent." if found.is_gated else "")
        )
        self.config.blockSignals(True)
        self.config.clear()
        for config in found.configs:
            self.config.addItem(config.name, config)
        self.config.blockSignals(False)
        self.name.setText(self._datasets.free_name(found.repo))
        self._show_splits()

    def _show_splits(self) -> None:
        config = self.config.currentData()
        self.split.blockSignals(True)
        self.split.clear()
        for split in config.splits if config else ():
            size = f" ({words.file_size(split.bytes)})" if split.bytes else ""
            self.split.addItem(f"{split.name}{size}", split.name)
        self.split.setCurrentIndex(max(0, self.split.findData("train")))
        self.split.blockSignals(False)
        self._preview()

    def _preview(self) -> None:
        found, config, split = self._found, self.config.currentText(), self.split.currentData()
        self.about.setText(" ".join(part for part in (found.summary, found.note) if part) if found else "")
        self._check()
        if found is not None and split:
            self.examples.show_words("Reading the first rows…")
            preview = lambda: self._datasets.preview_hub(found, config, split, PREVIEW_ROWS)  # noqa: E731
            self.line.begin("Reading the first rows…", preview, self._show_preview)

    def _show_preview(self, preview: HubPreview) -> None:
        rows = [_row(number, value) for number, value in enumerate(preview.rows, 1)]
        if preview.shape is not None:
            kind = SHAPE_WORDS[preview.shape]
            self.line.say(f"The rows are {kind}. {words.file_size(preview.bytes_read)} were read for this.")
            self.examples.show_made(rows, None, preview.shape, FEEDS[preview.shape][0])
        else:
            self.line.say("The columns are of no shape that is known: say which is which once it is added.")
            self.examples.show_raw(rows)

    # Adding

    def _check(self) -> None:
        name = self.name.text().strip()
        fault = self._datasets.check_name(name) if name else ""
        ready = self._found is not None and self.split.currentData() is not None and bool(name) and not fault
        self.add.setEnabled(ready and not self._choices.is_offline and not self.line.is_busy)
        self.add.setToolTip(OFFLINE if self._choices.is_offline else fault)

    def _add(self) -> None:
        found, config, split = self._found, self.config.currentText(), self.split.currentData()
        name = self.name.text().strip()
        if found is not None and split:
            add = lambda: self._datasets.add_hub(name, found, config, split, bad_rows="leave_out")  # noqa: E731
            self.line.begin(f"Fetching {found.repo}…", add, lambda version: self._has_added(version.label))

    def _has_added(self, name: str) -> None:
        self.added.emit(name)
        self.accept()

    def done(self, code: int) -> None:
        """Give up what nobody waits for any more."""
        self.line.stop()
        super().done(code)


def _row(number: int, value: Mapping[str, Any]) -> Row:
    return Row(number, number, value)
