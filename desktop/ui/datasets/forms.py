"""The small forms by which a new dataset or version is made; each says what will come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from desktop.controllers.scanning import Report
from desktop.core.dataset_making.plans import SEED, Dedupe, Merge, Sample, Split
from desktop.core.datasets import Dataset, DatasetVersion
from desktop.ui import words
from desktop.ui.datasets.choice import BadRowsChoice
from desktop.ui.datasets.report import BadRows
from desktop.ui.pieces import button, column, heading, label, row

CheckName = Callable[[str], str]
MOST = 2_000_000_000
Spin = TypeVar("Spin", bound=QAbstractSpinBox)


class Form(QDialog):
    """A heading, fields below each other, what will come of them, and two buttons."""

    def __init__(self, title: str, act: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(440)
        self.fields = QFormLayout()
        self.fields.setHorizontalSpacing(16)
        self.fields.setVerticalSpacing(8)
        self.says = label("", "muted", wrap=True)
        self.fault = label("", "problem", wrap=True)
        self.fault.hide()
        self.cancel = button("Cancel", self.reject)
        self.cancel.setAutoDefault(False)  # Enter in a field means the other one
        self.ok = button(act, self.accept, "primary")
        self.ok.setDefault(True)
        buttons = row(1, self.cancel, self.ok)
        layout = column(heading(title), self.fields, self.says, self.fault, buttons, space=12)
        layout.setContentsMargins(24, 16, 24, 16)
        self.setLayout(layout)

    def add(self, text: str, editor: QWidget) -> None:
        """Put a field below the others, with its name for those who cannot see it."""
        name = label(text)
        name.setBuddy(editor)
        editor.setAccessibleName(text)
        self.fields.addRow(name, editor)
        if self.fields.rowCount() == 1:
            editor.setFocus()

    def say_fault(self, sentence: str) -> None:
        """Show what is wrong, and let nobody go on; or nothing."""
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))
        self.ok.setEnabled(not sentence)


def padded(box: Spin) -> Spin:
    """Give the number room on its left: the style sheet cannot."""
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    return box


def _seed() -> QSpinBox:
    seed = padded(QSpinBox(minimum=0, maximum=MOST))
    seed.setValue(SEED)
    seed.setToolTip("The same seed makes the same choice again.")
    return seed


class NameForm(Form):
    """Asks for a name that is not taken."""

    def __init__(self, title: str, act: str, offered: str, check: CheckName, says: str, parent: QWidget) -> None:
        super().__init__(title, act, parent)
        self._check, self._offered = check, offered
        self.name = QLineEdit(offered)
        self.name.selectAll()
        self.add("Name", self.name)
        self.says.setText(says)
        self.says.setVisible(bool(says))
        self.name.textChanged.connect(self._look)
        self._look()

    def value(self) -> str:
        return self.name.text().strip()

    def _look(self) -> None:
        self.say_fault(self._why_not())

    def _why_not(self) -> str:
        return self._check(self.value())


class AddForm(NameForm):
    """Asks for the name of a file, and what happens to the rows that cannot be used if there are some."""

    choice: BadRowsChoice | None = None

    def __init__(
        self, path: Path, offered: str, check: CheckName, report: Report | None, bad_rows: BadRows, parent: QWidget
    ) -> None:
        says = f"{path} stays where it is; its version 1 is what it holds now."
        super().__init__(f"Add {path.name}", "Add", offered, check, says, parent)
        self._bad_rows: BadRows = bad_rows
        if report is not None and report.bad_rows:
            self.choice = BadRowsChoice()
            self.add("Bad rows", self.choice)
            self.choice.show_choice(report, bad_rows)
            self.choice.chosen.connect(lambda _: self._look())
            self._look()

    @property
    def bad_rows(self) -> BadRows:
        """What happens to the rows that cannot be used."""
        if self.choice is None:
            return self._bad_rows
        return "leave_out" if self.choice.leave_out.isChecked() else "stop"

    def _why_not(self) -> str:
        wait = "Mend the file and add it then, or leave its bad rows out."
        return super()._why_not() or (wait if self.choice is not None and self.bad_rows == "stop" else "")


class SplitForm(Form):
    """Rows held back for a test."""

    def __init__(self, version: DatasetVersion, parent: QWidget) -> None:
        super().__init__(f"Hold rows of {version.dataset} back", "Split", parent)
        self._version = version
        self.share = padded(QSpinBox(minimum=1, maximum=99, suffix=" %"))
        self.share.setValue(10)
        self.held_back = QLineEdit(f"{version.dataset} held back")
        self.seed = _seed()
        self.add("Held back", self.share)
        self.add("Their dataset", self.held_back)
        self.add("Seed", self.seed)
        self.share.valueChanged.connect(lambda _: self._say())
        self.held_back.textChanged.connect(lambda _: self._say())
        self._say()

    def plan(self) -> Split:
        return Split(self.share.value() / 100, self.seed.value(), self.held_back.text().strip())

    def _say(self) -> None:
        rows = self._version.rows
        held = max(1, round(rows * self.share.value() / 100))
        name = self.held_back.text().strip()
        self.says.setText(
            f"About {words.plural(held, 'row')} become {name}; the other {words.count(rows - held)} become the next "
            f"version of {self._version.dataset}. The file itself is not touched."
        )
        same = name == self._version.dataset
        self.say_fault("Give them a name." if not name else "They need a name of their own." if same else "")


class SampleForm(Form):
    """Some rows by chance."""

    def __init__(self, version: DatasetVersion, parent: QWidget) -> None:
        super().__init__(f"A sample of {version.dataset}", "Take the sample", parent)
        self._version = version
        self.rows = padded(QSpinBox(minimum=1, maximum=max(1, version.rows)))
        self.rows.setGroupSeparatorShown(True)
        self.rows.setValue(min(version.rows, 1000))
        self.seed = _seed()
        self.add("Rows", self.rows)
        self.add("Seed", self.seed)
        self.rows.valueChanged.connect(lambda _: self._say())
        self._say()

    def plan(self) -> Sample:
        return Sample(rows=self.rows.value(), seed=self.seed.value())

    def _say(self) -> None:
        self.says.setText(
            f"{words.count(self.rows.value())} of {words.plural(self._version.rows, 'row')} by chance, in their order, "
            f"become the next version of {self._version.dataset}. The file itself is not touched."
        )


class DedupeForm(Form):
    """Without copies."""

    def __init__(self, version: DatasetVersion, parent: QWidget) -> None:
        super().__init__(f"{version.dataset} without copies", "Leave copies out", parent)
        self.near = QCheckBox("those that are nearly the same, too")
        self.add("Leave out", self.near)
        self.says.setText(
            f"The first of each kind stays. The rest is the next version of {version.dataset}; the file itself is not "
            "touched."
        )

    def plan(self) -> Dedupe:
        return Dedupe(self.near.isChecked())


class MergeForm(Form):
    """Several datasets in one; each row of a dataset comes as often as its weight says."""

    def __init__(
        self, datasets: Sequence[Dataset], first: str, offered: str, check: CheckName, parent: QWidget
    ) -> None:
        super().__init__("Merge datasets", "Merge", parent)
        self._check = check
        self._rows = {dataset.name: dataset.newest.rows for dataset in datasets}
        self.into = QLineEdit(offered)
        self.weights: dict[str, tuple[QCheckBox, QDoubleSpinBox]] = {}
        self.add("Name", self.into)
        for dataset in datasets:
            tick = QCheckBox(f"{dataset.name} ({words.plural(dataset.newest.rows, 'row')})")
            tick.setChecked(dataset.name == first)
            weight = QDoubleSpinBox(minimum=0.01, maximum=100, singleStep=0.5, decimals=2, value=1.0, suffix=" ×")
            padded(weight).setToolTip("1 takes every row once, 0.5 half of them by chance, 2 every row twice.")
            weight.setAccessibleName(f"How often {dataset.name} comes")
            weight.setEnabled(tick.isChecked())
            tick.toggled.connect(weight.setEnabled)
            tick.toggled.connect(lambda _: self._say())
            weight.valueChanged.connect(lambda _: self._say())
            self.weights[dataset.name] = tick, weight
            self.fields.addRow(tick, weight)
        self.mixed = QRadioButton("mixed by chance")
        self.behind = QRadioButton("one behind the other")
        self.mixed.setChecked(True)
        self.fields.addRow(label("Order"), column(self.mixed, self.behind, space=0))
        self.seed = _seed()
        self.add("Seed", self.seed)
        self.into.textChanged.connect(lambda _: self._say())
        self._say()

    def plan(self) -> Merge:
        weights = {name: weight.value() for name, (tick, weight) in self.weights.items() if tick.isChecked()}
        return Merge(weights, self.into.text().strip(), self.seed.value(), self.mixed.isChecked())

    def _say(self) -> None:
        plan = self.plan()
        rows = sum(round(self._rows[name] * weight) for name, weight in plan.weights.items())
        self.says.setText(f"About {words.plural(rows, 'row')}. None of the files is touched.")
        too_few = "Choose two datasets or more." if len(plan.weights) < 2 else ""
        self.say_fault(self._check(plan.into) or too_few)
