"""What a run tried as a table, newest first: prompt, answer, the right answer, and what each reward gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.ui import words
from desktop.ui.setup.reward_words import REWARD_WORDS
from trainer_image.contract import Completion

Index = QModelIndex | QPersistentModelIndex
MOST_KEPT = 20_000
"""Older tries than these leave the table; the run folder has them all."""
SHOWN_LETTERS = 300
SORT_ROLE = Qt.ItemDataRole.UserRole
SHARE_ROLE = Qt.ItemDataRole.UserRole + 1
"""How full the bar of a reward is, 0 to 1, or None."""
FIND_ROLE = Qt.ItemDataRole.UserRole + 2


class Column(IntEnum):
    """The columns that are always there; each reward by its name comes after them."""

    STEP = 0
    PROMPT = 1
    ANSWER = 2
    RIGHT = 3
    REWARD = 4


TITLES = {
    Column.STEP: "Step",
    Column.PROMPT: "Prompt",
    Column.ANSWER: "Answer",
    Column.RIGHT: "Right answer",
    Column.REWARD: "Reward",
}


def reward_title(name: str) -> str:
    """Return what a reward is called, also one that only the trainer knows."""
    return REWARD_WORDS[name][0] if name in REWARD_WORDS else name.replace("_", " ").capitalize()


class TriesModel(QAbstractTableModel):
    """Holds the tries of one run; the newest stand at the top."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tries: list[Completion] = []
        """Oldest first, so that what is new is appended."""
        self._rewards: tuple[str, ...] = ()
        self._limits: dict[str, tuple[float, float]] = {}

    def show_tries(self, tries: Sequence[Completion]) -> None:
        """Show other tries, oldest first, in the place of all."""
        self.beginResetModel()
        self._tries = list(tries)[-MOST_KEPT:]
        self._rewards, self._limits = (), {}
        self._learn(self._tries)
        self.endResetModel()

    def add_newer(self, tries: Sequence[Completion]) -> None:
        """Put new tries, oldest first, on top."""
        if not tries:
            return
        if not self._tries:
            # A proxy forgets its order when an empty model gets columns.
            self.show_tries(tries)
            return
        self._learn_columns(tries)
        self.beginInsertRows(QModelIndex(), 0, len(tries) - 1)
        self._tries.extend(tries)
        self.endInsertRows()
        over = len(self._tries) - MOST_KEPT
        if over > 0:
            self.beginRemoveRows(QModelIndex(), MOST_KEPT, MOST_KEPT + over - 1)
            del self._tries[:over]
            self.endRemoveRows()

    def add_earlier(self, tries: Sequence[Completion]) -> None:
        """Put tries from before, newest first, at the foot."""
        tries = tries[: max(0, MOST_KEPT - len(self._tries))]
        if not tries:
            return
        self._learn_columns(tries)
        at = len(self._tries)
        self.beginInsertRows(QModelIndex(), at, at + len(tries) - 1)
        self._tries[:0] = reversed(tries)
        self.endInsertRows()

    def undo_after(self, step: int) -> None:
        """Forget what came after a step: a resumed run makes those steps again."""
        self.show_tries([known for known in self._tries if known.step <= step])

    def oldest_seq(self) -> int | None:
        """Return the number of the oldest event that is shown."""
        return self._tries[0].seq if self._tries else None

    def newest_seq(self) -> int | None:
        """Return the number of the newest event that is shown."""
        return self._tries[-1].seq if self._tries else None

    def completion(self, row: int) -> Completion:
        return self._tries[len(self._tries) - 1 - row]

    def reward_names(self) -> tuple[str, ...]:
        return self._rewards

    # What Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._tries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column) + len(self._rewards)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        name = self._rewards[section - len(Column)] if section >= len(Column) else ""
        if role == Qt.ItemDataRole.DisplayRole:
            return reward_title(name) if name else TITLES[Column(section)]
        if role == Qt.ItemDataRole.ToolTipRole:
            return name or ("The weighted sum of all rewards" if section == Column.REWARD else None)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        one, column = self.completion(index.row()), index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole and (column == Column.STEP or column >= Column.REWARD):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == FIND_ROLE:
            return f"{one.prompt}\n{one.text}\n{one.answer}"
        if column >= Column.REWARD:
            return self._reward_data(one, column, role)
        text = (words.count(one.step), one.prompt, one.text, one.answer)[column]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return " ".join(text[:SHOWN_LETTERS].split())
            case _ if role == SORT_ROLE:
                return one.step if column == Column.STEP else text
        return None

    def _reward_data(self, one: Completion, column: int, role: int) -> Any:
        value = self._value(one, column)
        if role == Qt.ItemDataRole.DisplayRole:
            return words.short_number(value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{value!r}" if value is not None else "This reward has no say here."
        if role == SORT_ROLE:
            return float("-inf") if value is None else value
        if role == SHARE_ROLE and value is not None:
            low, high = self._limits["" if column == Column.REWARD else self._rewards[column - len(Column)]]
            return (value - low) / (high - low) if high > low else 0.0
        return None

    def _value(self, one: Completion, column: int) -> float | None:
        return one.reward if column == Column.REWARD else one.rewards.get(self._rewards[column - len(Column)])

    def _learn_columns(self, tries: Sequence[Completion]) -> None:
        """A reward that nobody has heard of makes a new column."""
        new = [name for name in _names_in(tries) if name not in self._rewards]
        if new:
            first = self.columnCount()
            self.beginInsertColumns(QModelIndex(), first, first + len(new) - 1)
            self._learn(tries)
            self.endInsertColumns()
        else:
            self._learn(tries)

    def _learn(self, tries: Iterable[Completion]) -> None:
        names = dict.fromkeys(self._rewards)
        for one in tries:
            names.update(dict.fromkeys(one.rewards))
            for name, value in (("", one.reward), *one.rewards.items()):
                if value is not None:
                    low, high = self._limits.get(name, (0.0, 0.0))
                    self._limits[name] = min(low, value), max(high, value)
        self._rewards = tuple(names)


def _names_in(tries: Iterable[Completion]) -> dict[str, None]:
    return {name: None for one in tries for name in one.rewards}
