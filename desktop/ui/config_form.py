"""The form of every knob: made from the contract, narrowed by level and search, checked as you type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop.ui.fields import Field
from desktop.ui.pieces import column, label
from trainer_image.contract import Group, Problem, RunConfig, check_config, knobs

FIELD_WIDTH = 248
"""The narrowest that a field still reads well."""


class KnobGroup(QWidget):
    """The fields of one group, in as many columns as there is room for."""

    def __init__(self, name: Group | None) -> None:
        super().__init__()
        self._columns = 0
        self._shown: list[Field] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(16)
        self.setLayout(column(*([label(name, "group")] if name else []), self._grid, space=12))

    def show_fields(self, fields: list[Field]) -> None:
        """Take these fields in, and be nothing at all where there are none."""
        for field in self._shown:
            self._grid.removeWidget(field)
        self._shown = fields
        self.setVisible(bool(fields))
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._columns_for(self.width()) != self._columns:
            self._arrange()

    def _columns_for(self, width: int) -> int:
        return max(1, min(3, width // FIELD_WIDTH))

    def _arrange(self) -> None:
        self._columns = self._columns_for(self.width())
        for field in self._shown:
            self._grid.removeWidget(field)
        for index, field in enumerate(self._shown):
            self._grid.addWidget(field, index // self._columns, index % self._columns)
        for index in range(3):
            self._grid.setColumnStretch(index, 1 if index < self._columns else 0)


class ConfigForm(QWidget):
    """Every knob; the three that name model, data and method are placed by whoever owns the form."""

    config_changed = Signal()
    """A value has changed and everything has been checked again."""

    PLACED_BY_OWNER = ("model", "model_revision", "dataset", "method")

    def __init__(self) -> None:
        super().__init__()
        self.fields = {knob.name: Field(knob) for knob in knobs()}
        self.config: RunConfig | None = None
        self.problems: list[Problem] = []
        self._extra_problems: dict[str, str] = {}
        self._shows_experts = False
        self._search = ""
        self._placed = [field for name, field in self.fields.items() if name not in self.PLACED_BY_OWNER]
        for field in self.fields.values():
            field.setParent(self)
            field.value_changed.connect(self._value_changed)
        self.usual = KnobGroup(None)
        self.groups: dict[Group, KnobGroup] = {
            name: KnobGroup(name) for name in dict.fromkeys(field.knob.group for field in self._placed)
        }
        self.nothing_found = label("No knob is called so. Try another word.", "muted")
        self.setLayout(column(self.usual, *self.groups.values(), self.nothing_found, 1, space=24))
        self._checking = QTimer(self, singleShot=True, interval=0)
        self._checking.timeout.connect(self._check)
        self._narrow()
        self._check()

    def values(self) -> dict[str, Any]:
        """Return every knob's value as entered."""
        return {name: field.value() for name, field in self.fields.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; knobs that are not named stay as they are."""
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].set_value(value)
        self.check_now()

    def set_config(self, config: RunConfig) -> None:
        self.set_values({name: getattr(config, name) for name in self.fields})

    def clear(self) -> None:
        """Begin anew: every knob at its default, what is required empty and not complained about."""
        self.set_values({name: field.knob.default for name, field in self.fields.items()})
        for field in self.fields.values():
            field.is_touched = False
        self.check_now()

    def show_experts(self, shown: bool) -> None:
        self._shows_experts = shown
        self._narrow()

    def search(self, text: str) -> None:
        """Show the knobs that a search finds, of both levels; an empty search shows the usual ones."""
        self._search = text.strip()
        self._narrow()

    def add_problem(self, knob: str, sentence: str) -> None:
        """Show what only an attempt to start could find out, until that knob is changed."""
        self._extra_problems[knob] = sentence
        self.touch_everything()

    def touch_everything(self) -> None:
        """From now on complain about what is still empty, too."""
        for field in self.fields.values():
            field.is_touched = True
        self.check_now()

    def check_now(self) -> None:
        """Check without waiting for the next turn of the event loop."""
        self._checking.stop()
        self._check()

    def reveal(self, knob: str) -> None:
        """Make sure that a knob can be seen, and go to it."""
        field = self.fields[knob]
        if not field.isVisibleTo(self.window()):
            self._search = ""
            self._shows_experts = True
            self._narrow()
        field.editor.setFocus()

    def _value_changed(self, name: str) -> None:
        self._extra_problems.pop(name, None)
        self._checking.start()

    def _check(self) -> None:
        self.config, self.problems = check_config(self.values())
        for name, sentence in self._extra_problems.items():
            self.problems.append(Problem(name, sentence))
        by_knob: dict[str, str] = {}
        for problem in self.problems:
            by_knob.setdefault(problem.knob, problem.sentence)
        for name, field in self.fields.items():
            field.show_problem(by_knob.get(name, ""))
        if any(not self._is_shown(self.fields[name]) for name in by_knob if name in self.fields):
            self._narrow(with_problems=set(by_knob))
        self.config_changed.emit()

    def _is_shown(self, field: Field) -> bool:
        if self._search:
            return field.matches(self._search)
        return self._shows_experts or field.knob.level == "beginner"

    def _narrow(self, with_problems: set[str] | None = None) -> None:
        """A knob with a problem is always shown: nobody can mend what is hidden."""
        wrong = with_problems if with_problems is not None else {problem.knob for problem in self.problems}
        shown = [field for field in self._placed if self._is_shown(field) or field.knob.name in wrong]
        is_grouped = self._shows_experts or bool(self._search)
        self.usual.show_fields([] if is_grouped else shown)
        for name, group in self.groups.items():
            group.show_fields([f for f in shown if f.knob.group == name] if is_grouped else [])
        for field in self._placed:
            field.setVisible(field in shown)
        self.fields["model_revision"].setVisible(
            self._is_shown(self.fields["model_revision"]) and (self._shows_experts or bool(self._search))
        )
        self.nothing_found.setVisible(not shown)
