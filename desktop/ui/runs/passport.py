"""The passport of a run: everything that decides what came out, to read, to copy and to keep as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from desktop.core.passport import Passport
from desktop.core.run import Run
from desktop.ui.pieces import ElidedLabel, button, column, heading, label, row
from desktop.ui.theme import table_font
from trainer_image.contract import knobs

UNKNOWN = "not said"
LINE = 26
Group = tuple[str, list[tuple[str, str]]]


class PassportDialog(QDialog):
    """Groups of names and values."""

    reproduce_requested = Signal()

    def __init__(self, run: Run, passport: Passport, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Passport")
        self._run = run
        self._passport = passport
        self.groups = groups_of(passport)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(f"Passport of {run.name}")
        self.tree.setHeaderHidden(True)
        self.tree.setColumnCount(2)
        self.tree.setFont(table_font(self.tree.font()))
        self.tree.setUniformRowHeights(True)
        self.tree.setRootIsDecorated(True)
        self.said = ElidedLabel("", "good")
        self._fill()
        self.copy = button("Copy", self._copy)
        self.save = button("Save as JSON…", self._save)
        self.again = button("Reproduce this run", self._reproduce)
        close = button("Close", self.accept, "primary")
        told = "What this run was made of, as its trainer said. What it did not say stays open."
        foot = row(self.copy, self.save, self.again, self.said, close)
        foot.setStretch(3, 1)
        layout = column(heading(run.name), label(told, "muted", wrap=True), self.tree, foot, space=8)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)
        self.resize(760, 600)

    def _fill(self) -> None:
        for title, lines in self.groups:
            group = QTreeWidgetItem(self.tree, [title])
            font = group.font(0)
            font.setBold(True)
            group.setFont(0, font)
            group.setFirstColumnSpanned(True)
            group.setSizeHint(0, QSize(0, LINE))
            for name, value in lines:
                item = QTreeWidgetItem(group, [name, value or UNKNOWN])
                item.setToolTip(1, value)
                item.setSizeHint(1, QSize(0, LINE))
                item.setDisabled(not value)
            group.setExpanded(title != "Config")
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)

    def as_text(self) -> str:
        """Return the passport as lines of text."""
        lines = [self._run.name]
        for title, values in self.groups:
            lines += ["", title, *(f"  {name}: {value or UNKNOWN}" for name, value in values)]
        return "\n".join(lines)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.as_text())
        self.said.set_whole_text("Copied.")

    def _save(self) -> None:
        start = str(Path.home() / f"{self._run.id}-passport.json")
        file, _ = QFileDialog.getSaveFileName(self, "Save the passport", start, "JSON (*.json)")
        if not file:
            return
        try:
            Path(file).write_text(json.dumps(self._passport.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            self.said.set_whole_text(f"It cannot be written there: {error.strerror}.")
        else:
            self.said.set_whole_text(f"Saved as {Path(file).name}.")

    def _reproduce(self) -> None:
        self.accept()
        self.reproduce_requested.emit()


def groups_of(passport: Passport) -> list[Group]:
    """Return the lines of a passport in groups, with the names that people read."""
    device = {"cuda": "graphics cards", "cpu": "processor"}.get(passport.device, passport.device)
    no_cards = "none" if passport.device == "cpu" else ""
    no_image = "none, it ran without a container" if passport.engine == "process" else ""
    machine = [
        ("Ran on", device),
        ("Cards", ", ".join(passport.gpus) or no_cards),
        ("Driver", passport.driver or no_cards),
        ("Processes", str(passport.processes or "")),
    ]
    data = [("File", passport.dataset), ("Version", passport.dataset_version), ("SHA-256", passport.dataset_sha256)]
    model = [
        ("Model", passport.model),
        ("Revision", passport.model_revision),
        ("Fingerprint", passport.model_fingerprint),
    ]
    software = [
        ("Image", passport.image or no_image),
        ("Contract", str(passport.contract)),
        *sorted(passport.packages.items()),
    ]
    config = [(knob.label, _words(passport.config.get(knob.name))) for knob in knobs()]
    return [
        ("Model", model),
        ("Data", data),
        ("Chance", [("Seed", str(passport.seed))]),
        ("Machine", machine),
        ("Software", software),
        ("Config", config),
    ]


def _words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (str, int, float)):
        return str(value) or "none"
    if isinstance(value, Iterable) and not isinstance(value, dict) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "none"
    return json.dumps(value, ensure_ascii=False)
