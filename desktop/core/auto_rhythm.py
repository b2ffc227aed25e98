"""How often a preset goes through the rows, and when it tests and saves."""

from __future__ import annotations

import math

from desktop.core.auto_draft import Draft
from desktop.core.auto_time import test_length
from trainer_image.contract import REINFORCED, Method, RunConfig

ONCE: tuple[Method, ...] = ("dpo", "orpo", "kto", "reward", "prm", "rlhf", "rloo", "grpo", "pretrain")
"""Methods that need to see their rows once."""
SMALLEST_FOR_BEST = 100
"""Fewer rows than this are too few to tell one checkpoint from another."""
USEFUL_STEPS = 20
"""Fast goes through few rows more than once until it makes so many steps, but no more often than Auto Set."""


def set_training(draft: Draft) -> None:
    """How often through the data, and how fast."""
    values, rows, method = draft.values, draft.data.rows, draft.method
    if draft.preset == "test":
        length = test_length(draft)
        values["max_steps"], draft.guess_s = length.steps, length.seconds
        values["num_train_epochs"] = 1.0 if method == "star" else 3.0
        values["save_steps"] = max(1, length.steps // 2)
        if method == "sft":
            values["learning_rate"] = 5e-4
        draft.say("max_steps", f"{length.steps} steps", length.why)
        return
    times = _usual_times(draft)
    once = _steps_once(draft)
    if draft.preset == "fast":
        times = min(times, math.ceil(USEFUL_STEPS / once)) if once is not None else 1
    values["num_train_epochs"] = float(times)
    if rows is not None:
        often = {1: "once", 2: "twice"}.get(times, f"{times} times")
        draft.say("num_train_epochs", f"{often} through the data", _why_so_often(draft, rows, times, once or 0))


def _usual_times(draft: Draft) -> int:
    rows, method = draft.data.rows, draft.method
    few = rows is not None and rows <= 5_000
    if method in ONCE:
        return 2 if rows is not None and rows < 500 else 1
    if rows is None:
        return 3 if draft.preset == "best" else 2
    return (3 if few else 2 if rows <= 50_000 else 1) + (draft.preset == "best" and rows <= 50_000 and not few)


def _why_so_often(draft: Draft, rows: int, times: int, once: int) -> str:
    if draft.preset == "fast":
        plural = "" if once == 1 else "s"
        return "that is the soonest" if times == 1 else f"once would be only {once} step{plural}"
    if rows > 500:
        return f"more would learn {rows:,} rows by heart"
    if times == 1:
        return "this method needs its rows no more often"
    return f"{rows:,} rows are few" if rows > 1 else "there is only 1 row"


def _steps_once(draft: Draft) -> int | None:
    """Return the steps of one round through what trains; None where nobody knows the rows."""
    values, count = draft.values, draft.sequences
    if count is None:
        return None
    evaluated: int = round(count * values["eval_split_size"])
    training = max(1, count - evaluated)
    copies = draft.room.cards if draft.room.use == "cards" and values["placement"] != "one" else 1
    batch = int(values["per_device_train_batch_size"] * values["gradient_accumulation_steps"] * copies)
    default = RunConfig.model_fields["num_generations"].default
    tries = int(draft.kept.get("num_generations", default)) if draft.method in REINFORCED else 1
    return max(1, math.ceil(training * tries / batch))


def set_rhythm(draft: Draft) -> None:
    """When to test and to save, by the steps that the run will have."""
    values, rows = draft.values, draft.data.rows
    once = _steps_once(draft)
    if draft.preset == "test" or rows is None or once is None:
        return
    steps = math.ceil(once * values["num_train_epochs"])
    values["save_steps"] = max(10, min(500, math.ceil(steps / 10)))
    evaluates = "eval_split_size" in values and draft.method != "star"
    if evaluates and rows > 20_000:
        values["eval_split_size"] = max(0.001, round(1000 / rows, 4))
    if draft.preset == "best" and evaluates and rows >= SMALLEST_FOR_BEST:
        values["eval_steps"] = max(5, math.ceil(steps / 8))
        values["load_best_model_at_end"] = True
        draft.say("load_best_model_at_end", "the best checkpoint is kept", "the last one has often learned too much")
