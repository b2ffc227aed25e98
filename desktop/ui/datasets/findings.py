"""The page of findings: lengths, copies, overlap, languages, empty fields, and which methods the rows can feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QGridLayout, QProgressBar, QScrollArea, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Report, ScanOptions
from desktop.core.dataset.fits import KIND_OF
from desktop.ui import words
from desktop.ui.datasets.lengths import LengthsCard
from desktop.ui.datasets.pairs import PairsTable
from desktop.ui.pieces import boxed, button, column, label, row, set_role
from desktop.ui.setup.method_words import method_title
from desktop.ui.theme import Theme

MOST_BARS = 8
DATA_FILES = "Datasets (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet *.txt *.md *.gz *.zip);;All files (*)"


class FindingsPage(QWidget):
    """Cards in two columns; each says its finding in a sentence before anything else."""

    row_requested = Signal(int)
    """The user wants to see this row of the file."""
    near_requested = Signal()
    """Near copies are to be looked for, whatever the size of the file."""

    def __init__(
        self, desk: DataDesk, theme: Theme, values: Callable[[], Mapping[str, Any]], said: Callable[[], ScanOptions]
    ) -> None:
        super().__init__()
        self._desk, self._said = desk, said
        self._report: Report | None = None
        self.lengths = LengthsCard(desk, theme, values, lambda: said().mapping)
        self.notes = label("", wrap=True, selectable=True)
        self.copies = label("", wrap=True)
        self.pairs = PairsTable("Copies", ("First", "Copy", "How"))
        self.look_for_near = button("Look for near copies too", self.near_requested.emit, "link")
        self.overlap = label("", wrap=True)
        self.overlaps = PairsTable("Rows that the evaluation file has too", ("Here", "There", ""))
        self.choose = button("Compare with an evaluation file…", self._choose)
        self.busy = QProgressBar(maximum=0, textVisible=False)
        self.busy.setFixedHeight(6)
        self.busy.setAccessibleName("Comparing")
        self.languages = Bars("Languages")
        self.empty = Bars("Empty fields")
        self.methods = QGridLayout()
        self._compose()
        for table in (self.pairs, self.overlaps):
            table.row_picked.connect(self.row_requested)
        desk.comparing.changed.connect(self._show_overlap)
        self.show_report(None)

    def _compose(self) -> None:
        self.methods.setHorizontalSpacing(12)
        self.methods.setVerticalSpacing(4)
        self.methods.setColumnStretch(1, 1)
        self._lengths_card = _card(self.lengths)
        self._lengths_card.setMinimumHeight(300)
        methods = QWidget()
        methods.setLayout(self.methods)
        self.methods.setContentsMargins(0, 0, 0, 0)
        left = column(
            self._lengths_card,
            _card(label("How the file is read", "title"), self.notes),
            _card(label("What these rows can teach", "title"), methods),
            1,
            space=12,
        )
        right = column(
            _card(label("Copies", "title"), self.copies, self.look_for_near, self.pairs),
            _card(
                label("Overlap with the rows of a test", "title"),
                self.overlap,
                self.busy,
                row(self.choose, 1),
                self.overlaps,
            ),
            _card(self.languages),
            _card(self.empty),
            1,
            space=12,
        )
        both = row(left, right, space=12)
        both.setStretch(0, 3)
        both.setStretch(1, 2)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(boxed(both))
        both.setContentsMargins(0, 0, 8, 0)
        layout = column(scroll)
        layout.setContentsMargins(0, 8, 0, 0)
        self.setLayout(layout)

    def refresh(self) -> None:
        """Follow the form's knobs."""
        self.lengths.refresh()

    def show_report(self, report: Report | None) -> None:
        """Show what was found in a file."""
        if report is None or self._report is None or report.path != self._report.path:
            self._desk.comparing.clear()
        self._report = report
        self.lengths.show_report(report)
        self.notes.setText("\n".join(reading_words(report)) if report else "")
        self._show_copies(report)
        self._show_overlap()
        self.languages.show_shares(
            report.languages if report else {}, report.languages_looked_at if report else 0, "Nothing was read yet."
        )
        self.empty.show_shares(
            report.empty_fields if report else {}, report.rows_total if report else 0, "No field is empty."
        )
        self._show_methods(report)

    def _show_copies(self, report: Report | None) -> None:
        copies = report.duplicates if report else None
        if report is None or copies is None:
            self.copies.setText("")
            self.pairs.show_pairs([])
            self.look_for_near.hide()
            return
        exact = f"{words.plural(copies.exact, 'row')} the same as an earlier one" if copies.exact else "No exact copies"
        near = f"{words.plural(copies.near, 'row')} nearly the same" if copies.near else "no near copies"
        was_looked_at = copies.looked_at > 0
        self.copies.setText(f"{exact}, {near}." if was_looked_at else f"{exact}.")
        is_large = report.rows > 1 and not was_looked_at
        self.look_for_near.setVisible(is_large)
        self.look_for_near.setToolTip("In a file of this size it takes a while, so it is not done without being asked.")
        self.pairs.show_pairs(report.copies, copies.exact + copies.near)

    def _choose(self) -> None:
        report = self._report
        if report is None:
            return
        file, _ = QFileDialog.getOpenFileName(self, "Choose the evaluation file", str(report.path.parent), DATA_FILES)
        if file:
            self.compare_with(Path(file))

    def compare_with(self, file: Path) -> None:
        """Look for rows of this file that stand in another one too."""
        report, said = self._report, self._said()
        if report is not None:
            options = ScanOptions(said.read, said.mapping, said.shape, said.kind, evaluation=file)
            self._desk.comparing.look_at(report.path, options)

    def _show_overlap(self) -> None:
        comparing = self._desk.comparing
        self.busy.setVisible(comparing.is_running)
        self.choose.setEnabled(not comparing.is_running and self._report is not None)
        file = comparing.options.evaluation
        compared = comparing.report
        found = compared.overlap if compared else None
        set_role(self.overlap, "")
        self.overlaps.show_pairs([])
        if comparing.path is None or file is None:
            self.overlap.setText("Rows that are learned and then asked make a model look better than it is.")
        elif comparing.is_running:
            self.overlap.setText(f"Comparing with {file.name}…")
        elif comparing.error is not None:
            self.overlap.setText(str(comparing.error))
        elif compared is None or found is None:
            sentence = compared.sentence if compared else ""
            self.overlap.setText(f"{file.name} could not be compared. {sentence}".strip())
        elif not found.exact + found.near:
            self.overlap.setText(f"✓ No row stands in {file.name} too.")
        else:
            set_role(self.overlap, "warn")
            total = found.exact + found.near
            rows, stands = words.plural(total, "row"), "stands" if total == 1 else "stand"
            self.overlap.setText(f"▲ {rows} {stands} in {file.name} too ({words.count(found.exact)} word for word).")
            self.overlaps.show_pairs(compared.overlaps, total)

    def _show_methods(self, report: Report | None) -> None:
        while item := self.methods.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        if report is None or report.shape is None:
            self.methods.addWidget(
                label("It shows once it is known what the rows are.", "muted", wrap=True), 0, 0, 1, 2
            )
            return
        top = Qt.AlignmentFlag.AlignTop
        for number, method in enumerate([*report.methods, *(one for one in KIND_OF if one in report.why_not)]):
            reason = report.why_not.get(method, "")
            sign = label("✕" if reason else "✓", "muted" if reason else "good")
            sign.setAccessibleName("not for this" if reason else "fits")
            self.methods.addWidget(sign, number, 0, top)
            text = f"{method_title(method)}: {_short_reason(reason)}" if reason else method_title(method)
            line = label(text, "muted" if reason else "", wrap=True)
            line.setToolTip(reason)
            self.methods.addWidget(line, number, 1)


