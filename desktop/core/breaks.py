"""The time that training stands aside for evaluations and checkpoints, and what that adds to the time left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LATEST = 9
"""So many breaks of a kind say how long one takes; among more, what was long ago would count as much as today."""
MOST_TIMES = 3
"""One break counts no more than so many usual ones: a disk that slept once must not make hours of minutes."""


@dataclass(frozen=True)
class Kind:
    """The breaks of one kind: how many there were, and the seconds of the latest."""

    count: float = 0
    """No whole number where a part of them is undone."""
    latest: tuple[float, ...] = ()

    @property
    def usual_s(self) -> float:
        """Seconds that one takes on average, where none counts much more than the middle one."""
        if not self.latest:
            return 0.0
        middle = sorted(self.latest)[(len(self.latest) - 1) // 2]
        return sum(min(seconds, MOST_TIMES * middle) for seconds in self.latest) / len(self.latest)


@dataclass(frozen=True)
class Breaks:
    """How often and how long the steps of a run waited for something else, and for how many steps that was."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    count: int = 0
    """Steps after which there was a break; an evaluation and the save that follows it are one."""
    last_step: int = 0

    def with_one(self, name: str, step: int, seconds: float) -> Breaks:
        """Return the breaks with one more after ``step``; before the first step there is none that comes again."""
        if step <= 0:
            return self
        known = self.kinds.get(name, Kind())
        kind = Kind(known.count + 1, (*known.latest, seconds)[-LATEST:])
        count = self.count + (step != self.last_step)
        return Breaks({**self.kinds, name: kind}, count, max(step, self.last_step))

    @property
    def _seconds(self) -> float:
        return sum(kind.count * kind.usual_s for kind in self.kinds.values())

    def a_step(self, step: int) -> float:
        """Return the seconds that breaks add to each step, seen from ``step``.

        Between two breaks nothing is learned, so the time up to the last one counts, until the next is overdue.
        """
        if not self.count:
            return 0.0
        return self._seconds / max(self.last_step, step - self.last_step / self.count)

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
        kinds = {name: Kind(kind.count * share, kind.latest) for name, kind in self.kinds.items()}
        return Breaks(kinds, max(1, round(self.count * share)), step)
