"""The goal in plain words: three buttons, and the method that each comes to with these rows."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from desktop.controllers.scanning import Report
from desktop.core.guide import GOALS, GoalKey, can_feed, goal_of, method_for
from desktop.ui.pieces import column, label, row
from desktop.ui.setup.method_words import METHOD_WORDS, method_title
from trainer_image.contract import Method


class GoalRow(QWidget):
    """Shows the goal of a method; picking one is its owner's business."""

    method_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._report: Report | None = None
        self.buttons: dict[GoalKey, QPushButton] = {}
        for goal in GOALS:
            choice = QPushButton(goal.title)
            choice.setCheckable(True)
            choice.setProperty("role", "preset")
            choice.setAccessibleDescription(goal.sentence)
            choice.clicked.connect(lambda _=False, key=goal.key: self._pick(key))
            self._group.addButton(choice)
            self.buttons[goal.key] = choice
        self.sentence = label("", "muted", wrap=True)
        self.setLayout(column(row(*self.buttons.values(), 1), self.sentence, space=4))

    def show_goal(self, method: Method, report: Report | None) -> None:
        """Mark the goal of a method, and say what the method does."""
        self._report = report
        shape = report.shape if report else None
        current = goal_of(method)
        self._group.setExclusive(False)
        for goal in GOALS:
            choice = self.buttons[goal.key]
            choice.setChecked(goal is current)
            feeds = can_feed(goal, shape)
            choice.setToolTip(goal.sentence if feeds else f"{goal.sentence} Your rows hold nothing for it.")
        self._group.setExclusive(current is not None)
        self.sentence.setText(f"{method_title(method)}. {METHOD_WORDS[method].sentence}")

    def _pick(self, key: GoalKey) -> None:
        goal = next(goal for goal in GOALS if goal.key == key)
        self.method_picked.emit(method_for(goal, self._report.shape if self._report else None))
