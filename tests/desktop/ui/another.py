"""For every knob a value that is not its default, and what has to stand beside it."""

from __future__ import annotations

from trainer_image.contract import REWARD_NEEDS, REWARD_TAKES, Knob

ANOTHER: dict[str, object] = {
    "columns": ("prompt=question",),
    "read_as": ("header=no",),
    "gpus": (1,),
    "sample_prompts": ("Who are you?",),
    "model": "another",
    "dataset": "/another.jsonl",
    "method": "orpo",
    "target_modules": "q_proj,v_proj",
    "model_revision": "main",
    "learning_rate": 0.001,
    "neftune_noise_alpha": 5.0,
    "beta": 0.5,
    "label_smoothing": 0.1,
    "center_rewards_coefficient": 0.01,
    "num_generations": 4,
    "rewards": ("exact_answer", "number"),
    "reward_weights": (1.0, 0.5),
    "reward_regex": r"\d+",
    "reward_format": "<a>...</a>",
    "reward_json_schema": "{}",
    "reward_file": "/reward.py",
    "reward_model": "/judge",
    "process_reward_model": "/judge",
    "oom_retries": 2,
    "lora_dropout": 0.1,
}
BESIDE: dict[str, dict[str, object]] = {
    "label_smoothing": {"loss_type": "cpo"},
    "simpo_gamma": {"loss_type": "simpo"},
    "cpo_alpha": {"loss_type": "cpo"},
    "min_lr_rate": {"lr_scheduler_type": "cosine_with_min_lr"},
    "bnb_4bit_quant_type": {"load_in_4bit": True},
    "bnb_4bit_use_double_quant": {"load_in_4bit": True},
    "reward_weights": {"rewards": ("exact_answer", "number")},
    **{knob: {"rewards": (reward,)} for reward, taken in REWARD_TAKES.items() for knob in taken},
}
"""What a knob needs beside it to have an effect."""
NEEDED = {name for names in REWARD_NEEDS.values() for name in names}


def another_value(knob: Knob) -> object:
    """Return a value of the knob that is allowed and not its default."""
    if knob.name in ANOTHER:
        return ANOTHER[knob.name]
    if knob.kind is bool:
        return not knob.default
    if knob.choices:
        return knob.choices[-1]
    if knob.kind is int:
        return 9 if knob.default is None else knob.default + 8
    return knob.default / 2
