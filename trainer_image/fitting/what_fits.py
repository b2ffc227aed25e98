"""What would make a run fit: the nearest changes of its config, tried one by one, then together.

``hint`` is a sentence for a run that has failed; ``nearest`` are the smallest changes, for a form to offer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from trainer_image.contract import GENERATING, LEAST_ROWS, RunConfig

MOST = 3
"""So many ways out are named: more would be a list to study."""


@dataclass(frozen=True)
class Change:
    """Knobs that would need less memory, in words, and what taking them costs."""

    words: str
    knobs: dict[str, Any]
    cost: str


def nearest(config: RunConfig, fits: Callable[[RunConfig], bool], cards: int = 1) -> list[Change]:
    """Return the changes that would make the run fit, the cheapest first, each no larger than it has to be.

    Where no single one does, the fewest of them that do together; none where even all are too few.
    """
    alone = list[Change]()
    furthest = list[Change]()
    for ladder in _ladders(config, cards):
        found = next((change for change in ladder if fits(_taken(config, [change]))), None)
        if found is not None:
            alone.append(found)
        elif ladder:
            furthest.append(ladder[-1])
    if alone:
        return alone
    # One after the other joins, and what turns out to be needless leaves again.
    enough = next((count for count in range(2, len(furthest) + 1) if fits(_taken(config, furthest[:count]))), None)
    if enough is None:
        return []
    together = furthest[:enough]
    for change in together[:-1]:
        fewer = [other for other in together if other is not change]
        if fits(_taken(config, fewer)):
            together = fewer
    knobs = {knob: value for change in together for knob, value in change.knobs.items()}
    costs = "; ".join(dict.fromkeys(change.cost for change in together))
    return [Change("; ".join(change.words for change in together), knobs, costs)]


def _taken(config: RunConfig, changes: Iterable[Change]) -> RunConfig:
    return _changed(config, ((change.words, change.knobs) for change in changes))


def _ladders(config: RunConfig, cards: int) -> Iterator[list[Change]]:
    """Yield ways to need less, the cheapest first; each is a list of steps, the smallest first."""
    if not config.gradient_checkpointing:
        yield [Change("Gradient checkpointing on", {"gradient_checkpointing": True}, "about a quarter slower")]
    yield [
        Change(
            f"Rows at once {rows}, accumulation {times}",
            {"per_device_train_batch_size": rows, "gradient_accumulation_steps": times},
            "the same batch for each step, a little slower",
        )
        for rows, times in _smaller_cuts(config)
    ]
    if "8bit" not in config.optim and config.optim not in ("sgd", "adafactor", "paged_adamw_32bit"):
        slower = "a little slower when the card is full"
        yield [
            Change("Optimizer adamw_8bit", {"optim": "adamw_8bit"}, "nearly the same result"),
            Change("Optimizer paged_adamw_8bit", {"optim": "paged_adamw_8bit"}, slower),
        ]
    if not config.full_finetuning and not config.load_in_4bit:
        yield [Change("4-bit base (QLoRA)", {"load_in_4bit": True}, "a little slower, almost the same result")]
    if cards > 1 and config.placement in ("one", "data_parallel"):
        yield [Change("Use of the cards auto", {"placement": "auto"}, "may be slower: cards wait for each other")]
    yield [
        Change(f"Longest row {length}", {"max_length": length}, "longer rows are cut") for length in _shorter(config)
    ]
    if config.lora_r > 8 and not config.full_finetuning:
        ranks = [rank for rank in (config.lora_r // 2, config.lora_r // 4, 8) if rank >= 8]
        yield [Change(f"LoRA rank {rank}", {"lora_r": rank}, "can hold less") for rank in dict.fromkeys(ranks)]
    if config.full_finetuning:
        yield [
            Change("LoRA instead of training all weights", {"full_finetuning": False}, "can hold less"),
            Change("LoRA on a 4-bit base (QLoRA)", {"full_finetuning": False, "load_in_4bit": True}, "can hold less"),
        ]


def _smaller_cuts(config: RunConfig) -> Iterator[tuple[int, int]]:
    """Yield fewer rows at once with as much more accumulation, so that a step sees the same rows."""
    total = config.per_device_train_batch_size * config.gradient_accumulation_steps
    least = LEAST_ROWS.get(config.method, 1)
    for rows in range(config.per_device_train_batch_size - 1, least - 1, -1):
        if total % rows == 0:
            yield rows, total // rows


def _shorter(config: RunConfig) -> Iterator[int]:
    """Yield shorter rows, three quarters and half of each power of two; what is generated keeps its room."""
    answer = config.max_completion_length if config.method in GENERATING else 0
    for parts in (3 / 4, 1 / 2, 3 / 8, 1 / 4, 1 / 8):
        length = int(config.max_length * parts)
        if length >= max(128, 2 * answer):
            yield length


def hint(config: RunConfig, fits: Callable[[RunConfig], bool]) -> str:
    """Return in one sentence which changes would make the run fit."""
    alone = [words for words, update in _changes(config) if fits(config.model_copy(update=update))]
    if alone:
        return f"It would fit with one of these: {'; '.join(alone[:MOST])}."
    together: dict[frozenset[str], tuple[str, dict[str, Any]]] = {}
    for words, update in _changes(config):
        # Half the length and a quarter of it are one change: the later takes the place of the earlier.
        together[frozenset(update)] = (words, update)
        if fits(_changed(config, together.values())):
            break
    else:
        return "Choose a smaller model: no change of the knobs makes this one fit."
    for knobs in list(reversed(together))[1:]:
        fewer = [change for name, change in together.items() if name != knobs]
        if fits(_changed(config, fewer)):
            del together[knobs]
    return f"It would fit with all of these: {'; '.join(words for words, _ in together.values())}."


def _changed(config: RunConfig, changes: Iterable[tuple[str, dict[str, Any]]]) -> RunConfig:
    return config.model_copy(update={knob: value for _, update in changes for knob, value in update.items()})


def _changes(config: RunConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield changes in words and as knobs, those that cost least first."""
    if not config.gradient_checkpointing:
        yield "Gradient checkpointing on", {"gradient_checkpointing": True}
    rows = config.per_device_train_batch_size
    least = LEAST_ROWS.get(config.method, 1)
    if rows > least:
        steps = math.ceil(config.gradient_accumulation_steps * rows / least)
        update = {"per_device_train_batch_size": least, "gradient_accumulation_steps": steps}
        yield f"Rows at once {least} and Gradient accumulation {steps}", update
    if config.full_finetuning:
        yield "LoRA instead of training all weights", {"full_finetuning": False}
        yield "LoRA on a 4-bit base (QLoRA)", {"full_finetuning": False, "load_in_4bit": True}
    elif not config.load_in_4bit:
        yield "4-bit base (QLoRA)", {"load_in_4bit": True}
    if "8bit" not in config.optim and config.optim not in ("sgd", "adafactor"):
        yield "Optimizer paged_adamw_8bit", {"optim": "paged_adamw_8bit"}
    if config.lora_r > 8 and not config.full_finetuning:
        yield "LoRA rank 8", {"lora_r": 8}
    for part in (2, 4, 8):
        if config.max_length // part >= 128:
            yield f"Longest row {config.max_length // part}", {"max_length": config.max_length // part}
