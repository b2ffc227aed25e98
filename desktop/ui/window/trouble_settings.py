"""What is done about trouble besides saying it, and what the queue does when a run fails."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QComboBox, QGridLayout, QWidget

from desktop.controllers.queue import AfterFailure, Queue
from desktop.controllers.troubles import Trouble, Troubles
from desktop.core.troubles import Reaction
from desktop.ui.pieces import boxed, column, label

REACTIONS: tuple[tuple[Reaction, str], ...] = (("tell", "say it"), ("pause", "pause the run"), ("stop", "stop the run"))
AFTER_FAILURE: tuple[tuple[AfterFailure, str], ...] = (("go_on", "start the next"), ("stop", "stop the queue"))
TROUBLES: tuple[tuple[Trouble, str], ...] = (
    ("stall", "A run makes no step for 20 times its usual"),
    ("heat", "A card is at 90 °C or slows itself down for heat"),
)


class TroubleSection(QWidget):
    """One line for each trouble; a choice holds at once, for every run."""

    def __init__(self, troubles: Troubles, queue: Queue) -> None:
        super().__init__()
        self.choices: dict[str, QComboBox] = {}
        lines = QGridLayout()
        lines.setColumnStretch(0, 1)
        for trouble, words in TROUBLES:
            self._add(lines, trouble, words, REACTIONS, troubles.reaction(trouble), self._chooser(troubles, trouble))
        self._add(lines, "queue", "A run fails", AFTER_FAILURE, queue.after_failure, queue.choose_after_failure)
        note = label(
            "Full memory and a full disk look after themselves; for a loss that explodes each run has its own knob.",
            "muted",
            wrap=True,
        )
        inside = column(label("When something goes wrong", "title"), lines, note)
        self.setLayout(column(boxed(inside, "card", 16)))

    def _chooser(self, troubles: Troubles, trouble: Trouble) -> Callable[[Reaction], None]:
        return lambda reaction: troubles.choose(trouble, reaction)

    def _add(
        self,
        lines: QGridLayout,
        name: str,
        words: str,
        choices: tuple[tuple[str, str], ...],
        chosen: str,
        choose: Callable[..., None],
    ) -> None:
        box = self.choices[name] = QComboBox()
        for choice, text in choices:
            box.addItem(text, choice)
        box.setCurrentIndex(box.findData(chosen))
        box.setAccessibleName(words)
        box.activated.connect(lambda _: choose(box.currentData()))
        at = lines.rowCount()
        question = label(words, wrap=True)
        question.setBuddy(box)
        lines.addWidget(question, at, 0)
        lines.addWidget(box, at, 1)
