"""What the model tried at problems: kept on the disk as it comes, judged, and chosen to be learned from; no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from trainer_image.formats import Message
from trainer_image.generating.prompts import Prompt, turns_of
from trainer_image.rewards.answers import marked_answer
from trainer_image.rewards.kinds import Reward

RIGHT = 0.99
"""The share of what the rewards can give (1 for each, times its weight) from which a solution counts as right."""
KEPT_FOR_EACH = 4
"""Different solutions of one problem that are learned; more would let easy problems drown the hard ones."""
HINT = (
    "\n\nThe right answer is {answer}. Show the reasoning that leads there, step by step, end with that answer, "
    "and do not say that you were told it."
)


@dataclass(frozen=True)
class Try:
    """One answer to one problem; ``share`` is what its rewards gave of what they can give."""

    problem: int
    attempt: int
    text: str
    share: float | None
    is_whole: bool
    """False for an answer that was cut at its longest: learned, it would teach to break off."""

    @property
    def is_right(self) -> bool:
        return self.is_whole and self.share is not None and self.share >= RIGHT and bool(self.text.strip())


def share_of(rewards: Sequence[Reward], scores: Mapping[str, float | None]) -> float | None:
    """Return what the rewards that have a say give an answer, as a share of what they can give."""
    said = [(reward.weight, score) for reward in rewards if (score := scores[reward.name]) is not None]
    possible = sum(weight for weight, _ in said)
    return sum(weight * score for weight, score in said) / possible if possible > 0 else None


def right_ones(tries: Iterable[Try]) -> dict[int, list[Try]]:
    """Return the right and different solutions of each problem that has some."""
    found: dict[int, dict[str, Try]] = {}
    for one in sorted(tries, key=lambda one: (one.problem, one.attempt)):
        if one.is_right:
            found.setdefault(one.problem, {}).setdefault(one.text.strip(), one)
    return {problem: list(known.values())[:KEPT_FOR_EACH] for problem, known in found.items()}


def with_hint(prompt: Prompt) -> tuple[Message, ...] | None:
    """Return a prompt that also tells the answer; None where the row has none to tell."""
    answer = (marked_answer(prompt.task.answer) or prompt.task.answer).strip()
    turns = prompt.task.prompt
    if not answer or turns[-1].role != "user":
        return None
    return (*turns[:-1], replace(turns[-1], content=turns[-1].content + HINT.format(answer=answer)))


def as_row(prompt: Prompt, solution: Try, *, is_hinted: bool) -> dict[str, Any]:
    """Return a solution as a row of a conversation, asked without the hint."""
    answer = {"role": "assistant", "content": solution.text.strip()}
    return {"messages": [*turns_of(prompt.task.prompt), answer], "hinted": is_hinted}


class Notebook:
    """The tries of one round so far: each process adds to its own file, and all are read."""

    def __init__(self, folder: Path, name: str, rank: int) -> None:
        self._folder, self._name = folder, name
        folder.mkdir(exist_ok=True)
        self._own = folder / f".{name}.{rank}.jsonl"
        self._drop_half_a_line()

    def _drop_half_a_line(self) -> None:
        if self._own.exists():
            data = self._own.read_bytes()
            os.truncate(self._own, data.rfind(b"\n") + 1)

    def add(self, tries: Iterable[Try]) -> None:
        """Write down what was tried, so that nothing of it is tried again."""
        with self._own.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(asdict(one)) + "\n" for one in tries))

    def read(self) -> list[Try]:
        """Return what all processes have tried."""
        files = sorted(self._folder.glob(f".{self._name}.*.jsonl"))
        lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
        return [Try(**json.loads(line)) for line in lines if line.endswith(b"\n")]
