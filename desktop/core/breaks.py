"""The time that training stands aside for evaluations and checkpoints, and what that adds to the time left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Breaks:
    """How often and how long the steps of a run waited for something else, and for how many steps that was."""

    seconds: float = 0.0
    count: int = 0
    """Steps after which there was a break; an evaluation and the save that follows it are one."""
    last_step: int = 0

    def with_one(self, step: int, seconds: float) -> Breaks:
        """Return the breaks with one more after ``step``; before the first step there is none that comes again."""
        if step <= 0:
            return self
        return Breaks(self.seconds + seconds, self.count + (step != self.last_step), max(step, self.last_step))

    def a_step(self, step: int) -> float:
        """Return the seconds that breaks add to each step, seen from ``step``.

        Between two breaks nothing is learned, so the time up to the last one counts, until the next is overdue.
        """
        if not self.count:
            return 0.0
        return self.seconds / max(self.last_step, step - self.last_step / self.count)

    def spread(self, step: int, steps_left: int) -> float:
        """Return by how many seconds the breaks to come may differ: of a few nobody knows yet how often they come."""
        return self.a_step(step) * steps_left / (self.count + 1)

    def undone_to(self, step: int) -> Breaks:
        """Return the part that belongs to the steps up to ``step``: those behind it are made again."""
        if step >= self.last_step:
            return self
        if step <= 0:
            return Breaks()
        share = step / self.last_step
        return Breaks(self.seconds * share, max(1, round(self.count * share)), step)
