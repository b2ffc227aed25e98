"""The charts of a run: which numbers each method is watched by, in which order, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from desktop.core import metrics
from desktop.ui.setup.reward_words import REWARD_WORDS
from trainer_image.contract import REINFORCED, Method

TITLES: Mapping[str, tuple[str, str]] = {
    "loss": ("Loss", "How wrong the model still is on what it learns; lower is better."),
    "learning_rate": ("Learning rate", "How far one step moves the weights."),
    "grad_norm": ("Gradient norm", "How strongly the rows pull at the weights; a peak is a shock."),
    "tokens_per_s": ("Tokens per second", "How fast the run reads."),
    "step_s": ("Seconds a step", "How long a step takes."),
    "reward": ("Reward", "What the tries earned on average, all rewards weighed together."),
    "solved": ("Problems solved", "The share of the problems held back that the model solves."),
    "reward_std": (
        "Spread of rewards",
        "How much the tries at one prompt differ; with none nothing can be learned.",
    ),
    "frac_reward_zero_std": ("Prompts without spread", "The share of prompts whose tries all earned the same."),
    "rewards/accuracies": ("Accuracy", "How often the chosen answer is ahead of the rejected one."),
    "rewards/margins": ("Chosen ahead of rejected (margin)", "How far the chosen answer is ahead of the rejected one."),
    "rewards/chosen": ("Reward of chosen", "How much likelier than at the start the chosen answers have become."),
    "rewards/rejected": ("Reward of rejected", "How much likelier than at the start the rejected answers have become."),
    "logps/chosen": ("Likelihood of chosen", "The log-likelihood of the chosen answers."),
    "logps/rejected": ("Likelihood of rejected", "The log-likelihood of the rejected answers."),
    "accuracy": ("Accuracy", "How often the judgement is right."),
    "margin": ("Chosen ahead of rejected (margin)", "How far the better answer's score is ahead."),
    "mean_reward": ("Mean score", "The score that answers get on average."),
    "kl": ("KL to the start", "How far the model has moved from what it was."),
    "entropy": ("Entropy", "How open the model still is about its next word; near 0 all tries are alike."),
    "completions/mean_length": ("Answer length", "Tokens an answer has on average."),
    "completions/clipped_ratio": ("Answers cut off", "The share of answers that reached the longest length."),
    "mean_token_accuracy": ("Tokens guessed right", "The share of tokens that the model would have written itself."),
}
"""Title and sentence of each number."""

_PREFERENCES = ("rewards/margins", "rewards/accuracies", "rewards/chosen", "rewards/rejected", "kl", "logps/chosen")
_TRIES = ("completions/mean_length", "kl", "reward_std", "completions/clipped_ratio", "frac_reward_zero_std", "entropy")
_USUAL = ("learning_rate", "grad_norm", "tokens_per_s")
_ORDER: Mapping[Method, tuple[str, ...]] = {
    "sft": ("mean_token_accuracy",),
    "pretrain": ("mean_token_accuracy",),
    "dpo": _PREFERENCES,
    "orpo": _PREFERENCES,
    "kto": _PREFERENCES,
    "reward": ("accuracy", "margin", "mean_reward"),
    "prm": ("accuracy",),
    "rlhf": _TRIES,
    "rloo": _TRIES,
    "grpo": _TRIES,
    "star": ("solved", "mean_token_accuracy"),
}
_LEFT_OUT = {"num_tokens", "step", "time", "tokens", "step_s", "elapsed"}
SHOWN_AT_ONCE = 7
"""So many small charts are shown before one asks for more."""


def title_of(name: str) -> str:
    """Return what a chart is called."""
    if name in TITLES:
        return TITLES[name][0]
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == "rewards" and parts[2] == "mean" and parts[1] in REWARD_WORDS:
        return f"Reward: {REWARD_WORDS[parts[1]][0].lower()}"
    words = metrics.label(name)
    return words[:1].upper() + words[1:]


def sentence_of(name: str) -> str:
    """Return what a number means, and its name in the log."""
    known = TITLES.get(name, ("", ""))[1]
    return f"{known} In the log: {name}".strip()


def tip_of(name: str) -> str:
    """Return what the title of a chart says when the pointer rests on it."""
    return f"{sentence_of(name)}\nDouble-click: this chart alone, and back"


def main_chart(method: Method, known: Iterable[str]) -> str:
    """Return what the large chart shows: what the method wants to raise, else its loss."""
    return "reward" if method in REINFORCED and "reward" in set(known) else "loss"


def small_charts(method: Method, known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names of the small charts: those to show at once, and those on demand."""
    names = [name for name in known if name not in _LEFT_OUT and name != main_chart(method, known)]
    rewards = [name for name in names if name.startswith("rewards/") and name.endswith("/mean")]
    each_reward = rewards if len(rewards) > 1 else []
    order = [*each_reward, *_ORDER[method], "loss", *_USUAL]
    first = [name for name in dict.fromkeys(order) if name in names][:SHOWN_AT_ONCE]
    return first, [name for name in names if name not in first]
