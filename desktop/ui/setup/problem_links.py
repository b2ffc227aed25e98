"""What is missing or wrong before a start, each line a way to its knob; it stands above the button that starts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.elided_button import ElidedButton
from desktop.ui.pieces import column, label
from trainer_image.contract import Problem

MOST = 3


class ProblemLinks(QWidget):
    """The same few buttons for whatever is wrong: made once, they keep their place in the Tab order, and the focus."""

    knob_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._problems: tuple[Problem, ...] = ()
        self.links = [ElidedButton("", partial(self._follow, number)) for number in range(MOST)]
        self.more = label("", "muted")
        self.setLayout(column(*self.links, self.more, space=0))
        self.show_problems(())

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show the first of these, and how many more there are."""
        self._problems = tuple(problems)
        for link, problem in zip(self.links, problems, strict=False):
            short = _short(problem)
            link.set_words(f"→ {short}")
            link.setAccessibleName(f"{short}. Go to it")
        for number, link in enumerate(self.links):
            link.setVisible(number < len(problems))
        self.more.setText(f"and {len(problems) - MOST} more")
        self.more.setVisible(len(problems) > MOST)
        self.setVisible(bool(problems))

    def said(self) -> list[str]:
        """Return the lines that are shown."""
        return [link.whole_words() for link, _ in zip(self.links, self._problems, strict=False)]

    def _follow(self, number: int) -> None:
        self.knob_requested.emit(self._problems[number].knob)


def _short(problem: Problem) -> str:
    return problem.sentence.split(". ")[0].rstrip(".")
