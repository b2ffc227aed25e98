"""The page that shows any row as the model will see it, beside the row as it was read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSpinBox, QSplitter, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Report
from desktop.controllers.seeing import Asked, Preview, Seen
from desktop.core.dataset.fits import KIND_OF, methods_for
from desktop.ui import words
from desktop.ui.datasets.forms import padded
from desktop.ui.datasets.legend import Legend
from desktop.ui.datasets.tokens import TokenView
from desktop.ui.pieces import boxed, button, column, label, row, set_role, tool_button
from desktop.ui.theme import Theme, table_font
from trainer_image.contract import Method
from trainer_image.formats import RowProblem

RAW_LETTERS = 20_000
ASK_DELAY_MS = 120
NO_MODEL = "Choose a model first: each model has its own tokens and its own chat template."


def asked_of(report: Report, values: Mapping[str, Any], mapping: Mapping[str, str] | None) -> Asked | None:
    """Return how the form's run would read the rows, or None where it cannot."""
    method: Method = values["method"]
    if report.shape is None:
        return None
    kind = KIND_OF[method] if method in methods_for(report.shape) else report.kind
    if kind is None:
        return None
    longest = values["max_length"]
    return Asked(
        shape=report.shape,
        kind=kind,
        meaning=report.meaning,
        mapping=mapping,
        loss_on=values["loss_on"],
        max_length=longest if isinstance(longest, int) and longest > 0 else 2048,
        chat_template=values["chat_template"],
    )


