"""How far the phase that is going on has come, where the trainer counts it, and how long the rest of it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trainer_image.contract import Phase, PhaseName

ENOUGH = timedelta(seconds=3)
"""How long has to be counted before a pace can be told."""


@dataclass(frozen=True)
class PhaseCount:
    """How far a phase has come: ``done`` of ``total``, since it was counted first."""

    name: PhaseName
    done: int
    total: int
    counted: datetime
    first_done: int
    first_counted: datetime

    @property
    def share(self) -> float:
        return self.done / self.total

    def seconds_left(self, now: datetime) -> float | None:
        """Estimate the time to the last one; None where too little was counted yet."""
        lasted, made = self.counted - self.first_counted, self.done - self.first_done
        if lasted < ENOUGH or made <= 0:
            return None
        pace = lasted.total_seconds() / made
        # While nothing is heard the time goes on, but only as far as the one that is being worked on could explain.
        since = min(max(0.0, (now - self.counted).total_seconds()), max(1.0, pace))
        return max(0.0, (self.total - self.done) * pace - since)


def counted(known: PhaseCount | None, event: Phase) -> PhaseCount | None:
    """Return what is known of a phase after one more count of it; None where all of it is done."""
    if event.done is None or not event.total or event.done >= event.total:
        # What goes on now is no part of what was counted, such as the sample prompts of an evaluation.
        return None
    if known is None or (known.name, known.total) != (event.name, event.total) or event.done < known.done:
        return PhaseCount(event.name, event.done, event.total, event.time, event.done, event.time)
    first_done, first_counted = known.first_done, known.first_counted
    return PhaseCount(event.name, event.done, event.total, event.time, first_done, first_counted)


def moved(count: PhaseCount, by: timedelta) -> PhaseCount:
    """Return a count by a clock that was set meanwhile."""
    return replace(count, counted=count.counted + by, first_counted=count.first_counted + by)
