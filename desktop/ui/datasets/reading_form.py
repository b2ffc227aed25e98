"""What a person can say of how a file is read: only what makes sense for its format is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QStringListModel, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QFormLayout, QLineEdit, QWidget

from desktop.controllers.scanning import Report
from desktop.ui.pieces import label
from trainer_image.formats import ReadOptions

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "shift_jis": "Shift JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "euc_kr": "EUC-KR (Korean)",
    "koi8_r": "KOI8-R (Russian)",
    "mac_roman": "Mac Roman",
}
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
HEADERS = {"yes": "holds the names", "no": "is a row like any"}
TEXT_BY = {"blank_line": "what lies between blank lines", "line": "each line", "file": "the whole file, cut by tokens"}
FOUND_OUT = {"": "found out"}
NEVER_JSON = (".csv", ".tsv", ".txt")


class ReadingForm(QWidget):
    """Fields below each other; what is not said is found out."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._before = ReadOptions()
        self._path: Path | None = None
        self._parts: tuple[str, ...] = ()
        self.delimiter = combo("What stands between two cells", FOUND_OUT | DELIMITERS)
        self.header = combo("The first row", FOUND_OUT | HEADERS)
        self.encoding = combo("Encoding", FOUND_OUT | ENCODINGS)
        self.text_by = combo("One row is", TEXT_BY)
        self.array = QLineEdit(placeholderText="found out")
        self._array_keys = QStringListModel(self)
        self.array.setCompleter(QCompleter(self._array_keys, self.array))
        self.array.setAccessibleName("The key of the rows")
        self.part = combo("The file of the archive", FOUND_OUT)
        self.form = spaced_form()
        self.form.setContentsMargins(0, 0, 0, 0)
        for text, editor in (
            ("File of the archive", self.part),
            ("Between two cells", self.delimiter),
            ("The first row", self.header),
            ("One row is", self.text_by),
            ("Key of the rows", self.array),
            ("Encoding", self.encoding),
        ):
            self.form.addRow(named(text, editor), editor)
        self.setLayout(self.form)
        for box in (self.part, self.delimiter, self.header, self.encoding, self.text_by):
            box.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.array.textChanged.connect(lambda _: self.changed.emit())

    def value(self) -> ReadOptions:
        """Return how the file is to be read, as far as a person has said so."""
        return replace(
            self._before,
            delimiter=self.delimiter.currentData() or None,
            has_header={"yes": True, "no": False}.get(self.header.currentData()),
            encoding=self.encoding.currentData() or None,
            text_by=self.text_by.currentData(),
            array=self.array.text().strip() or None,
            part=self.part.currentData() or None,
        )

    def show_reading(self, report: Report, read: ReadOptions) -> None:
        """Show what was said, and ask only what the format leaves open."""
        self._before = read
        header = {True: "yes", False: "no", None: ""}[read.has_header]
        for box, value in (
            (self.delimiter, read.delimiter or ""),
            (self.header, header),
            (self.encoding, read.encoding or ""),
            (self.text_by, read.text_by),
        ):
            with QSignalBlocker(box):
                box.setCurrentIndex(max(0, box.findData(value)))
        if report.outcome == "ask" and report.arrays:
            self.array.setPlaceholderText(" or ".join(report.arrays))
            self._array_keys.setStringList(report.arrays)
        elif report.path != self._path:
            self.array.setPlaceholderText(FOUND_OUT[""])
            self._array_keys.setStringList([])
        self._offer_parts(report, read.part)
        with QSignalBlocker(self.array):
            self.array.setText(read.array or "")
        is_table, is_text = report.format == "table", report.format == "text"
        is_json = report.format in ("json", "") and report.path.suffix.lower() not in NEVER_JSON
        for editor, shown in (
            (self.part, self.part.count() > 1),
            (self.delimiter, is_table),
            (self.header, is_table),
            (self.text_by, is_text),
            (self.array, is_json),
            (self.encoding, report.format != "parquet"),
        ):
            self.form.setRowVisible(editor, shown)

    def _offer_parts(self, report: Report, said: str | None) -> None:
        """List the files of an archive that had to be asked about, also once one of them is read."""
        offered = report.parts if report.outcome == "ask" and len(report.parts) > 1 else ()
        if report.path != self._path or offered:
            self._path, self._parts = report.path, offered
        with QSignalBlocker(self.part):
            self.part.clear()
            self.part.addItem(FOUND_OUT[""], "")
            for part in dict.fromkeys((*self._parts, *([said] if said else []))):
                self.part.addItem(part, part)
            self.part.setCurrentIndex(max(0, self.part.findData(said or "")))


def spaced_form() -> QFormLayout:
    """Return a form with names on the left and fields that take the rest."""
    form = QFormLayout()
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(8)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def combo(name: str, choices: dict[str, str] | None = None) -> QComboBox:
    """Return a pick list that does not grow with its longest entry."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setMinimumContentsLength(12)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for value, text in (choices or {}).items():
        box.addItem(text, value)
    return box


def named(text: str, editor: QWidget) -> QWidget:
    """Return a label that leads to its field."""
    made = label(text)
    made.setBuddy(editor)
    return made
