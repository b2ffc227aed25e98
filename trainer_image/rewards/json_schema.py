"""The reward json_schema: the completion is JSON, bare or in a fence, and follows the schema of the run or the row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from trainer_image.rewards.answers import without_thoughts
from trainer_image.rewards.fences import last_fence
from trainer_image.rewards.kinds import RewardError, Score, TaskLike
from trainer_image.rewards.watched import Watched

COLUMNS = ("schema", "json_schema")


def build(schema: str | None, seconds: float) -> Score:
    """Return the reward: 1 for JSON that follows the schema, 0 for anything else."""
    fixed = None if schema is None else _read(schema)

    def score(completions: Sequence[str], _: Sequence[str], tasks: Sequence[TaskLike]) -> list[float | None]:
        with Watched(seconds, validates=True) as watched:
            return [
                _score(watched, completion, schema_of(task.fields) if fixed is None else fixed)
                for completion, task in zip(completions, tasks, strict=True)
            ]

    return score


def _score(watched: Watched, completion: str, schema: Any) -> float | None:
    if schema is None:
        return None
    text = without_thoughts(completion)
    try:
        value = json.loads(last_fence(text, ("json", "")) or text, parse_constant=_refuse)
        return float(watched.ask("validate", schema=schema, value=value) is True)
    except (ValueError, RecursionError):
        return 0.0


def schema_of(fields: Mapping[str, Any]) -> Any:
    """Return the schema that a row brings, as an object or as JSON in text; None without one that can be read."""
    value = next((fields[name] for name in COLUMNS if fields.get(name) is not None), None)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def fault_of(schema: Any) -> str:
    """Return what is wrong with a schema itself, or nothing."""
    try:
        # Late: only this reward needs the package.
        from trainer_image.rewards import schemas
    except ImportError:
        hint = "Take this reward out, or rebuild the trainer image."
        raise RewardError("The package jsonschema is missing, which the reward json_schema needs.", hint) from None
    return schemas.fault_of(schema)


def _read(text: str) -> Any:
    hint = "Mend the knob JSON schema."
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise RewardError(f"The JSON schema is no JSON: {error}.", hint) from None
    if fault := fault_of(schema):
        raise RewardError(f"The JSON schema is not sound: {fault}.", hint)
    return schema


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
