"""Runs beside each other as a table: what came of each, what was set differently, and what each was made of."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont, QIcon

from desktop.core.comparing import Line, compare, made_of
from desktop.core.passport import Passport
from desktop.core.run import Run
from desktop.ui import words
from desktop.ui.runs.columns import model_name

Index = QModelIndex | QPersistentModelIndex
HEADING_ROLE = Qt.ItemDataRole.UserRole
LOWER_IS_BETTER = ("loss", "eval_loss")
HIGHER_IS_BETTER = ("reward", "solved", "rewards/accuracies", "accuracy", "mean_token_accuracy", "tokens_per_s")
VALUE_WORDS = {
    ("engine", "docker"): "in a container",
    ("engine", "process"): "without a container",
    ("device", "cpu"): "processor",
    ("device", "cuda"): "graphics cards",
    ("image", "none"): "no image",
}
"""What is called otherwise by people: the values of a line by its name."""


@dataclass(frozen=True)
class CompareRow:
    """One row: a heading, or a line with a cell for each run."""

    title: str
    line: Line | None = None
    cells: tuple[str, ...] = ()
    best: frozenset[int] = frozenset()


class CompareModel(QAbstractTableModel):
    """The first column says what, the others are the runs."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: tuple[Run, ...] = ()
        self.rows: list[CompareRow] = []
        self._icons: dict[str, QIcon] = {}

    def show_runs(self, runs: Sequence[Run], passports: Sequence[Passport], icons: Mapping[str, QIcon]) -> bool:
        """Show these runs; return whether the rows are others than before."""
        rows = rows_of(runs, passports)
        is_other = [run.id for run in runs] != [run.id for run in self.runs]
        is_other = is_other or [row.title for row in rows] != [row.title for row in self.rows]
        if is_other:
            self.beginResetModel()
        self.runs, self.rows, self._icons = tuple(runs), rows, dict(icons)
        if is_other:
            self.endResetModel()
        elif rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(runs)))
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(runs))
        return is_other

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.runs) + 1

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        if section == 0 or section > len(self.runs):
            return "Results" if role == Qt.ItemDataRole.DisplayRole else None
        run = self.runs[section - 1]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return f" {run.name}"  # a little room beside the swatch
            case Qt.ItemDataRole.ToolTipRole:
                return f"{run.name}\n{run.id}"
            case Qt.ItemDataRole.DecorationRole:
                return self._icons.get(run.id)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, at = self.rows[index.row()], index.column() - 1
        is_best = at in row.best
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title if at < 0 else row.cells[at] if row.cells else ""
            case Qt.ItemDataRole.ToolTipRole:
                return _tip(row, at, is_best)
            case Qt.ItemDataRole.AccessibleTextRole if is_best:
                return f"{row.cells[at]}, the best"
            case Qt.ItemDataRole.FontRole if row.line is None or is_best:
                font = QFont()
                font.setWeight(QFont.Weight.DemiBold)
                return font
        return row.line is None if role == HEADING_ROLE else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        is_heading = index.isValid() and self.rows[index.row()].line is None
        return Qt.ItemFlag.ItemIsEnabled if is_heading else super().flags(index)

    def as_text(self) -> str:
        """Return the table in columns of one width, for a mail or a note."""
        lines = [("", *(run.name for run in self.runs))]
        lines += [(row.title, *(row.cells or ("",) * len(self.runs))) for row in self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.runs) + 1)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def as_csv(self) -> str:
        """Return the table with exact values for a spreadsheet."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("what", *(run.name for run in self.runs)))
        for row in self.rows:
            if row.line is not None:
                writer.writerow((row.title, *map(_exact, row.line.values)))
        return out.getvalue()


def rows_of(runs: Sequence[Run], passports: Sequence[Passport]) -> list[CompareRow]:
    """Return every row: results first, then what was set differently, then what they were made of."""
    if not runs:
        return []
    found = compare(runs)
    same_method = len({run.config.method for run in runs}) == 1
    rows = [_row(line, same_method) for line in found.results]
    rows.append(CompareRow("Set differently" if found.settings else "Every setting is the same"))
    rows += [_row(line) for line in found.settings]
    if made := made_of(runs, passports):
        rows += [CompareRow("Made of something else"), *map(_row, made)]
    return rows


def _row(line: Line, tells_best: bool = False) -> CompareRow:
    return CompareRow(
        line.label,
        line,
        tuple(cell_words(line.name, value) for value in line.values),
        _best(line) if tells_best else frozenset(),
    )


def _best(line: Line) -> frozenset[int]:
    """Return which runs did best, where a number says so and not all of them are alike."""
    numbers = [value for value in line.values if isinstance(value, (int, float))]
    if len(numbers) < 2 or min(numbers) == max(numbers):
        return frozenset()
    if line.name in LOWER_IS_BETTER:
        wanted = min(numbers)
    elif line.name in HIGHER_IS_BETTER:
        wanted = max(numbers)
    else:
        return frozenset()
    return frozenset(at for at, value in enumerate(line.values) if value == wanted)


def cell_words(name: str, value: Any) -> str:
    """Return a value as people read it."""
    if value is None or value == "" or value == ():
        return "–"
    if isinstance(value, str) and (name, value) in VALUE_WORDS:
        return VALUE_WORDS[name, value]
    if name == "seconds":
        return words.duration(value)
    if name in ("size_bytes", "gpu_peak_bytes"):
        return words.file_size(value)
    if name in ("loss", "eval_loss"):
        return words.loss(value)
    if name == "model":
        return model_name(value)
    if name == "dataset":
        return Path(value).name
    if name in ("dataset_sha256", "model_fingerprint", "image"):
        return str(value).removeprefix("sha256:")[:12]
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return words.short_number(value)
    if isinstance(value, int):
        return words.count(value) if name not in ("seed",) else str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _exact(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tip(row: CompareRow, at: int, is_best: bool) -> str:
    if row.line is None:
        return ""
    if at < 0:
        return f"{row.title}, in the config or log: {row.line.name}"
    exact = _exact(row.line.values[at])
    return f"{exact}, the best" if is_best else exact
