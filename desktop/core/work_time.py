"""How long a run has worked: all its starts together, without the times between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

NONE = timedelta(0)


@dataclass(frozen=True)
class WorkTime:
    """The time from word to word of the trainer, and how much of it belongs to earlier starts."""

    total: timedelta = NONE
    earlier: timedelta = NONE
    """What had been worked before the latest start."""
    is_at_rest: bool = True
    """No trainer is at work: the time to the next word does not count."""

    def begun(self) -> WorkTime:
        """Return it as it is when a trainer is started: all so far was earlier, and nothing counts until it speaks."""
        return WorkTime(self.total, self.total, is_at_rest=True)

    def spoken(self) -> WorkTime:
        """Return it as it is when a trainer that was started says its first word."""
        return WorkTime(self.total, self.total, is_at_rest=False)

    def ended(self) -> WorkTime:
        """Return it as it is when a trainer has said its last word."""
        return replace(self, is_at_rest=True)

    def plus(self, time: timedelta) -> WorkTime:
        """Return it with the time since the word before; a clock that was set back adds none."""
        return self if self.is_at_rest else replace(self, total=self.total + max(NONE, time))
