"""The page that asks what only a person knows: which column is which, and how the file is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QScrollArea, QWidget

from desktop.controllers.data_desk import DataDesk
from desktop.controllers.scanning import Report, ScanOptions
from desktop.core.dataset.fits import methods_for
from desktop.ui.datasets.examples import Examples
from desktop.ui.datasets.reading_form import ReadingForm, combo, named, spaced_form
from desktop.ui.datasets.shapes import WANTED, as_needed, guess_mapping, guess_shape, missing
from desktop.ui.pieces import boxed, button, column, heading, label, row, set_role
from desktop.ui.setup.method_words import method_short
from trainer_image.formats import FEEDS, SHAPE_WORDS, Row, RowProblem, Shape

SHOWN_ROWS = 5
READ_DELAY_MS = 250
ASKED = "Say what the rows are, and which column is which: the rows beside it change with what you say."
KNOWN = "The file says enough by itself. Where it was read wrongly, say it here."
SAID = "The file is read as was said here. Where that is wrong, say it anew, or go back to what was found."
RANKINGS = {
    "": "as the numbers suggest",
    "ranks": "the rank of each answer, 1 is the best",
    "order": "the numbers of the answers, best first",
}


class ColumnsPage(QWidget):
    """Nothing happens to the file: what is said here is how it is read, and it is kept with the dataset."""

    said = Signal(object)
    """ScanOptions: what the user wants to be read how."""

    def __init__(self, desk: DataDesk) -> None:
        super().__init__()
        self._desk = desk
        self._report: Report | None = None
        self._said = ScanOptions()
        self._rows: Sequence[Row | RowProblem] = ()
        self._mapping: dict[str, str] = {}
        self._meaning = ""
        self._found: Report | None = None
        """What the scan found by itself, before anything was said of the columns."""
        self.intro = label("", wrap=True)
        self.shape = combo("What the rows are")
        self.teaches = label("", "muted", wrap=True)
        self.columns_head = heading("Columns")
        self.columns: dict[str, QComboBox] = {}
        self.ranking = combo("What the numbers of a ranking mean", RANKINGS)
        self.mapping_form = spaced_form()
        self.reading = ReadingForm()
        self.missing = label("", "warn", wrap=True)
        self.examples = Examples()
        self.result = label("", "muted", wrap=True)
        self.use = button("Read it this way", self._use, "primary")
        self.as_found = button("As found", self._go_back, "link")
        self.as_found.setToolTip("Pick what was found in the file again, instead of what you have picked here.")
        self.forget = button("Find everything out again", self._forget, "link")
        self._reading_rows = QTimer(self, singleShot=True, interval=READ_DELAY_MS)
        self._reading_rows.timeout.connect(self._read)
        self._compose()
        self.shape.currentIndexChanged.connect(self._shape_changed)
        self.reading.changed.connect(self._reading_rows.start)
        desk.source.examples_read.connect(self._take)
        desk.source.examples_failed.connect(lambda error: self._refuse(str(error)))

    def _compose(self) -> None:
        kind = row(named("The rows are", self.shape), self.shape, space=16)
        kind.setStretch(1, 1)
        ask = column(
            self.intro,
            kind,
            self.teaches,
            self.columns_head,
            self.mapping_form,
            self.missing,
            heading("The file"),
            self.reading,
            1,
            space=12,
        )
        ask.setContentsMargins(0, 0, 12, 0)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(boxed(ask))
        left = column(scroll, row(self.use, self.as_found, self.forget, 1), space=12)
        right = column(label("The first rows, read this way", "muted"), self.examples, self.result, space=4)
        right.setStretch(1, 1)
        both = row(left, right, space=16)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        both.setContentsMargins(0, 8, 0, 0)
        self.setLayout(both)

    def show_report(self, report: Report | None, said: ScanOptions) -> None:
        """Ask about a file that was scanned, with what was said of it before."""
        self._report, self._said, self._rows = report, said, ()
        self.setEnabled(report is not None)
        if report is None:
            self.examples.show_words("Rows appear here once a file was read.")
            return
        is_asked = report.outcome == "ask"
        self.intro.setText(ASKED if is_asked else SAID if said.shape or said.mapping else KNOWN)
        if said.shape is None and not said.mapping:
            self._found = report
        elif self._found is not None and self._found.path != report.path:
            self._found = None
        self._mapping = dict(said.mapping or {})
        self._meaning = next((name for name in ("order", "ranks") if name in self._mapping), "")
        with QSignalBlocker(self.shape):
            self.shape.clear()
            found = self._found
            if found is not None and found.shape and found.outcome != "ask":
                self.shape.addItem(f"as found: {SHAPE_WORDS[found.shape]}", "")
            elif found is None and not is_asked and report.shape and said.shape is None:
                self.shape.addItem(f"as found: {SHAPE_WORDS[report.shape]}", "")
            for shape in WANTED:
                self.shape.addItem(SHAPE_WORDS[shape], shape)
            chosen = said.shape or ("" if not is_asked and report.shape else guess_shape(report.columns))
            self.shape.setCurrentIndex(max(0, self.shape.findData(chosen)))
        self.reading.show_reading(report, said.read)
        self._build_columns()
        self._read()

    def chosen_shape(self) -> Shape | None:
        """Return the shape that was picked, or None where the file's own counts."""
        return self.shape.currentData() or None

    def mapping(self) -> dict[str, str]:
        """Return our column -> the file's, for the columns that were picked."""
        picked = {name: box.currentData() for name, box in self.columns.items() if box.currentData()}
        if self._meaning and "ranking" in picked:
            # Under these names a column says itself how it is meant.
            picked[self._meaning] = picked.pop("ranking")
        return picked

    def options(self) -> ScanOptions:
        """Return everything that is said here."""
        shape = self.chosen_shape()
        mapping = as_needed(self.mapping()) if shape else self._own_mapping()
        return ScanOptions(read=self.reading.value(), mapping=mapping, shape=shape)

    def _own_mapping(self) -> Mapping[str, str] | None:
        """Return the mapping where the file's own shape counts: none, unless one was said and never a shape."""
        return None if self._found is not None else self._said.mapping

    def _shape_as_found(self) -> Shape | None:
        """Return the shape that is picked where nothing was said: the likeliest, or None for the file's own."""
        found = self._found
        return None if found is None or (found.shape and found.outcome != "ask") else guess_shape(found.columns)

    def _is_as_found(self) -> bool:
        shape = self._shape_as_found()
        if self.chosen_shape() != shape or self._meaning:
            return False
        return shape is None or self.mapping() == guess_mapping(shape, self._file_columns())

    # What it shows

    def _read(self) -> None:
        if self._report is not None:
            self._desk.source.read_examples(self._report.path, self.reading.value(), SHOWN_ROWS)

    def _take(self, rows: list[Row | RowProblem]) -> None:
        self._rows = rows
        # What was picked while the rows were on their way stays picked.
        self._mapping = self.mapping() or self._mapping
        self._build_columns()

    def _refuse(self, sentence: str) -> None:
        self._rows = ()
        self.examples.show_words(sentence)
        self.use.setEnabled(bool(self.reading.value().array))

    def _shape_changed(self) -> None:
        self._mapping = {}
        self._build_columns()

    def _meaning_changed(self) -> None:
        self._meaning = self.ranking.currentData()
        self._show_examples()

    def _file_columns(self) -> list[str]:
        names = {name: None for item in self._rows if isinstance(item, Row) for name in item.value}
        return list(names)

    def _build_columns(self) -> None:
        """Make a pick list for each column of the shape, with the file's most likely one picked."""
        while self.mapping_form.rowCount():
            # A form deletes what it removes.
            self.mapping_form.removeRow(0)
        self.columns = {}
        shape, names = self.chosen_shape(), self._file_columns()
        self.columns_head.setVisible(shape is not None)
        known = self._known_mapping(shape, names) if shape else {}
        for wanted in WANTED[shape] if shape else ():
            box = combo(f"{wanted.name}: {wanted.help}", {"": "choose…" if wanted.is_needed else "– none –"})
            for name in names:
                box.addItem(name, name)
            box.setCurrentIndex(max(0, box.findData(known.get(wanted.name, ""))))
            box.currentIndexChanged.connect(self._show_examples)
            self.columns[wanted.name] = box
            title = named(wanted.name, box)
            set_role(title, "title" if wanted.is_needed else "")
            head = boxed(column(title, label(wanted.help, "muted", wrap=True), space=0))
            self.mapping_form.addRow(head, box)
        if shape == "ranking":
            self.ranking = combo("What the numbers of a ranking mean", RANKINGS)
            self.ranking.setCurrentIndex(max(0, self.ranking.findData(self._meaning)))
            self.ranking.currentIndexChanged.connect(self._meaning_changed)
            self.mapping_form.addRow(named("ranking is", self.ranking), self.ranking)
        self._show_examples()

    def _known_mapping(self, shape: Shape, names: Sequence[str]) -> dict[str, str]:
        said = {("ranking" if ours in ("ranks", "order") else ours): theirs for ours, theirs in self._mapping.items()}
        if not said:
            return guess_mapping(shape, names)
        return {one.name: one.name for one in WANTED[shape] if one.name in names} | said

    def _show_examples(self) -> None:
        shape, report = self.chosen_shape(), self._report
        if report is None:
            return
        picked = {name: box.currentData() for name, box in self.columns.items() if box.currentData()}
        lacking = missing(shape, picked) if shape else []
        names = " and ".join(f"“{wanted.name}” ({wanted.help})" for wanted in lacking)
        self.missing.setText(f"▲ Choose the column for {names}." if lacking else "")
        self.missing.setVisible(bool(lacking))
        target = shape or report.shape
        fitting = ", ".join(map(method_short, methods_for(target))) if target else ""
        self.teaches.setText(f"They can teach: {fitting}." if fitting else "")
        if not self._rows:
            self.result.setText("")
        elif target is None or lacking:
            self.examples.show_raw(self._rows)
            self.result.setText("The rows as they stand in the file.")
        else:
            mapping = as_needed(self.mapping()) if shape else self._own_mapping()
            good = self.examples.show_made(self._rows, mapping, target, FEEDS[target][0])
            all_good = good == len(self._rows)
            self.result.setText(
                "✓ These rows can be used." if all_good else f"{good} of {len(self._rows)} can be used."
            )
        self.use.setEnabled(bool(self._rows) and not lacking)
        self.as_found.setEnabled(self._found is not None and bool(self._rows) and not self._is_as_found())

    def _go_back(self) -> None:
        """Pick what the scan has found; nothing is read anew before the user says so."""
        self._mapping, self._meaning = {}, ""
        with QSignalBlocker(self.shape):
            self.shape.setCurrentIndex(max(0, self.shape.findData(self._shape_as_found() or "")))
        self._build_columns()

    def _use(self) -> None:
        self.said.emit(self.options())

    def _forget(self) -> None:
        self.said.emit(ScanOptions())
