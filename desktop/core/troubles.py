"""Trouble that only shows from outside a run: no step for far too long, a card that is too hot or is slowed down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from desktop.core.run import Run, RunState
from trainer_image.contract import PhaseName

Reaction = Literal["tell", "pause", "stop"]
REACTIONS: tuple[Reaction, ...] = ("tell", "pause", "stop")

QUIET_S, QUIET_TIMES = 60.0, 20
"""A step is late after so many seconds and so many times the usual: 2 s a step is said after a minute."""
BREAK_TIMES = 5
"""And an evaluation or a checkpoint after so many times the longest one before."""
FIRST_S = 300.0
"""The first evaluation of a start has none before it. It is heard of after every batch and every sample, which take no
longer than a step, and may compile once; so long without a word it hangs. What hangs is ended after ten minutes."""
BREAK_WORDS: dict[PhaseName, str] = {
    "evaluate": "an evaluation",
    "save": "saving a checkpoint",
}
STEPS_TO_KNOW = 3
"""Steps that have to be made before it is known how long one takes."""
HOT_C, COOL_C = 90, 85
"""Degrees from which a card counts as hot, and below which not any more; consumer cards slow down at 83 to 93."""
LASTING = 30
"""Samples, one a second, for which it has to last."""
BY_HEAT = ("heat", "hot", "therm", "temperature", "slowdown")
"""Words of a throttle reason that speaks of trouble; a card at its power limit is merely busy."""


class Sample(Protocol):
    """What has to be known of a card."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def temperature_c(self) -> int | None: ...
    @property
    def throttles(self) -> tuple[str, ...]: ...


def stall(run: Run, silent_s: float) -> str:
    """Return in a sentence that a run makes no step any more, or nothing; ``silent_s`` since it last said anything."""
    progress = run.progress
    phase = progress.phase
    if run.state is not RunState.RUNNING or phase is None or progress.pace_s is None:
        return ""
    if progress.steps_of_try < STEPS_TO_KNOW:
        return ""
    if phase.name in BREAK_WORDS:
        return _stall_in_break(run, phase.name, silent_s)
    if phase.name != "train" or silent_s <= max(QUIET_S, QUIET_TIMES * progress.pace_s):
        return ""
    return f"{run.name} has made no step for {_time(silent_s)}; one takes {_usual(progress.pace_s)}."


def _stall_in_break(run: Run, name: PhaseName, silent_s: float) -> str:
    """What training waits for takes about as long each time; how long the first checkpoint takes nobody knows.

    A round of STaR that is resumed leaves out what it had answered, so that its time says nothing of the next one's.
    """
    if run.config.method == "star":
        return ""
    longest = max((seconds for ended, seconds in run.progress.phases if ended == name), default=None)
    what = BREAK_WORDS[name]
    if longest is None:
        pace = run.progress.pace_s or 0.0
        if name != "evaluate" or silent_s <= max(FIRST_S, QUIET_TIMES * pace):
            return ""
        return f"{run.name} has said nothing for {_time(silent_s)} in {what}; a step takes {_usual(pace)}."
    if silent_s <= max(QUIET_S, BREAK_TIMES * longest):
        return ""
    return f"{run.name} has said nothing for {_time(silent_s)} in {what}; the longest before took {_usual(longest)}."


def _usual(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else _time(seconds)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


@dataclass
class _Card:
    hot: int = 0
    slowed: int = 0
    is_hot: bool = False
    is_slowed: bool = False


class Heat:
    """Watches the cards; each trouble is told once until it is over."""

    def __init__(self) -> None:
        self._cards: dict[int, _Card] = {}

    def take(self, samples: Sequence[Sample]) -> list[tuple[int, str]]:
        """Take in the cards of one second; return the cards in trouble that has begun to last, with a sentence."""
        found: list[tuple[int, str]] = []
        for sample in samples:
            card = self._cards.setdefault(sample.index, _Card())
            name = f"GPU {sample.index} ({sample.name})"
            degrees = sample.temperature_c or 0
            card.hot = card.hot + 1 if degrees >= HOT_C else 0
            card.is_hot = card.is_hot and degrees >= COOL_C
            if card.hot >= LASTING and not card.is_hot:
                card.is_hot = True
                found.append((sample.index, f"{name} is at {degrees} °C."))
            reasons = [why for why in sample.throttles if any(word in why.lower() for word in BY_HEAT)]
            card.slowed = card.slowed + 1 if reasons else 0
            card.is_slowed = card.is_slowed and bool(reasons)
            if card.slowed >= LASTING and not card.is_slowed:
                card.is_slowed = True
                if not card.is_hot:
                    found.append((sample.index, f"{name} slows itself down: {', '.join(reasons)}."))
        return found
