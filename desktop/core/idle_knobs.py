"""Knobs that a config may hold and that change nothing beside its others, each with the reason in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer_image.contract import RunConfig, knobs

SEARCH_STEPS = 100
"""Steps of a search for a learning rate that names none; the trainer's own number."""

_SCHEDULE = "The search for a learning rate has a schedule of its own: from very low to very high."
_UNTESTED = "The search for a learning rate evaluates nothing."
_UNSAVED = "The search for a learning rate keeps no checkpoint."
IN_A_SEARCH: Mapping[str, str] = {
    "learning_rate": "The search for a learning rate begins at a very low one and raises it, whatever is set here.",
    "lr_scheduler_type": _SCHEDULE,
    "min_lr_rate": _SCHEDULE,
    "warmup_steps": _SCHEDULE,
    "eval_steps": _UNTESTED,
    "sample_prompts": _UNTESTED,
    "early_stopping_patience": _UNTESTED,
    "load_best_model_at_end": _UNTESTED,
    "save_steps": _UNSAVED,
    "save_total_limit": _UNSAVED,
    "on_trouble": "The search for a learning rate ends by itself as soon as the loss runs away.",
}
"""What a search for a learning rate does without."""


def named_steps(config: RunConfig) -> int | None:
    """Return the steps of a run that makes so many whatever its rows and epochs are; None where those decide."""
    return config.max_steps or (SEARCH_STEPS if config.find_learning_rate else None)


def idle_knobs(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the knobs of these values that have no effect, and why; they are no mistake and stay as they are."""
    idle = dict(IN_A_SEARCH) if values["find_learning_rate"] is True else {}
    if isinstance(values["max_steps"], int):
        idle["num_train_epochs"] = f"Stop after steps ends the run at {values['max_steps']:,} steps, not the epochs."
    elif values["find_learning_rate"] is True:
        why = f"The search for a learning rate takes {SEARCH_STEPS} steps; Stop after steps can change that."
        idle["num_train_epochs"] = why
    return idle


def idle_sentence(config: RunConfig) -> str:
    """Say which knobs that were turned have no effect, a reason for each; nothing where all have."""
    idle = idle_knobs(config.model_dump())
    by_reason: dict[str, list[str]] = {}
    for knob in knobs(config.method):
        if knob.name in idle and getattr(config, knob.name) != knob.default:
            by_reason.setdefault(idle[knob.name], []).append(knob.name)
    return " ".join(f"{_listed(names)} no effect here. {why}" for why, names in by_reason.items())


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} has"
    return f"{', '.join(names[:-1])} and {names[-1]} have"