class SeenPage(QWidget):
    """Asks for the row that is wanted whenever row, model or knobs have changed, and while it is looked at only."""

    def __init__(
        self, desk: DataDesk, theme: Theme, values: Callable[[], Mapping[str, Any]], mapping: Callable[[], Any]
    ) -> None:
        super().__init__()
        self._desk = desk
        self._values = values
        self._mapping = mapping
        self._report: Report | None = None
        self.number = padded(QSpinBox(minimum=1, maximum=1))
        self.number.setKeyboardTracking(False)
        self.number.setGroupSeparatorShown(True)
        self.number.setAccessibleName("Row")
        self.number.setMinimumWidth(112)
        self.of = label("", "muted")
        self.before = tool_button("◀", lambda: self.number.stepDown(), "The row before")
        self.next = tool_button("▶", lambda: self.number.stepUp(), "The next row")
        self.search = QLineEdit(placeholderText="Find a row by its text", clearButtonEnabled=True)
        self.search.setAccessibleName("Find a row by its text")
        self.search.setMinimumWidth(220)
        self.search.setMaximumWidth(280)
        self.find_next = button("Find next", self._find)
        self.told = label("", "muted")
        self.raw = QPlainTextEdit(readOnly=True)
        self.raw.setProperty("role", "quiet")
        self.raw.setAccessibleName("The row as it was read")
        self.raw.setTabChangesFocus(True)
        self.tokens = TokenView(theme)
        self.legend = Legend(theme)
        self.counts = label("", "title")
        self.counts.setFont(table_font(self.counts.font()))
        self.note = label("", "muted", wrap=True)
        self._asking = QTimer(self, singleShot=True, interval=ASK_DELAY_MS)
        self._asking.timeout.connect(self._ask)
        self._compose()
        self.number.valueChanged.connect(lambda _: self._asking.start())
        self.search.returnPressed.connect(self._find)
        desk.seeing.seen.connect(self._show)
        desk.source.searching.connect(lambda rows: self.told.setText(f"{words.plural(rows, 'row')} looked at…"))
        desk.source.found.connect(self._found)

    def _compose(self) -> None:
        top = row(
            label("Row"),
            self.before,
            self.number,
            self.next,
            self.of,
            1,
            self.told,
            self.search,
            self.find_next,
            space=4,
        )
        left = column(label("The row as it was read", "muted"), self.raw, space=4)
        right = column(row(self.counts, 1), self.tokens, self.legend, self.note, space=4)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(boxed(left))
        split.addWidget(boxed(right))
        split.setSizes([360, 640])
        layout = column(top, split, space=8)
        layout.setStretch(1, 1)
        layout.setContentsMargins(0, 8, 0, 0)
        self.setLayout(layout)

    def show_report(self, report: Report | None) -> None:
        """Begin with the first row of another file, or stay where one was in the same."""
        same = report is not None and self._report is not None and report.path == self._report.path
        self._report = report
        rows = report.rows_total if report is not None and report.index is not None else 0
        self.number.setMaximum(max(1, rows))
        if not same:
            self.number.setValue(1)
        self.of.setText(f"of {words.count(rows)}" if rows else "")
        for part in (self.number, self.before, self.next, self.search, self.find_next):
            part.setEnabled(rows > 0)
        if not rows:
            self.show_waiting("Rows appear here once a file was read.")
        elif not same:
            self.show_waiting("Reading the row…")
        self.refresh()

    def show_waiting(self, sentence: str) -> None:
        """Say what is under way in the place of a row."""
        self.raw.clear()
        self.tokens.show_words(sentence)
        self.counts.setText("")
        self.note.setText("")

    def refresh(self) -> None:
        """Ask again: something that the picture depends on has changed."""
        if self.isVisible() and self._report is not None and self._report.index is not None:
            self._asking.start()

    def go_to(self, number: int) -> None:
        """Show a row by its number."""
        self.number.setValue(number)
        self.refresh()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.refresh()

    def _ask(self) -> None:
        report = self._report
        if report is None or report.index is None:
            return
        values = self._values()
        asked = asked_of(report, values, self._mapping())
        model = str(values["model"] or "") if asked is not None else ""
        self._desk.seeing.show(report.index, self.number.value(), model, asked or Asked(None, "conversation"))

    def _show(self, seen: Seen) -> None:
        if self._report is None or seen.number != self.number.value():
            return
        self.raw.setPlainText(_raw_words(seen))
        set_role(self.note, "muted")
        self.counts.setText("")
        self.note.setText("")
        self.legend.setVisible(seen.preview is not None and bool(seen.preview.parts))
        if seen.error is not None:
            self.tokens.show_words(str(seen.error))
        elif seen.preview is None:
            shape_is_known = self._report.shape is not None
            self.tokens.show_words(NO_MODEL if shape_is_known else "Say first which column is which: see “Columns”.")
        else:
            self._show_preview(seen.preview)

    def _show_preview(self, preview: Preview) -> None:
        if preview.parts:
            self.tokens.show_parts(preview.parts)
            self.counts.setText(counts_words(preview))
        elif preview.problem is not None:
            self.tokens.show_words(f"▲ This row cannot be used.\n\n{preview.problem}")
        else:
            self.tokens.show_words("This row is left out." + (f"\n\n{preview.note}" if preview.note else ""))
        if preview.parts and preview.made > 1:
            self.note.setText(f"The row makes {preview.made} examples; the first is shown.")

    def _find(self) -> None:
        report, text = self._report, self.search.text().strip()
        if report is not None and report.index is not None and text:
            self.told.setText("Looking…")
            self._desk.source.find(report.index, text, min(self.number.value() + 1, max(1, report.rows_total)))

    def _found(self, number: int | None) -> None:
        self.told.setText("" if number is not None else "No row holds that.")
        if number is not None:
            self.go_to(number)


def counts_words(preview: Preview) -> str:
    """Return how many tokens a row has, how many are learned and how many are cut."""
    total = sum(part.total for part in preview.parts)
    trained = sum(part.trained for part in preview.parts)
    cut = sum(token.is_cut for part in preview.parts for token in part.tokens)
    said = words.plural(total, "token")
    if preview.kind != "task":
        said += f" · {words.count(trained)} learned ({trained / max(1, total):.0%})"
    return f"{said} · {words.count(cut)} cut off" if cut else said


def _raw_words(seen: Seen) -> str:
    """Return a row as its columns and their texts; lists and objects as JSON over several lines."""
    if seen.row is None:
        return "There is no such row any more."
    if isinstance(seen.row, RowProblem):
        return str(seen.row)
    pieces = []
    for name, cell in seen.row.value.items():
        text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, indent=2, default=str)
        pieces.append(f"{name.upper() if name.islower() else name}\n{text}")
    whole = "\n\n".join(pieces)
    return whole if len(whole) <= RAW_LETTERS else whole[:RAW_LETTERS] + " …"
