"""How long the steps of a quick test take here, how many of them are minutes, and a model that would do them all."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.core.auto_draft import Draft, called
from desktop.core.duration import SHARE_REACHED, START_S, tflops
from desktop.core.models import model_list
from trainer_image.contract import GENERATING

MINUTES_S = 15 * 60
"""A test that takes longer is no quick one."""
LEAST_STEPS = 5
"""Fewer steps show nothing."""
PROCESSOR_FLOPS = 170e9
"""What a processor reaches. Seen: 345e9 with 2 cores that have AMX; most have not."""
PASSES = 6
"""Operations for each weight and token: forward, again forward with checkpointing, and backward through the inputs."""
SHORTEST_STEP_S = 1.0
"""However small the model: what is done between the sums of a step."""
WRITING = 3
"""By how much longer a step takes whose answers the model writes itself."""


@dataclass(frozen=True)
class TestLength:
    """The steps of a quick test, and why so many."""

    steps: int
    why: str
    seconds: float | None = None
    """About how long they take, where the reason says so."""


def test_length(draft: Draft) -> TestLength:
    """Return as many steps as are minutes; with less than the usual number, a model that would do them all."""
    usual = 10 if draft.method in GENERATING else 60
    each = _step_s(draft, _weights(draft))
    steps = usual if each is None else max(LEAST_STEPS, min(usual, int(MINUTES_S / each)))
    if each is None or (steps == usual and draft.machine.cards):
        # With cards "Will it fit?" says how long it takes.
        return TestLength(steps, "that shows whether it works")
    seconds = START_S[1] + steps * each
    if steps == usual:
        return TestLength(steps, f"that shows whether it works, and takes {time_words(seconds)}", seconds)
    where = "on this machine's cards" if draft.machine.cards else "on a processor"
    why = f"with {called(draft.model)} {where} they take {time_words(seconds)}"
    smaller = _smaller(draft, usual)
    return TestLength(steps, f"{why}, while {smaller} would do {usual} in minutes" if smaller else why, seconds)


def _weights(draft: Draft) -> float | None:
    facts = draft.model.facts
    return facts.met_parameters if facts else draft.model.size


def _step_s(draft: Draft, weights: float | None) -> float | None:
    """Return what a step may well take, in seconds; None where nobody knows the model or the card."""
    rates = [tflops(card.name) * 1e12 * SHARE_REACHED[0] for card in draft.machine.cards] or [PROCESSOR_FLOPS]
    if weights is None or not min(rates):
        return None
    values, lengths = draft.values, draft.data.lengths
    longest = values["max_length"]
    is_whole = draft.method in GENERATING or not len(lengths)
    tokens = longest if is_whole else sum(min(one, longest) for one in lengths) / len(lengths)
    rows = values["per_device_train_batch_size"] * values["gradient_accumulation_steps"]
    times = WRITING if draft.method in GENERATING else 1
    return max(SHORTEST_STEP_S, float(rows * tokens * times * PASSES * weights / min(rates)))


def _smaller(draft: Draft, steps: int) -> str:
    """Return the largest listed model that does so many steps in minutes; empty where none does."""
    fitting = [
        one
        for one in model_list().models
        if one.facts
        and one.kind == "chat"
        and (one.parameters < (draft.model.size or 0))
        and steps * (_step_s(draft, one.facts.met_parameters) or MINUTES_S) < MINUTES_S
    ]
    return max(fitting, key=lambda one: one.parameters).name if fitting else ""


def time_words(seconds: float) -> str:
    """Return a guessed time, no finer than a guess is."""
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} hours"
