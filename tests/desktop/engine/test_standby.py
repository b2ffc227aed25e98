"""What has to be the same for a run to take a body that was made before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desktop.engine.launch import LaunchSpec, Machine, Mount, plan_training
from desktop.engine.standby import body_digest, standing_by
from trainer_image.contract import RunConfig
from trainer_image.contract.standby import STANDBY_WORD


@pytest.fixture
def spec(tmp_path: Path) -> LaunchSpec:
    model, dataset, folder = tmp_path / "model", tmp_path / "rows.jsonl", tmp_path / "runs" / "r1"
    for path in (model, folder, tmp_path / "caches"):
        path.mkdir(parents=True)
    dataset.write_text("{}")
    machine = Machine(tmp_path, tmp_path / "caches", 1000, 1000, (0, 1))
    return plan_training(RunConfig(model=str(model), dataset=str(dataset)), "r1", folder, machine)


def test_it_is_the_same_body_with_one_word_more(spec: LaunchSpec) -> None:
    standing = standing_by(spec)
    assert standing.arguments == (*spec.arguments, STANDBY_WORD)
    assert replace(standing, arguments=spec.arguments) == spec
    assert body_digest(standing) == body_digest(spec)


@pytest.mark.parametrize(
    "change",
    [
        {"gpus": (0,)},
        {"network": True},
        {"environment": {"HF_HOME": "/elsewhere"}},
        {"labels": {"tunedeck.contract": "1000"}},
        {"uid": 7},
        {"shared_memory_bytes": 1},
        {"mounts": ()},
    ],
)
def test_what_is_fixed_when_a_body_is_made_counts(spec: LaunchSpec, change: dict[str, object]) -> None:
    assert body_digest(replace(spec, **change)) != body_digest(spec)  # type: ignore[arg-type]


def test_a_file_that_was_replaced_counts_and_one_that_was_written_to_does_not(spec: LaunchSpec, tmp_path: Path) -> None:
    dataset = tmp_path / "rows.jsonl"
    before = body_digest(spec)
    with dataset.open("a") as file:
        file.write("{}")
    assert body_digest(spec) == before
    (tmp_path / "aside").write_text("{}")
    (tmp_path / "aside").replace(dataset)
    assert body_digest(spec) != before
    assert body_digest(replace(spec, mounts=(Mount(tmp_path / "missing"),))) != before
