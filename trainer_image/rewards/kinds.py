"""What a reward is, what it is built from, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class TaskLike(Protocol):
    """The row that a completion answers: its line, the right answer, and its other columns."""

    @property
    def line(self) -> int: ...
    @property
    def answer(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...


Score = Callable[[Sequence[str], Sequence[str], Sequence[TaskLike]], list[float | None]]
"""From completions, prompts and tasks to one score each; None leaves the completion out of this reward's mean."""


class RewardError(Exception):
    """A reward cannot be built or went wrong: one sentence, and what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence} {hint}")
        self.sentence = sentence
        self.hint = hint


@dataclass(frozen=True)
class RewardPlan:
    """Which rewards a run uses, how they are weighed, and what each of them needs to know."""

    names: tuple[str, ...]
    weights: tuple[float, ...] = ()
    regex: str | None = None
    template: str = "<think>...</think><answer>...</answer>"
    length: int = 1000
    json_schema: str | None = None
    file: str | None = None
    reward_model: str | None = None
    process_reward_model: str | None = None
    time_limit_s: float = 5.0
    memory_limit_bytes: int = 512 << 20

    def weight_of(self, name: str) -> float:
        """Return what a reward counts; without weights they count alike."""
        return self.weights[self.names.index(name)] if self.weights else 1.0


@dataclass(frozen=True)
class Reward:
    """One reward by name, with what it counts; calling it scores completions."""

    name: str
    weight: float
    score: Score

    def __call__(
        self, completions: Sequence[str], prompts: Sequence[str], tasks: Sequence[TaskLike]
    ) -> list[float | None]:
        """Return the score of each completion."""
        return self.score(completions, prompts, tasks)


def each(score: Callable[[str, TaskLike], float | None]) -> Score:
    """Return a score of many completions made from that of one."""
    return lambda completions, _, tasks: [
        score(completion, task) for completion, task in zip(completions, tasks, strict=True)
    ]
