"""The reward custom: the user's own Python file, loaded and run in the trainer only."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from trainer_image.rewards.kinds import RewardError, Score, TaskLike
from trainer_image.rewards.reward_file import check_reward_file
from trainer_image.rewards.time_limit import TimeUpError, at_most

_MODULE = "reward_file"
LARGEST = 1e15
"""A larger reward would overflow in the trainer, which squares them in 32 bits: it would learn nothing, silently."""

SECONDS_FOR_ONE = 120.0
"""What the function may take for one completion..."""
SECONDS_FOR_MANY = 480.0
"""... and for all of a step, or to load the file: shorter than what makes the whole run count as hung."""


def build(path: Path) -> Score:
    """Load the file and return its function as a reward; every mistake of it becomes a sentence with its line."""
    problems = check_reward_file(path)
    if problems:
        raise RewardError(f"{path.name} cannot be used. {problems[0]}", "Mend the file and start again.")
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    module.__file__ = str(path)
    # Not imported, because that would leave a __pycache__ beside the user's file.
    source = path.read_bytes()
    _guarded(path, "while it was loaded", lambda: exec(compile(source, path, "exec"), module.__dict__))
    if callable(many := getattr(module, "rewards", None)):
        return _score_of_many(path, many)
    if callable(one := getattr(module, "reward", None)):
        return _score_of_one(path, one)
    raise RewardError(f"{path.name} has no function reward any more when it has run.", "Do not take it away.")


def _score_of_one(path: Path, reward: Callable[..., Any]) -> Score:
    def score(completions: Sequence[str], prompts: Sequence[str], tasks: Sequence[TaskLike]) -> list[float | None]:
        scores: list[float | None] = []
        ends_at = time.monotonic() + SECONDS_FOR_MANY
        for completion, prompt, task in zip(completions, prompts, tasks, strict=True):
            given = {"completion": completion, "prompt": prompt, "answer": task.answer, "row": dict(task.fields)}
            place, limit, left = _place(task), SECONDS_FOR_ONE, max(ends_at - time.monotonic(), 0.001)
            if left <= SECONDS_FOR_ONE:
                place, limit = f"all answers of a step, up to {place}", SECONDS_FOR_MANY
            value = _guarded(path, place, partial(reward, **given), limit, min(left, limit))
            scores.append(_number(path, value, task))
        return scores

    return score


def _score_of_many(path: Path, rewards: Callable[..., Any]) -> Score:
    def score(completions: Sequence[str], prompts: Sequence[str], tasks: Sequence[TaskLike]) -> list[float | None]:
        values = _guarded(
            path,
            "in rewards",
            lambda: rewards(
                completions=list(completions),
                prompts=list(prompts),
                answers=[task.answer for task in tasks],
                rows=[dict(task.fields) for task in tasks],
            ),
        )
        if not isinstance(values, list | tuple) or len(values) != len(tasks):
            said = f"{len(values)} numbers" if isinstance(values, list | tuple) else _kind(values)
            raise RewardError(
                f"{path.name}: rewards returned {said} for {len(tasks)} completions.", "Return one number for each."
            )
        return [_number(path, value, task) for value, task in zip(values, tasks, strict=True)]

    return score


def _guarded(
    path: Path, place: str, do: Callable[[], Any], limit: float = SECONDS_FOR_MANY, left: float | None = None
) -> Any:
    """Do something of the user's, and turn what it raises into a sentence with the line of their file.

    ``left`` is what is left of the limit, in seconds, where others have used up some of it.
    """
    try:
        with at_most(limit if left is None else left):
            return do()
    except TimeUpError as error:
        raise RewardError(
            f"{path.name}{_line_of(path, error)}: it took longer than {limit:g} s ({place}).",
            "Look for a loop without an end, and start again.",
        ) from error
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        line = _line_of(path, error)
        said = f"{type(error).__name__}: {_words_of(error)}".strip(": ").replace("\n", " ")[:300].rstrip(".")
        hint = "Mend the file and start again."
        if isinstance(error, ModuleNotFoundError):
            hint = "Only Python's own packages and those of the trainer are there: do without it."
        raise RewardError(f"{path.name}{line}: {said} ({place}).", hint) from error


def _line_of(path: Path, error: BaseException) -> str:
    steps = [step for step in traceback.extract_tb(error.__traceback__) if step.filename == str(path)]
    return f", line {steps[-1].lineno}" if steps else ""


def _words_of(error: BaseException) -> str:
    """Return what an error says; one of the user's own kind may fail even at that."""
    try:
        return str(error)
    except Exception:
        return ""


def _number(path: Path, value: Any, task: TaskLike) -> float | None:
    if value is None:
        return None
    hint = "Return a number, or None to leave the completion out."
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise RewardError(f"{path.name} returned {_kind(value)} ({_place(task)}).", hint)
    number = float(_guarded(path, _place(task), lambda: float(value)))
    if not math.isfinite(number):
        raise RewardError(f"{path.name} returned {number} ({_place(task)}).", hint)
    if abs(number) > LARGEST:
        hint = f"Return numbers between -{LARGEST:g} and {LARGEST:g}; most rewards lie between 0 and 1."
        raise RewardError(f"{path.name} returned {number:g}, which is too large ({_place(task)}).", hint)
    return number


def _place(task: TaskLike) -> str:
    return f"for a completion of the row in line {task.line}"


def _kind(value: Any) -> str:
    return f"a value of the type {type(value).__name__}" if value is not None else "None"
