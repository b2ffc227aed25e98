"""How often a preset goes through the rows, and when it tests and saves."""

from __future__ import annotations

import math

from desktop.core.auto_draft import Draft
from trainer_image.contract import GENERATING, REINFORCED, Method

ONCE: tuple[Method, ...] = ("dpo", "orpo", "kto", "reward", "prm", "rlhf", "rloo", "grpo", "pretrain")
"""Methods that need to see their rows once."""
SMALLEST_FOR_BEST = 100
"""Fewer rows than this are too few to tell one checkpoint from another."""


def set_training(draft: Draft) -> None:
    """How often through the data, and how fast."""
    values, rows, method = draft.values, draft.data.rows, draft.method
    if draft.preset == "test":
        steps = values["max_steps"] = 10 if method in GENERATING else 60
        values["num_train_epochs"] = 1.0 if method == "star" else 3.0
        values["save_steps"] = steps // 2
        if method == "sft":
            values["learning_rate"] = 5e-4
        draft.say("max_steps", f"{steps} steps", "that shows whether it works")
        return
    few = rows is not None and rows <= 5_000
    if draft.preset == "fast" or method in ONCE:
        times = 1
    elif rows is None:
        times = 3 if draft.preset == "best" else 2
    else:
        times = (3 if few else 2 if rows <= 50_000 else 1) + (draft.preset == "best" and rows <= 50_000 and not few)
    if draft.preset != "fast" and few and rows is not None and rows < 500 and method in ONCE:
        times = 2
    values["num_train_epochs"] = float(times)
    if rows is not None:
        often = {1: "once", 2: "twice"}.get(times, f"{times} times")
        why = f"{rows:,} rows are few" if rows <= 500 else f"more would learn {rows:,} rows by heart"
        draft.say("num_train_epochs", f"{often} through the data", why)


def set_rhythm(draft: Draft) -> None:
    """When to test and to save, by the steps that the run will have."""
    values, rows = draft.values, draft.data.rows
    if draft.preset == "test" or rows is None:
        return
    copies = draft.room.cards if draft.room.use == "cards" else 1
    batch = values["per_device_train_batch_size"] * values["gradient_accumulation_steps"] * copies
    tries = int(draft.kept.get("num_generations", 8)) if draft.method in REINFORCED else 1
    steps = max(1, math.ceil(rows * tries / batch * values["num_train_epochs"]))
    values["save_steps"] = max(10, min(500, math.ceil(steps / 10)))
    evaluates = "eval_split_size" in values and draft.method != "star"
    if evaluates and rows > 20_000:
        values["eval_split_size"] = max(0.001, round(1000 / rows, 4))
    if draft.preset == "best" and evaluates and rows >= SMALLEST_FOR_BEST:
        values["eval_steps"] = max(5, math.ceil(steps / 8))
        values["load_best_model_at_end"] = True
        draft.say("load_best_model_at_end", "the best checkpoint is kept", "the last one has often learned too much")
