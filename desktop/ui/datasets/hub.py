"""A dataset from the Hub: found by name, looked at by its first rows, and fetched only when it is added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QLineEdit, QListWidget, QListWidgetItem, QWidget

from desktop.controllers.datasets import Datasets, HubDataset, HubHit, HubPreview
from desktop.controllers.scanning import ScanOptions
from desktop.controllers.settings import Settings
from desktop.core.datasets import DatasetVersion
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.datasets.examples import Examples
from desktop.ui.datasets.hub_columns import HubColumns
from desktop.ui.datasets.work_line import WorkLine
from desktop.ui.pieces import boxed, button, column, heading, label, row
from trainer_image.formats import FEEDS, SHAPE_WORDS, Row

PREVIEW_ROWS = 20
AS_FOUND = ScanOptions()
FIRST_ROWS = "The first rows appear here."
NO_HITS = "What a search finds stands here. Who knows the name writes it as owner/name, and looks at it at once."
OFFLINE = "Tunedeck is offline, so it does not ask the Hub. Switch Offline off at the top right of the window."


class HubDialog(QDialog):
    """Search or type a repository, pick config and split, see rows, add."""

    added = Signal(object)
    """A DatasetVersion."""

    def __init__(self, datasets: Datasets, choices: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self._datasets, self._choices = datasets, choices
        self._found: HubDataset | None = None
        self._preview_of: HubPreview | None = None
        self._is_refused = False
        """The Hub does not give out the rows, so there is nothing to add."""
        self._is_unread = False
        """The first rows could not be read, so how they are read is found out once they are fetched."""
        self._is_adding = False
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
        self.hits.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.hits.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nothing = label(NO_HITS, "muted", wrap=True)
        self.config = QComboBox()
        self.config.setAccessibleName("Config")
        self.split = QComboBox()
        self.split.setAccessibleName("Split")
        self.about = label("", "muted", wrap=True)
        self.columns = HubColumns()
        self.examples = Examples()
        self.name = QLineEdit()
        self.name.setAccessibleName("Name in the library")
        self.name.setFixedWidth(280)
        self.line = WorkLine()
        self.add = button("Add to the library", self._add, "primary")
        self._compose()
        self._connect()
        self._follow_offline()

    def _compose(self) -> None:
        top = row(self.repo, label("revision", "muted"), self.revision, self.look, self.search)
        top.setStretch(0, 1)
        for pick in (self.config, self.split):
            pick.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            pick.setMaximumWidth(280)
        chosen = row(label("Config"), self.config, label("Split"), self.split, 1)
        self.chosen = boxed(column(chosen, self.about, self.columns, self.examples, space=8))
        self.chosen.layout().setStretch(3, 1)  # type: ignore[union-attr]
        self.hits.hide()
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        middle = row(boxed(column(self.hits, self.nothing)), self.chosen, space=16)
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
        self._forget()
        self.line.say("Nothing is fetched before you add it; programs of a repository are never run.")

    def _connect(self) -> None:
        self.repo.returnPressed.connect(lambda: self._look() if "/" in self.repo.text() else self._search())
        self.hits.itemActivated.connect(self._take_hit)
        self.hits.itemClicked.connect(self._take_hit)
        self.config.currentIndexChanged.connect(lambda _: self._show_splits())
        self.split.currentIndexChanged.connect(lambda _: self._preview())
        self.columns.changed.connect(self._show_rows)
        self.name.textChanged.connect(lambda _: self._check())
        self.line.busy_changed.connect(self._follow_work)
        for part in (self.repo, self.revision):
            part.textEdited.connect(lambda _: self._type())
        self._choices.offline_changed.connect(self._follow_offline)

    def _follow_offline(self) -> None:
        is_offline = self._choices.is_offline
        for part in (self.repo, self.revision, self.look, self.search, self.hits):
            part.setEnabled(not is_offline)
        if is_offline:
            self.line.say(OFFLINE, "warn")
        self._check()

    def _follow_work(self) -> None:
        self._is_adding = self._is_adding and self.line.is_busy
        self._check()

    # Looking

    def _type(self) -> None:
        """Forget what was found by another name or revision; what is being fetched is not given up for a letter."""
        if not self._is_adding and (self._found is not None or self.line.is_busy):
            self.line.stop()
            self._forget()
            self.line.say("Press Look to see what is there by this name and revision.")

    def _search(self) -> None:
        text = self.repo.text().strip()
        if text:
            self._forget()
            self.line.begin("Searching…", lambda: self._datasets.search_hub(text), self._show_hits)

    def _show_hits(self, hits: list[HubHit]) -> None:
        self.hits.clear()
        for hit in hits:
            gated = " · needs consent" if hit.is_gated else ""
            item = QListWidgetItem(f"{hit.repo}\n{words.count(hit.downloads)} downloads · {hit.likes} likes{gated}")
            item.setData(Qt.ItemDataRole.UserRole, hit.repo)
            item.setToolTip(f"{hit.repo}\n{hit.summary}".strip())
            self.hits.addItem(item)
        self.hits.setVisible(bool(hits))
        self.nothing.setVisible(not hits)
        self.line.say(f"{words.plural(len(hits), 'dataset')} found." if hits else "Nothing was found. Try other words.")

    def _take_hit(self, item: QListWidgetItem) -> None:
        self.repo.setText(item.data(Qt.ItemDataRole.UserRole))
        self._look()

    def _look(self) -> None:
        repo, revision = self.repo.text().strip(), self.revision.text().strip()
        if repo:
            self._forget()
            look = lambda: self._datasets.look_at_hub(repo, revision)  # noqa: E731
            self.line.begin(f"Looking at {repo}…", look, self._show_found, lambda error: self._miss(repo, error))

    def _forget(self) -> None:
        """Show nothing of what was looked at before: it must not be added for what is looked at now."""
        self._found = self._preview_of = None
        self._is_refused = self._is_unread = False
        for pick in (self.config, self.split):
            with QSignalBlocker(pick):
                pick.clear()
        self.name.clear()
        self.about.hide()
        self.columns.hide()
        self.examples.show_words(FIRST_ROWS)
        self.chosen.setEnabled(False)
        self._check()

    def _miss(self, repo: str, error: AppError) -> None:
        """Search for what is no name of a repository: it was meant as words."""
        if "/" not in repo and error.code in ("hub_missing", "bad_name"):
            self._search()

    def _show_found(self, found: HubDataset) -> None:
        self._found = found
        self.chosen.setEnabled(True)
        self.line.say(
            f"{found.repo} at {found.commit[:8]}." + (" Its owners ask for consent." if found.is_gated else "")
        )
        with QSignalBlocker(self.config):
            self.config.clear()
            for config in found.configs:
                self.config.addItem(config.name, config)
        self.name.setText(self._datasets.free_name(found.repo))
        self.name.setCursorPosition(0)
        self._show_splits()

    def _show_splits(self) -> None:
        config = self.config.currentData()
        with QSignalBlocker(self.split):
            self.split.clear()
            for split in config.splits if config else ():
                size = f" ({words.file_size(split.bytes)})" if split.bytes else ""
                self.split.addItem(f"{split.name}{size}", split.name)
            self.split.setCurrentIndex(max(0, self.split.findData("train")))
        self._preview()

    def _preview(self) -> None:
        found, config, split = self._found, self.config.currentText(), self.split.currentData()
        self.about.setText(" ".join(part for part in (found.summary, found.note) if part) if found else "")
        self.about.setVisible(bool(self.about.text()))
        self._preview_of, self._is_refused, self._is_unread = None, False, False
        self.columns.hide()
        self._check()
        if found is not None and split:
            self.examples.show_words("Reading the first rows…")
            preview = lambda: self._datasets.preview_hub(found, config, split, PREVIEW_ROWS)  # noqa: E731
            self.line.begin("Reading the first rows…", preview, self._show_preview, self._refuse)

    def _refuse(self, error: AppError) -> None:
        self._is_refused, self._is_unread = error.code == "hub_gated", True
        self.examples.show_words("The first rows could not be read.")
        self._check()

    def _show_preview(self, preview: HubPreview) -> None:
        self._preview_of = preview
        read = f"{words.file_size(preview.bytes_read)} were read for this."
        if preview.shape is not None:
            self.line.say(f"The rows are {SHAPE_WORDS[preview.shape]}. {read}")
            self._show_rows()
        else:
            self.line.say(f"The columns are of no shape that is known: say above which is which. {read}")
            self.columns.show()
            self.columns.show_columns(preview.columns)

    def _options(self) -> ScanOptions | None:
        """Return how the rows are read; None while that is not known."""
        preview = self._preview_of
        if preview is None:
            return AS_FOUND if self._is_unread else None
        return AS_FOUND if preview.shape is not None else self.columns.options()

    def _show_rows(self) -> None:
        preview, options = self._preview_of, self._options()
        if preview is None:
            return
        rows = [_row(number, value) for number, value in enumerate(preview.rows, 1)]
        shape = preview.shape or (options.shape if options else None)
        if shape is None or options is None:
            self.examples.show_raw(rows)
        else:
            self.examples.show_made(rows, options.mapping, shape, FEEDS[shape][0])
        self._check()

    # Adding

    def _check(self) -> None:
        name = self.name.text().strip()
        fault = self._datasets.check_name(name) if name else ""
        ready = self._found is not None and self.split.currentData() is not None and bool(name) and not fault
        ready = ready and not self._is_refused and self._options() is not None
        self.add.setEnabled(ready and not self._choices.is_offline and not self.line.is_busy)
        self.add.setToolTip(OFFLINE if self._choices.is_offline else fault)

    def _add(self) -> None:
        found, config, split = self._found, self.config.currentText(), self.split.currentData()
        name, options = self.name.text().strip(), self._options()
        if found is not None and split:
            add = lambda: self._datasets.add_hub(name, found, config, split, options, "leave_out")  # noqa: E731
            self.line.begin(f"Fetching {found.repo}…", add, self._has_added)
            self._is_adding = self.line.is_busy

    def _has_added(self, version: DatasetVersion) -> None:
        self.added.emit(version)
        self.accept()

    def done(self, code: int) -> None:
        """Give up what nobody waits for any more."""
        self.line.stop()
        super().done(code)


def _row(number: int, value: Mapping[str, Any]) -> Row:
    return Row(number, number, value)
