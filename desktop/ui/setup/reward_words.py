"""The rewards in plain words."""

from __future__ import annotations

from trainer_image.contract import RewardName

REWARD_WORDS: dict[RewardName, tuple[str, str]] = {
    "exact_answer": ("Exact answer", "The final answer is the row's right answer."),
    "number": ("Right number", "The last number is that of the right answer."),
    "regex": ("Pattern", "A regular expression finds what it looks for."),
    "format": ("Format", "Your tags are there, once each and in order."),
    "length": ("Brevity", "It is no longer than it has to be."),
    "json_schema": ("JSON", "It is JSON that fits a schema."),
    "code": ("Code that passes", "Its code passes the row's tests, in a jail."),
    "custom": ("Your own Python", "A function of yours gives the score."),
    "model": ("Reward model", "A model that you trained gives the score."),
    "process": ("Step judge", "A model that you trained scores each step."),
}
"""Title of each, and when an answer is good by it."""
