"""The rewards as a checklist: each with its sentence, its weight beside it, and its own knobs below it once ticked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from desktop.ui.pieces import column, label
from desktop.ui.setup.editors import OwnEditor, read_number, write_number
from desktop.ui.setup.reward_words import REWARD_WORDS
from trainer_image.contract import REWARD_TAKES, RewardName


class _Entry:
    """One reward of the list."""

    def __init__(self, name: RewardName) -> None:
        title, sentence = REWARD_WORDS[name]
        self.name = name
        self.box = QCheckBox(title)
        self.box.setAccessibleDescription(sentence)
        self.box.setToolTip(name)
        self.sentence = label(sentence, "muted", wrap=True)
        self.weight = QLineEdit("1")
        self.weight.setAccessibleName(f"Weight of {title}")
        self.weight.setToolTip("How much this reward counts beside the others")
        self.weight.setFixedWidth(56)
        self.weight.setAlignment(Qt.AlignmentFlag.AlignRight)
        keep_room = self.weight.sizePolicy()
        keep_room.setRetainSizeWhenHidden(True)
        self.weight.setSizePolicy(keep_room)
        self.knobs = QWidget()
        self.knobs_column = column(space=8)
        self.knobs_column.setContentsMargins(0, 4, 0, 8)
        self.knobs.setLayout(self.knobs_column)
        self.knobs.hide()


class RewardWeights(OwnEditor):
    """The weights of the ticked rewards; the numbers stand in the list, this only gathers them."""

    def __init__(self, rewards: RewardList) -> None:
        super().__init__(rewards)
        self._rewards = rewards

    def value(self) -> tuple[Any, ...]:
        """Return a number for each ticked reward, in their order, or nothing where all count alike."""
        weights = tuple(read_number(entry.weight.text().strip(), float) for entry in self._rewards.ticked())
        return () if all(weight == 1 for weight in weights) else weights

    def set_value(self, value: Any) -> None:
        self._rewards.show_weights(value)


class RewardList(OwnEditor):
    """Every reward there is; the ticked ones are the value, in the order in which they were ticked."""

    def __init__(self, names: Sequence[str], fields: Mapping[str, QWidget]) -> None:
        """Show ``names``, each with those of ``fields`` that are its knobs."""
        super().__init__()
        self._entries = {name: _Entry(cast(RewardName, name)) for name in names}
        self._order: list[str] = []
        self.weights = RewardWeights(self)
        self.weights.hide()
        self._weight_title = label("weight", "muted")
        self._compose(fields)
        self.set_value((next(iter(names)),))

    def _compose(self, fields: Mapping[str, QWidget]) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._weight_title, 0, 2, Qt.AlignmentFlag.AlignRight)
        top = Qt.AlignmentFlag.AlignTop
        for index, entry in enumerate(self._entries.values()):
            line = 1 + 2 * index
            # Taken in as one reads: that is the order in which the Tab key goes.
            for knob in REWARD_TAKES.get(entry.name, ()):
                entry.knobs_column.addWidget(fields[knob])
            entry.sentence.setContentsMargins(0, 4, 0, 0)
            entry.sentence.setAlignment(top)
            grid.addWidget(entry.box, line, 0, top)
            grid.addWidget(entry.sentence, line, 1)
            grid.addWidget(entry.weight, line, 2, top)
            grid.addWidget(entry.knobs, line + 1, 1, 1, 2)
            entry.box.toggled.connect(lambda is_on, name=entry.name: self._toggled(name, is_on))
            entry.weight.textChanged.connect(lambda _: self.weights.changed.emit())
        self.setFocusProxy(self._entries[next(iter(self._entries))].box)

    def box(self, name: str) -> QCheckBox:
        """Return the box that ticks a reward."""
        return self._entries[name].box

    def weight(self, name: str) -> QLineEdit:
        """Return the line with the weight of a reward."""
        return self._entries[name].weight

    def ticked(self) -> list[_Entry]:
        """Return the rewards that count, in the order in which they were ticked."""
        return [self._entries[name] for name in self._order]

    def value(self) -> tuple[str, ...]:
        return tuple(self._order)

    def set_value(self, value: Any) -> None:
        self._order = [name for name in dict.fromkeys(value) if name in self._entries]
        for name, entry in self._entries.items():
            with QSignalBlocker(entry.box):
                entry.box.setChecked(name in self._order)
        self._show_ticked()

    def show_weights(self, weights: Sequence[float]) -> None:
        """Show a weight beside each ticked reward; without weights all count alike."""
        by_name = dict(zip(self._order, weights, strict=False))
        for name, entry in self._entries.items():
            with QSignalBlocker(entry.weight):
                entry.weight.setText(write_number(float(by_name.get(name, 1.0))))
        self._show_ticked()

    def _toggled(self, name: str, is_on: bool) -> None:
        if is_on:
            self._order.append(name)
        else:
            self._order.remove(name)
        self._show_ticked()
        self.changed.emit()
        self.weights.changed.emit()

    def _show_ticked(self) -> None:
        # One reward alone has nothing to be weighed against.
        weighed = len(self._order) > 1 or self.weights.value() != ()
        self._weight_title.setVisible(weighed)
        for name, entry in self._entries.items():
            entry.weight.setVisible(weighed and name in self._order)
            entry.knobs.setVisible(name in self._order and entry.knobs_column.count() > 0)
