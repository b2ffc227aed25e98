"""The form of every knob: made from the contract, narrowed by method, level and search, checked as you type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from desktop.core.idle_knobs import idle_knobs
from desktop.core.presets import is_kept
from desktop.ui.pieces import column, label
from desktop.ui.setup.editors import Editor, write_number
from desktop.ui.setup.fields import Field
from desktop.ui.setup.knob_group import KnobGroup
from desktop.ui.setup.method_picker import MethodPicker
from desktop.ui.setup.method_words import method_help
from desktop.ui.setup.relevance import relevant_knobs
from desktop.ui.setup.reward_list import RewardList
from desktop.ui.window.search_words import found_elsewhere
from trainer_image.contract import (
    FULL_SHARE,
    LEARNING_RATES,
    REWARD_NEEDS,
    REWARD_TAKES,
    Group,
    Knob,
    Problem,
    RunConfig,
    check_config,
    knobs,
)

REWARD_KNOBS = tuple(name for names in REWARD_TAKES.values() for name in names)


class ConfigForm(QWidget):
    """Every knob; those of the first steps (what, on what, what for) are placed by whoever owns the form."""

    config_changed = Signal()
    """A value has changed and everything has been checked again."""
    config_set = Signal()
    """All values have come from a config: none of them is a preset's any more."""

    PLACED_BY_OWNER = ("model", "model_revision", "dataset", "method", "rewards", "reward_weights", *REWARD_KNOBS)

    def __init__(self) -> None:
        super().__init__()
        every = {knob.name: knob for knob in knobs()}
        below_rewards = {name: Field(every[name]) for name in REWARD_KNOBS}
        self.rewards = RewardList(every["rewards"].choices, below_rewards)
        own: dict[str, Editor] = {
            "method": MethodPicker(),
            "rewards": self.rewards,
            "reward_weights": self.rewards.weights,
        }
        self.fields = {name: below_rewards.get(name) or Field(knob, own.get(name)) for name, knob in every.items()}
        self.config: RunConfig | None = None
        self.problems: list[Problem] = []
        self._extra_problems: dict[str, str] = {}
        self.also_wrong: Callable[[Mapping[str, Any]], Sequence[Problem]] = lambda values: ()
        """What those around the form know to be wrong with its values; asked at every check."""
        self._relevant: set[str] = set()
        self.shows_experts = False
        self._changed_only = False
        self._search = ""
        self._placed = [field for name, field in self.fields.items() if name not in self.PLACED_BY_OWNER]
        for name, field in self.fields.items():
            if name not in below_rewards:
                field.setParent(self)
            field.value_changed.connect(self._value_changed)
        for needed in REWARD_NEEDS.values():
            for name in needed:
                self.fields[name].is_asked_for_calmly = True
        self.usual = KnobGroup(None)
        self.groups: dict[Group, KnobGroup] = {
            name: KnobGroup(name) for name in dict.fromkeys(field.knob.group for field in self._placed)
        }
        self.elsewhere = label("", "muted", wrap=True)
        self.setLayout(column(self.usual, *self.groups.values(), self.elsewhere, 1, space=24))
        self._checking = QTimer(self, singleShot=True, interval=0)
        self._checking.timeout.connect(self._check)
        self.check_now()

    def values(self) -> dict[str, Any]:
        """Return every knob's value as entered; what has no effect here keeps its text and counts as not set."""
        entered = {name: field.value() for name, field in self.fields.items()}
        relevant = relevant_knobs(entered)
        return {name: value if name in relevant else self.fields[name].knob.default for name, value in entered.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; knobs that are not named stay as they are."""
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].set_value(value)
        self.check_now()

    def set_config(self, config: RunConfig) -> None:
        self.set_values({name: getattr(config, name) for name in self.fields})
        self.config_set.emit()

    def clear(self) -> None:
        """Begin anew: every knob at its default, what is required empty and not complained about."""
        self.set_values({name: field.knob.default for name, field in self.fields.items()})
        for field in self.fields.values():
            field.is_touched = False
        self.check_now()

    def set_usual(self, values: Mapping[str, Any], preset: str) -> None:
        """Measure every knob against these values, which a preset has chosen, else against its default."""
        for name, field in self.fields.items():
            field.set_usual(values.get(name, field.knob.default), preset if name in values else "")

    def changed_knobs(self) -> list[str]:
        """Return the knobs with an effect here that differ from the preset, or from their defaults without one.

        What a preset never sets is no difference from it.
        """
        return [
            name
            for name, field in self.fields.items()
            if name in self._relevant and not is_kept(name) and field.differs
        ]

    def is_relevant(self, knob: str) -> bool:
        """Say whether a knob has an effect beside what is chosen."""
        return knob in self._relevant

    def show_experts(self, shown: bool) -> None:
        self.shows_experts = shown
        self._narrow()

    def show_changed_only(self, only: bool) -> None:
        """Of every knob, show those alone that differ from the preset."""
        self._changed_only = only
        self._narrow()

    def search(self, text: str) -> None:
        """Show the knobs that a search finds; an empty search shows them all, or for beginners none."""
        self._search = text.strip()
        self._narrow()

    def add_problem(self, knob: str, sentence: str) -> None:
        """Show what only an attempt to start could find out, until that knob is changed."""
        self._extra_problems[knob] = sentence
        self.touch_everything()

    def settle_problem(self, knob: str) -> None:
        """Forget what an attempt to start has found out of a knob: it is so no more."""
        if self._extra_problems.pop(knob, None) is not None:
            self._checking.start()

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
            self.shows_experts = True
            self._narrow()
        field.editor.setFocus()

    def _value_changed(self, name: str) -> None:
        self._extra_problems.pop(name, None)
        self._checking.start()

    def _check(self) -> None:
        values = self.values()
        self._relevant = relevant_knobs(values)
        self.config, self.problems = check_config(values)
        for name, sentence in self._extra_problems.items():
            self.problems.append(Problem(name, sentence))
        self.problems.extend(self.also_wrong(values))
        by_knob: dict[str, str] = {}
        for problem in self.problems:
            by_knob.setdefault(problem.knob, problem.sentence)
        idle = idle_knobs(values)
        for name, field in self.fields.items():
            field.show_problem(by_knob.get(name, ""))
            # What is wrong has to be mended, with or without an effect.
            field.say_idle("" if name in by_knob else idle.get(name, ""))
        self._describe(values)
        self._narrow()
        self.config_changed.emit()

    def _describe(self, values: Mapping[str, Any]) -> None:
        """Say what the chosen method is, and what a knob comes to with it."""
        method = values["method"]
        self.fields["method"].say_help(method_help(method))
        rate = LEARNING_RATES[method] * (FULL_SHARE if values["full_finetuning"] else 1.0)
        editor = self.fields["learning_rate"].editor
        assert isinstance(editor, QLineEdit)
        editor.setPlaceholderText(f"suits the method: {write_number(rate)}")

    def _is_shown(self, knob: Knob) -> bool:
        if knob.name not in self._relevant:
            return False
        if self._search:
            return self.fields[knob.name].matches(self._search)
        if self._changed_only:
            return self.shows_experts and self.fields[knob.name].differs and not is_kept(knob.name)
        return self.shows_experts

    def _narrow(self) -> None:
        """Show what matters here; a knob with a problem is always shown: nobody can mend what is hidden."""
        wrong = {problem.knob for problem in self.problems}
        shown = [field for field in self._placed if self._is_shown(field.knob) or field.knob.name in wrong]
        is_grouped = self.shows_experts or bool(self._search)
        self.usual.show_fields([] if is_grouped else shown)
        for group_name, group in self.groups.items():
            group.show_fields([f for f in shown if f.knob.group == group_name] if is_grouped else [])
        for field in self._placed:
            field.setVisible(field in shown)
        self.fields["method"].setVisible(self.shows_experts or "method" in wrong)
        # Beginners begin with the plain check; one who has chosen others sees them.
        rewards = self.fields["rewards"]
        chooses = self.shows_experts or rewards.differs or bool(wrong & {"rewards", *REWARD_KNOBS})
        rewards.setVisible("rewards" in self._relevant and chooses)
        self.fields["reward_weights"].setVisible("reward_weights" in wrong)
        for name in REWARD_KNOBS:
            self.fields[name].setVisible(name in self._relevant)
        words = found_elsewhere(self._search, set(self._relevant)) if self._search else ""
        if self._search and not shown and not words:
            words = "No knob is called so. Try another word."
        self.elsewhere.setText(words)
        self.elsewhere.setVisible(bool(words))
