"""Some rows of a file as they come out under a mapping that is being made, changed at once with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from desktop.ui.datasets.report import fault_of
from desktop.ui.pieces import boxed, column, label
from trainer_image.formats import (
    Example,
    Kind,
    Labelled,
    LeftOut,
    Made,
    Message,
    Preference,
    Row,
    RowProblem,
    Shape,
    Steps,
    convert,
    mapped,
)
from trainer_image.formats.rankings import RankVotes

LETTERS = 300
MOST_TURNS = 8


def turns_of(made: Made) -> list[tuple[str, str]]:
    """Return what a row holds as pairs of a name and a text, in the order in which a person reads it."""
    if isinstance(made, Example):
        return [("text", made.text)] if made.text else _spoken(made.messages)
    turns = _spoken(made.prompt)
    if isinstance(made, Preference):
        return [*turns, *_named("chosen", made.chosen), *_named("rejected", made.rejected)]
    if isinstance(made, Labelled):
        return [*turns, *_named("good answer" if made.label else "bad answer", made.completion)]
    if isinstance(made, Steps):
        marks = ("right" if right else "wrong" for right in made.labels)
        return [*turns, *((f"{mark} step", step) for mark, step in zip(marks, made.steps, strict=True))]
    return [*turns, ("answer", made.answer)] if made.answer else turns


def example_of(
    item: Row | RowProblem, mapping: Mapping[str, str] | None, shape: Shape, kind: Kind
) -> tuple[list[tuple[str, str]], str]:
    """Return the turns of the first example that a row makes, and what is wrong with it."""
    if isinstance(item, RowProblem):
        return [], str(item)
    row = mapped(item, mapping) if mapping else item
    votes = RankVotes()
    votes.add(row.value)
    made = next(iter(convert(row, shape, kind, votes.meaning)), None)
    if isinstance(made, RowProblem):
        return [], fault_of(made)
    if made is None or isinstance(made, LeftOut):
        return [], made.sentence if made else "It makes no example."
    return turns_of(made), ""


def _spoken(messages: Iterable[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content or "(calls a tool)") for message in messages]


def _named(name: str, messages: Iterable[Message]) -> list[tuple[str, str]]:
    return [(name, text) for _, text in _spoken(messages)]


class Examples(QWidget):
    """Cards below each other, one a row."""

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[QFrame] = []
        self.list = column(1, space=8)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(boxed(self.list))
        self.list.setContentsMargins(0, 0, 8, 0)
        self.setLayout(column(scroll))

    def show_words(self, text: str) -> None:
        """Say something in the place of rows."""
        self._show([boxed(column(label(text, "muted", wrap=True)), "card", 12)])

    def show_raw(self, items: Sequence[Row | RowProblem]) -> None:
        """Show rows as they stand in the file, column by column."""
        self._show([_raw_card(item) for item in items])

    def show_made(
        self, items: Sequence[Row | RowProblem], mapping: Mapping[str, str] | None, shape: Shape, kind: Kind
    ) -> int:
        """Show what rows are made into, and return how many of them can be used."""
        cards, good = [], 0
        for item in items:
            turns, fault = example_of(item, mapping, shape, kind)
            good += not fault
            number = item.number if isinstance(item, Row) else item.row
            cards.append(_card(f"Row {number}", turns, fault))
        self._show(cards)
        return good

    def _show(self, cards: Iterable[QFrame]) -> None:
        for card in self._cards:
            self.list.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = list(cards)
        for number, card in enumerate(self._cards):
            self.list.insertWidget(number, card)


def _raw_card(item: Row | RowProblem) -> QFrame:
    if isinstance(item, RowProblem):
        return _card(f"Row {item.row}", [], fault_of(item))
    return _card(f"Row {item.number}", [(name, str(cell)) for name, cell in islice(item.value.items(), 12)], "")


def _card(title: str, turns: Sequence[tuple[str, str]], fault: str) -> QFrame:
    parts: list[QWidget] = [label(title, "muted")]
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    for number, (name, text) in enumerate(turns[:MOST_TURNS]):
        grid.addWidget(label(name, "title"), number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(_text(text), number, 1)
    if fault:
        parts.append(label(f"▲ {fault}", "warn", wrap=True))
    return boxed(column(*parts, grid, space=4), "card", 12)


def _text(text: str) -> QWidget:
    flat = " ".join(text[: LETTERS * 2].split())
    return label(flat if len(flat) <= LETTERS else flat[:LETTERS].rstrip() + "…", wrap=True)
