"""Which of the runs that wait may start, and what keeps each of the others: pure rules.

A run wants cards; without any it wants the processor, which is a card of its own here. Runs that want the same card
start one after the other in their order, those that want different ones side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from desktop.body import EngineName
from desktop.core.run import Run, RunState
from trainer_image.contract import RunConfig

PROCESSOR = -1
"""The card that runs without any card share."""

Move = Literal["up", "down", "first", "last"]
MOVES: tuple[Move, ...] = ("up", "down", "first", "last")
ENGINE_WORDS: Mapping[EngineName, str] = {"docker": "the Docker engine", "process": "the trainer's environment"}


@dataclass(frozen=True)
class Around:
    """What the rules have to know besides the runs themselves."""

    cards: tuple[int, ...]
    """The cards of this machine."""
    now: datetime
    leaving: frozenset[str] = frozenset()
    """Runs that have ended, and whose bodies may still hold a card's memory."""
    silent: frozenset[EngineName] = frozenset()
    """Engines that do not answer."""
    stopped_because: str | None = None
    """Why the queue is stopped, as a part of a sentence; None where it goes on."""


def lanes(config: RunConfig, cards: Sequence[int]) -> frozenset[int]:
    """Return the cards that a run takes for itself."""
    wanted = cards if config.gpus is None else config.gpus
    return frozenset(wanted) or frozenset((PROCESSOR,))


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return the runs that wait, the next one first; what goes on with a run that has begun comes before the rest."""
    waiting = [run for run in runs if run.state is RunState.WAITING]
    return sorted(waiting, key=lambda run: (_place(run), run.created, run.id))


def _place(run: Run) -> float:
    if run.position is not None:
        return run.position
    return float("-inf") if run.after is not None else float("inf")


def blocks(runs: Mapping[str, Run], around: Around) -> dict[str, str]:
    """Return for every run that waits what keeps it, as a part of a sentence; empty for those that may start now."""
    taken: dict[int, str] = {}
    for run in runs.values():
        if run.state.is_live or run.id in around.leaving:
            words = f"waits for {run.name}" + ("" if run.state.is_live else ", which is just leaving")
            taken.update(dict.fromkeys(lanes(run.config, around.cards), words))
    found: dict[str, str] = {}
    for run in in_order(runs.values()):
        wanted = sorted(lanes(run.config, around.cards))
        why = _own_reason(run, runs, around)
        if not why:
            card = next((card for card in wanted if card in taken), None)
            why = _with_card(taken[card], card, around) if card is not None else ""
            # Nobody behind it may take a card that it waits for, or it might wait for ever.
            words = f"waits for {run.name}" + (", which is before it" if why else "")
            taken.update(dict.fromkeys(wanted, words))
        found[run.id] = why
    return found


def _own_reason(run: Run, runs: Mapping[str, Run], around: Around) -> str:
    """Return what keeps a run whatever the others do; meanwhile those behind it may pass."""
    before = runs.get(run.after or "")
    if run.after is not None and (before is None or before.state is not RunState.FINISHED):
        return f"waits for {before.name}" if before else "waits for a run that is not there"
    if run.not_before is not None and around.now < run.not_before:
        return f"starts {moment(run.not_before, around.now)}"
    if around.stopped_because is not None:
        return f"waits: the queue is stopped{around.stopped_because and f', {around.stopped_because}'}"
    if run.engine in around.silent:
        return f"waits for {ENGINE_WORDS[run.engine]}, which does not answer"
    return ""


def _with_card(words: str, card: int, around: Around) -> str:
    """Name the card where there are several to be told apart."""
    return f"{words} (GPU {card})" if card != PROCESSOR and len(around.cards) > 1 else words


def moment(when: datetime, now: datetime) -> str:
    """Return a moment to come in local time: at 22:30, or with its day where that is another one."""
    local = when.astimezone()
    if local.date() == now.astimezone().date():
        return f"at {local:%H:%M}"
    return f"on {local:%d %b at %H:%M}"


def position_at_end(runs: Iterable[Run]) -> float:
    """Return a place behind every run that waits."""
    return max((run.position for run in runs if run.position is not None), default=0.0) + 1.0


def moved(order: Sequence[Run], run_id: str, how: Move) -> dict[str, float]:
    """Return the new places that put a run elsewhere in the order; empty where it is there already.

    That is one place between those beside it. Where halving has left no number between them, every run gets a new one.
    """
    ids = [run.id for run in order]
    now = ids.index(run_id)
    target = {"up": now - 1, "down": now + 1, "first": 0, "last": len(ids) - 1}[how]
    if target == now or not 0 <= target < len(ids):
        return {}
    others = [run for run in order if run.id != run_id]
    ahead = others[target - 1].position if target > 0 else float("-inf")
    behind = others[target].position if target < len(others) else float("inf")
    if ahead is not None and behind is not None:
        place = _between(ahead, behind)
        if ahead < place < behind:
            return {run_id: place}
    ids.remove(run_id)
    ids.insert(target, run_id)
    return {each: float(number) for number, each in enumerate(ids, 1)}


def _between(ahead: float, behind: float) -> float:
    if ahead == float("-inf"):
        return behind - 1.0
    return ahead + 1.0 if behind == float("inf") else (ahead + behind) / 2


def lane_words(gpus: Sequence[int] | None, cards: Sequence[int]) -> str:
    """Return the cards that a run is for, where there are several to be told apart: both cards, GPU 1, no card."""
    if len(cards) < 2:
        return ""
    if gpus is None or set(gpus) == set(cards):
        return "both cards" if len(cards) == 2 else f"all {len(cards)} cards"
    if not gpus:
        return "no card"
    *first, last = sorted(gpus)
    return f"GPU {', '.join(map(str, first))} and {last}" if first else f"GPU {last}"
