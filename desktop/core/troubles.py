"""Trouble that only shows from outside a run: no step for far too long, a card that is too hot or is slowed down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from desktop.core.run import Run, RunState

Reaction = Literal["tell", "pause", "stop"]
REACTIONS: tuple[Reaction, ...] = ("tell", "pause", "stop")

QUIET_S, QUIET_TIMES = 60.0, 20
"""A step is late after so many seconds and so many times the usual: 2 s a step is said after a minute."""
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
    is_training = run.state is RunState.RUNNING and phase is not None and phase.name == "train"
    if not is_training or progress.pace_s is None or progress.steps_of_try < STEPS_TO_KNOW:
        return ""
    if silent_s <= max(QUIET_S, QUIET_TIMES * progress.pace_s):
        return ""
    usual = f"{progress.pace_s:.1f} s" if progress.pace_s < 10 else f"{progress.pace_s:.0f} s"
    return f"{run.name} has made no step for {_time(silent_s)}; one takes {usual}."


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
