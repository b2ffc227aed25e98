"""Tags and notes of one run or of several: written, completed from the tags there are, taken off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QDialog, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from desktop.core.labels import LONGEST_TAG
from desktop.core.run import Run
from desktop.errors import AppError
from desktop.ui import words
from desktop.ui.pieces import boxed, button, column, heading, label, row
from desktop.ui.services import Services


class RunLabelsDialog(QDialog):
    """Shows what all of the runs have; a tag that only some have is left alone."""

    def __init__(self, services: Services, runs: Sequence[Run], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Tags and notes")
        self._services = services
        self._runs = list(runs)
        each = [services.labels.of(run.id) for run in runs]
        self.tags = [tag for tag in each[0].tags if all(tag in other.tags for other in each)]
        self._common = tuple(self.tags)
        self.chips: list[QPushButton] = []
        self._chips = row(space=4)
        self.entry = QLineEdit(placeholderText="Another tag, then Enter")
        self.entry.setMaxLength(LONGEST_TAG)
        self.entry.setAccessibleName("Another tag")
        completer = QCompleter(services.labels.every_tag(), self.entry)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.activated.connect(lambda _: self._add(), Qt.ConnectionType.QueuedConnection)
        self.entry.setCompleter(completer)
        self.entry.returnPressed.connect(self._add)
        self.notes = QPlainTextEdit(each[0].notes if len(runs) == 1 else "")
        self.notes.setAccessibleName("Notes")
        self.notes.setPlaceholderText("What this run was for, what came of it")
        self.notes.setTabChangesFocus(True)
        self.notes.setMinimumHeight(112)
        self._compose()
        self._show_tags()
        self.entry.setFocus()

    def _compose(self) -> None:
        one = len(self._runs) == 1
        title = heading(self._runs[0].name if one else words.plural(len(self._runs), "run"))
        tags, notes = label("Tags" if one else "Tags that all of them have", "muted"), label("Notes", "muted")
        tags.setBuddy(self.entry)
        notes.setBuddy(self.notes)
        self.keep = button("Keep", self._keep, "primary")
        self.cancel = button("Cancel", self.reject)
        content = column(title, tags, boxed(self._chips), self.entry, space=8)
        if one:
            content.addWidget(notes)
            content.addWidget(self.notes)
        content.addLayout(row(1, self.cancel, self.keep))
        content.setContentsMargins(16, 16, 16, 16)
        self.setLayout(content)
        self.setMinimumWidth(440)

    def _add(self) -> None:
        """Take in what is written; several tags may stand there with commas between them."""
        for tag in (" ".join(part.split()) for part in self.entry.text().split(",")):
            if tag and tag not in self.tags:
                self.tags.append(tag)
        self.entry.clear()
        self._show_tags()

    def _take_off(self, tag: str) -> None:
        self.tags.remove(tag)
        self._show_tags()
        self.entry.setFocus()

    def _show_tags(self) -> None:
        while item := self._chips.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        self.chips = [
            button(f"{tag}  ✕", lambda tag=tag: self._take_off(tag), "chip", f"Take off the tag {tag}")  # type: ignore[misc]
            for tag in self.tags
        ]
        for chip in self.chips:
            self._chips.addWidget(chip)
        if not self.chips:
            self._chips.addWidget(label("none yet", "muted"))
        self._chips.addStretch(1)

    def _keep(self) -> None:
        self._add()
        labels = self._services.labels
        try:
            for run in self._runs:
                own = [tag for tag in labels.of(run.id).tags if tag not in self._common]
                labels.set_tags(run.id, [*self.tags, *(tag for tag in own if tag not in self.tags)])
            if len(self._runs) == 1:
                labels.set_notes(self._runs[0].id, self.notes.toPlainText())
        except AppError as error:
            self._services.notices.post_error(error)
        self.accept()
