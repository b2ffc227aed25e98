"""The reward regex: the pattern is found somewhere in the completion (write ^ and $ around it for the whole)."""

from __future__ import annotations

from collections.abc import Sequence

from trainer_image.rewards.kinds import Score, TaskLike
from trainer_image.rewards.watched import Watched


def build(pattern: str, seconds: float) -> Score:
    """Return the reward: 1 where the pattern is found, 0 where it is not, or not within the time.

    Some patterns take for ever on some texts, and Python cannot stop a search; a process can be stopped.
    """

    def score(completions: Sequence[str], _: Sequence[str], __: Sequence[TaskLike]) -> list[float | None]:
        with Watched(seconds) as watched:
            return [float(watched.ask("search", pattern=pattern, text=text.strip()) is True) for text in completions]

    return score
