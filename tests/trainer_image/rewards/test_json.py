"""The reward json_schema: JSON that follows its schema, and schemas that are broken, far away or endless."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from trainer_image.rewards import watched
from trainer_image.rewards.kinds import RewardError, RewardPlan
from trainer_image.rewards.registry import build, missing_of

pytest.importorskip(
    "jsonschema", reason="the reward json_schema needs the package jsonschema, as the trainer image has it"
)


@dataclass(frozen=True)
class Asked:
    answer: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    line: int = 1


def _score(completion: str, task: Asked | None = None, schema: str | None = None) -> float | None:
    (reward,) = build(RewardPlan(("json_schema",), json_schema=schema))
    (score,) = reward([completion], ["Question"], [task or Asked()])
    return score


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        ('{"age": 3}', 1.0),
        ('Here it is:\n```json\n{"age": 3}\n```\nDone.', 1.0),
        ('<think>{"age": "?"}</think>\n{"age": 3}', 1.0),
        ('{"age": "three"}', 0.0),
        ('{"age": 3', 0.0),
        ('{"age": 3} and more', 0.0),
        ('{"age": NaN}', 0.0),
        ("[" * 100_000, 0.0),
        ("[" * 900 + "]" * 900, 0.0),
        ("", 0.0),
    ],
)
def test_json_follows_its_schema(completion: str, score: float) -> None:
    assert _score(completion, schema=json.dumps(SCHEMA)) == score
    assert _score(completion, Asked(fields={"schema": SCHEMA})) == score
    assert _score(completion, Asked(fields={"schema": json.dumps(SCHEMA)})) == score


def test_a_schema_fetches_nothing_and_may_run_away() -> None:
    far = {"$ref": "http://127.0.0.1:9/schema.json"}
    runaway = {"type": "string", "pattern": "^(a+)+$"}
    assert _score("1", schema=json.dumps(far)) == 0.0
    assert _score(json.dumps("a" * 40 + "b"), schema=json.dumps(runaway)) == 0.0


@pytest.mark.parametrize(("schema", "words"), [("{", "no JSON"), ('{"type": "numbr"}', "not sound: 'numbr'")])
def test_a_broken_schema_is_told(schema: str, words: str) -> None:
    with pytest.raises(RewardError, match=words):
        build(RewardPlan(("json_schema",), json_schema=schema))


def test_a_row_with_a_broken_schema_is_told() -> None:
    plan, row = RewardPlan(("json_schema",)), Asked(fields={"schema": {"type": "numbr"}}, line=4)
    (sentence,) = missing_of(plan, [row, Asked(fields={"schema": SCHEMA})])
    assert sentence.startswith(
        "Line 4: the reward json_schema needs a schema, and that of this row is not sound: 'numbr'"
    )


def test_a_row_without_a_schema_is_left_out() -> None:
    assert _score("{}") is None


def test_what_a_check_needs_is_loaded_before_its_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = watched._START.replace("import serve", "import serve; import trainer_image.rewards.watched as here")
    monkeypatch.setattr(watched, "_START", missing.replace("serve()", "here._SCHEMAS = 'no_such'; serve()"))
    with pytest.raises(RewardError, match="did not start"), watched.Watched(60.0, validates=True) as process:
        process.ask("validate", schema={}, value=1)
