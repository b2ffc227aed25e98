"""What would make a run fit: the nearest changes of its config, tried one by one, then together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from trainer_image.contract import LEAST_ROWS, RunConfig

MOST = 3
"""So many ways out are named: more would be a list to study."""


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
