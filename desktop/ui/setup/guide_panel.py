"""A short guide inside the form: three questions, what each answer costs here, and a button that fills the form in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QLabel, QRadioButton, QWidget

from desktop.controllers.scanning import Report
from desktop.core.auto_memory import Machine, Room
from desktop.core.dataset.fits import methods_for
from desktop.core.guide import (
    GOALS,
    NEEDS,
    WAYS,
    Goal,
    Way,
    best_way,
    goal_of,
    knobs_of,
    method_for,
    room_for,
    title_of,
)
from desktop.core.models import KnownModel
from desktop.ui import words
from desktop.ui.pieces import boxed, button, column, label, row, set_role
from desktop.ui.setup.method_words import method_short, method_title
from trainer_image.contract import METHODS, Method
from trainer_image.formats import SHAPE_WORDS, Shape


class GuidePanel(QWidget):
    """Nothing in the form changes before the button is pressed."""

    filled = Signal(dict)
    """The knobs that the answers come to."""
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._report: Report | None = None
        self._model, self._machine = KnownModel(""), Machine()
        self.goals = _Choice("1  What do you want?", [(goal.title, goal.sentence) for goal in GOALS])
        self.kinds = _Choice("2  What do your rows hold?", [("", "") for _ in range(3)])
        self.ways = _Choice("3  How is the model to be trained?", [(way.title, way.sentence) for way in WAYS])
        self.rows = label("", "muted", wrap=True)
        self.outcome = label("", wrap=True)
        self.needs = label("", "muted", wrap=True)
        self.fill = button("Fill in the form", self._fill, "primary")
        close = button("Close", self.closed.emit, "link", "Close the guide")
        questions = column(self.goals, self.kinds, self.rows, self.ways, space=10)
        says = row(column(self.outcome, self.needs, space=2), self.fill, close, space=12)
        says.setStretch(0, 1)
        self.setLayout(column(boxed(column(questions, says, space=14), "card", 14)))
        self.goals.picked.connect(self._goal_picked)
        self.kinds.picked.connect(self._show_outcome)
        self.ways.picked.connect(self._show_outcome)

    @property
    def goal(self) -> Goal:
        return GOALS[max(0, self.goals.number)]

    @property
    def method(self) -> Method:
        return self.goal.kinds[max(0, self.kinds.number)].method

    @property
    def way(self) -> Way:
        return WAYS[max(0, self.ways.number)]

    def begin(self, method: Method, report: Report | None, model: KnownModel, machine: Machine) -> None:
        """Start from what the form says now."""
        self._report, self._model, self._machine = report, model, machine
        goal = goal_of(method) or GOALS[0]
        self.goals.choose(GOALS.index(goal))
        self._show_rows()
        self._show_kinds(method if method in goal.methods else method_for(goal, self._shape))
        self.ways.choose(WAYS.index(best_way(model, machine, self.method)))
        self._show_outcome()

    def show_facts(self, report: Report | None, model: KnownModel, machine: Machine) -> None:
        """Take in what is known by now, and keep the answers that were given."""
        if (report, model, machine) != (self._report, self._model, self._machine):
            self._report, self._model, self._machine = report, model, machine
            self._show_rows()
            self._show_outcome()

    @property
    def _shape(self) -> Shape | None:
        return self._report.shape if self._report else None

    def _goal_picked(self) -> None:
        self._show_kinds(method_for(self.goal, self._report.shape if self._report else None))
        self.ways.choose(WAYS.index(best_way(self._model, self._machine, self.method)))
        self._show_outcome()

    def _show_kinds(self, method: Method) -> None:
        fitting = methods_for(self._report.shape) if self._report and self._report.shape else METHODS
        texts = [
            (kind.title, f"{method_title(kind.method)}{'' if kind.method in fitting else '; not with your rows'}")
            for kind in self.goal.kinds
        ]
        self.kinds.show_texts(texts)
        self.kinds.choose(self.goal.methods.index(method))

    def _show_rows(self) -> None:
        report = self._report
        if report is None or report.shape is None:
            self.rows.setText("Choose your data first, and this says what it can teach.")
            return
        names = ", ".join(method_short(method) for method in methods_for(report.shape))
        self.rows.setText(f"Your {report.rows:,} rows are {SHAPE_WORDS[report.shape]}. They can feed {names}.")

    def _show_outcome(self) -> None:
        rooms = [room_for(way, self._model, self._machine, self.method) for way in WAYS]
        self.ways.show_texts(
            [
                (title_of(way, self._model), f"{_room_words(room)} {way.sentence}")
                for way, room in zip(WAYS, rooms, strict=True)
            ]
        )
        needs, time = NEEDS[self.method]
        fitting = self._report is None or self._report.shape is None or self.method in methods_for(self._report.shape)
        warning = "" if fitting else " ▲\u00a0Your rows cannot feed it."
        self.outcome.setText(f"{method_title(self.method)}, with {self.way.title.split(',')[0]}.{warning}")
        set_role(self.outcome, "title" if fitting else "warn")
        self.needs.setText(f"Data: {needs}. Time: {time}.")

    def _fill(self) -> None:
        self.filled.emit({"method": self.method, **knobs_of(self.way, self._model, self._machine)})


def _room_words(room: Room | None) -> str:
    if room is None:
        return "Choose a model first to see its memory."
    needs = words.memory_in_use(room.need_bytes, room.free_bytes)
    if room.use == "none":
        return f"✗ Needs {words.memory(room.need_bytes)} GB, and {words.memory(room.free_bytes)} GB are free."
    if room.use == "split":
        return f"✓ Goes over {room.cards} cards, {needs} free each."
    where = "in memory" if room.use == "cpu" else "on a card" if room.cards > 1 else "on the card"
    return f"✓ About {needs} that are free {where}."


class _Choice(QWidget):
    """A question and its answers, each with a line about it."""

    picked = Signal()

    def __init__(self, question: str, texts: list[tuple[str, str]]) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._lines: list[tuple[QRadioButton, QLabel]] = []
        answers = QGridLayout()
        answers.setVerticalSpacing(4)
        answers.setHorizontalSpacing(16)
        answers.setColumnStretch(1, 1)
        answers.setContentsMargins(8, 0, 0, 0)
        for number in range(len(texts)):
            choice, about = QRadioButton(), label("", "muted", wrap=True)
            choice.clicked.connect(lambda: self.picked.emit())
            self._group.addButton(choice, number)
            self._lines.append((choice, about))
            answers.addWidget(choice, number, 0, Qt.AlignmentFlag.AlignTop)
            answers.addWidget(about, number, 1)
        title = label(question, "title")
        self.setLayout(column(title, answers, space=4))
        self.setAccessibleName(question)
        self.show_texts(texts)

    @property
    def number(self) -> int:
        return self._group.checkedId()

    @property
    def buttons(self) -> list[QRadioButton]:
        return [choice for choice, _ in self._lines]

    def choose(self, number: int) -> None:
        self._lines[number][0].setChecked(True)

    def show_texts(self, texts: list[tuple[str, str]]) -> None:
        """Show these answers; of fewer than before the rest is hidden."""
        for number, (choice, about) in enumerate(self._lines):
            title, sentence = texts[number] if number < len(texts) else ("", "")
            choice.setText(title)
            choice.setAccessibleDescription(sentence)
            about.setText(sentence)
            choice.setVisible(bool(title))
            about.setVisible(bool(sentence))
