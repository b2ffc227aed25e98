"""The metrics of the methods: which matter most, and what people call them."""

from __future__ import annotations

from collections.abc import Mapping

from trainer_image.contract import Method

_PREFERENCES = ("rewards/accuracies", "rewards/margins")
_REINFORCEMENT = ("reward", "reward_std", "completions/mean_length", "kl")
_HEADLINES: Mapping[Method, tuple[str, ...]] = {
    "sft": ("mean_token_accuracy",),
    "pretrain": ("mean_token_accuracy",),
    "dpo": _PREFERENCES,
    "orpo": _PREFERENCES,
    "kto": ("rewards/margins", "kl"),
    "reward": ("accuracy", "margin"),
    "prm": ("accuracy",),
    "rlhf": _REINFORCEMENT,
    "rloo": _REINFORCEMENT,
    "grpo": _REINFORCEMENT,
    "star": ("mean_token_accuracy",),
}
_LABELS: Mapping[str, str] = {
    "rewards/accuracies": "accuracy",
    "rewards/margins": "margin",
    "rewards/chosen": "reward of chosen",
    "rewards/rejected": "reward of rejected",
    "logps/chosen": "likelihood of chosen",
    "logps/rejected": "likelihood of rejected",
    "reward_std": "spread of rewards",
    "frac_reward_zero_std": "prompts without spread",
    "completions/mean_length": "tokens an answer",
    "completions/clipped_ratio": "answers cut off",
    "mean_token_accuracy": "tokens right",
    "kl": "KL",
    "solved": "solved",
    "mean_reward": "mean reward",
}


def headline(method: Method) -> tuple[str, ...]:
    """Return the names of the few metrics that matter most for a method."""
    return _HEADLINES[method]


def label(name: str) -> str:
    """Return a metric's name in plain words."""
    if name in _LABELS:
        return _LABELS[name]
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == "rewards":  # each reward by its own name: rewards/exact_answer/mean
        return f"reward {parts[1]}" if parts[2] == "mean" else f"reward {parts[1]}, spread"
    return name.replace("/", " ").replace("_", " ")
