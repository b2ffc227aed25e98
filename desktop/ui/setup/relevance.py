"""Which knobs matter for what the form shows: those of the method, and of its rewards, loss, base and schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer_image.contract import CHECKED, REWARD_TAKES, knobs

NEED_EVALUATION = ("eval_steps", "sample_prompts", "early_stopping_patience", "load_best_model_at_end")
FOUR_BIT = ("bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
LOSSES_OF: Mapping[str, tuple[str, ...]] = {
    "label_smoothing": ("robust", "simpo", "cpo"),
    "simpo_gamma": ("simpo",),
    "cpo_alpha": ("simpo", "cpo"),
}
"""The preference losses that use a knob."""


def relevant_knobs(values: Mapping[str, Any]) -> set[str]:
    """Return the knobs that have an effect beside these values; the contract refuses the others."""
    method = values["method"]
    used = knobs(method)
    without: set[str] = set()
    if values["eval_split_size"] == 0:
        without.update(NEED_EVALUATION)
    if values["full_finetuning"]:
        without.update(knob.name for knob in used if knob.group == "LoRA" and knob.name != "full_finetuning")
        without.add("load_in_4bit")
    if values["full_finetuning"] or not values["load_in_4bit"]:
        without.update(FOUR_BIT)
    if values["lr_scheduler_type"] != "cosine_with_min_lr":
        without.add("min_lr_rate")
    if values["lr_scheduler_type"] == "constant":
        without.add("warmup_steps")
    if method == "dpo":
        without.update(knob for knob, losses in LOSSES_OF.items() if values["loss_type"] not in losses)
    if method in CHECKED:
        for reward, names in REWARD_TAKES.items():
            if reward not in values["rewards"]:
                without.update(names)
    return {knob.name for knob in used} - without
