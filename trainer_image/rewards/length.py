"""The reward length: 1 up to a number of characters, then smoothly less, 0 at twice as many."""

from __future__ import annotations

import math

from trainer_image.rewards.kinds import Score, each


def build(limit: int) -> Score:
    """Return the reward for a limit in characters, which count alike in every language."""
    return each(lambda completion, _: score(len(completion.strip()), limit))


def score(length: int, limit: int) -> float:
    """Return half a wave of the cosine between the limit and its double; saying nothing is worth nothing."""
    over = min(max(length / limit - 1, 0.0), 1.0)
    return (1 + math.cos(math.pi * over)) / 2 if length else 0.0