def reading_words(report: Report) -> list[str]:
    """Return how a file was read, one fact a line."""
    formats = {"jsonl": "JSONL", "json": "JSON", "table": "a table", "text": "text", "parquet": "Parquet"}
    delimiters = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
    lines = []
    if report.format:
        first = f"Read as {formats.get(report.format, report.format)}"
        first += f" with {delimiters.get(report.delimiter, repr(report.delimiter))}" if report.delimiter else ""
        first += f" in {report.encoding.upper()}" if report.encoding else ""
        first += f", unpacked from {report.compression}" if report.compression else ""
        lines.append(f"{first}. {words.file_size(report.size)} in {words.duration(report.seconds)}.")
    lines += report.notes
    lines += [f"▲ {finding.message}" for finding in report.warnings]
    return lines


def share_words(share: float) -> str:
    """Return a share that is never rounded to nothing."""
    return f"{share:.0%}" if share >= 0.01 or not share else "under 1%"


def _short_reason(reason: str) -> str:
    _, _, behind = reason.partition(") hold ")
    return behind.rstrip(".") or reason


def _card(*parts: QWidget | Any) -> QFrame:
    return boxed(column(*parts, space=8), "card", 12)


class Bars(QWidget):
    """Names with their counts, the most frequent first, each with a bar as long as its share."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.sentence = label("", "muted", wrap=True)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(12)
        self.grid.setVerticalSpacing(4)
        self.grid.setColumnStretch(1, 1)
        self.setLayout(column(label(title, "title"), self.sentence, self.grid, space=8))

    def show_shares(self, counts: Mapping[str, int], total: int, nothing: str) -> None:
        while item := self.grid.takeAt(0):
            if widget := item.widget():
                widget.hide()
                widget.deleteLater()
        shown: Sequence[tuple[str, int]] = list(counts.items())[:MOST_BARS]
        rest = len(counts) - len(shown)
        self.sentence.setText(nothing if not counts else f"and {words.count(rest)} more" if rest else "")
        self.sentence.setVisible(bool(self.sentence.text()))
        for number, (name, count) in enumerate(shown):
            share = count / max(1, total)
            bar = QProgressBar(maximum=1000, value=round(share * 1000), textVisible=False)
            bar.setFixedHeight(8)
            bar.setAccessibleName(f"{name}: {share:.0%}")
            self.grid.addWidget(label(name), number, 0)
            self.grid.addWidget(bar, number, 1)
            self.grid.addWidget(label(f"{words.count(count)} · {share_words(share)}", "muted"), number, 2)
