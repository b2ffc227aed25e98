"""The reward code: the completion's code is run shut in against the row's tests; the share that passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainer_image.jail.run import Limits, Program, run_many
from trainer_image.rewards.answers import without_thoughts
from trainer_image.rewards.code_tests import tests_of
from trainer_image.rewards.fences import last_fence
from trainer_image.rewards.kinds import Score, TaskLike


def build(seconds: float, memory_bytes: int) -> Score:
    """Return the reward; a completion with no time or memory left has the tests that passed before."""
    limits = Limits(seconds=seconds, memory_bytes=memory_bytes)

    def score(completions: Sequence[str], _: Sequence[str], tasks: Sequence[TaskLike]) -> list[float | None]:
        programs = [program_of(text, task.fields) for text, task in zip(completions, tasks, strict=True)]
        results = iter(run_many([program for program in programs if program is not None], limits))
        return [None if program is None else (ran := next(results)).passed / ran.tests for program in programs]

    return score


def program_of(completion: str, fields: Mapping[str, Any]) -> Program | None:
    """Return the code of a completion with the tests of its row, or None where the row has none."""
    tests = tests_of(fields)
    return None if tests is None else replace(tests, code=code_of(completion))


def code_of(completion: str) -> str:
    """Return the last Python block of a completion, or else its last block, or else all of it."""
    text = without_thoughts(completion)
    block = last_fence(text, ("python", "python3", "py", ""))
    return text if block is None else block
