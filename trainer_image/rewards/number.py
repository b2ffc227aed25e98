"""The reward number: the last number of the completion is the row's."""

from __future__ import annotations

from trainer_image.rewards.answers import Number, marked_answer, numbers_in, without_thoughts
from trainer_image.rewards.exact_answer import reference_of
from trainer_image.rewards.kinds import Score, TaskLike, each


def build() -> Score:
    """Return the reward: 1 where the numbers are equal, 0 where they differ or none is said."""
    return each(_score)


def reference_number(answer: str) -> Number | None:
    """Return the number of a row's answer, which is its last one."""
    found = numbers_in(reference_of(answer))
    return found[-1] if found else None


def _score(completion: str, task: TaskLike) -> float | None:
    reference = reference_number(task.answer)
    if reference is None:
        return None
    text = without_thoughts(completion)
    found = numbers_in(marked_answer(text) or "") or numbers_in(text)
    return float(bool(found) and found[-1].equals(reference))
