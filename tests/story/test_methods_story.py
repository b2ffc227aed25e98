"""Every method in the hardened container, on rows that people really have, as the command line starts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import Tunedeck, events_of
from trainer_image.contract import Completion, Evaluation, Finished, RunFolder, Step

pytestmark = pytest.mark.docker

SHORT: dict[str, Any] = {"max_steps": 2, "per_device_train_batch_size": 2, "max_length": 256}
TRIES: dict[str, Any] = {**SHORT, "num_generations": 2, "max_completion_length": 16}

FOLLOWED = [
    ("dpo", "dpo_oasst.jsonl", "rewards/margins"),
    ("orpo", "dpo_oasst.jsonl", "rewards/accuracies"),
    ("kto", "hh_rlhf_selected.jsonl", "kl"),
    ("reward", "ranking_oasst.jsonl", "accuracy"),
]


def trained(tunedeck: Tunedeck, config: Path) -> list[RunFolder]:
    """Follow a run to its end, and the runs that follow it; return their folders."""
    lines = [json.loads(line) for line in tunedeck("train", str(config), "--json").splitlines()]
    assert lines[-1]["kind"] == "finished", lines[-1]
    return [RunFolder(Path(line["folder"])) for line in lines if "folder" in line and "id" in line]


def steps_of(files: RunFolder) -> list[Step]:
    return [event for event in events_of(files) if isinstance(event, Step)]


@pytest.mark.parametrize(("method", "name", "metric"), FOLLOWED, ids=[method for method, _, _ in FOLLOWED])
def test_methods_that_follow_preferences(
    method: str, name: str, metric: str, in_docker: Tunedeck, shared_data: Path, tmp_path: Path
) -> None:
    knobs = {**SHORT, "eval_split_size": 0.1, "eval_steps": 2}
    config = in_docker.write_config(tmp_path, method=method, dataset=str(shared_data / name), **knobs)
    (files,) = trained(in_docker, config)
    assert len(steps_of(files)) == 2
    assert metric in steps_of(files)[-1].metrics
    assert any(isinstance(event, Evaluation) for event in events_of(files))
    assert (files.adapter / "adapter_config.json").is_file()


def test_raw_text_and_packed_rows(in_docker: Tunedeck, shared_data: Path, tmp_path: Path) -> None:
    for knobs in (
        {"method": "pretrain", "dataset": str(shared_data / "text_shakespeare.txt")},
        {"packing": True, "dataset": str(shared_data / "gsm8k_train_1000.jsonl")},
    ):
        (files,) = trained(in_docker, in_docker.write_config(tmp_path, **SHORT, **knobs))
        assert len(steps_of(files)) == 2


def test_code_is_run_in_its_jail_in_the_container(in_docker: Tunedeck, tmp_path: Path) -> None:
    rows = [{"prompt": f"Write f(x) = x + {n}.", "tests": [f"assert f(1) == {n + 1}"]} for n in range(6)]
    dataset = tmp_path / "tasks.jsonl"
    dataset.write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = tmp_path / "own.py"
    own.write_text("def reward(completion, prompt, answer, row):\n    return len(completion) / 100\n")
    knobs = {**TRIES, "rewards": ["code", "custom"], "reward_file": str(own), "reward_weights": [1, 0.5]}
    (files,) = trained(in_docker, in_docker.write_config(tmp_path, method="grpo", dataset=str(dataset), **knobs))
    tries = [event for event in events_of(files) if isinstance(event, Completion)]
    assert len(tries) == 4
    assert all(set(event.rewards) == {"code", "custom"} for event in tries)
    assert all(event.rewards["custom"] == pytest.approx(len(event.text) / 100) for event in tries)
    assert "reward" in steps_of(files)[0].metrics


def test_a_reward_file_with_an_error_ends_the_run_with_its_line(in_docker: Tunedeck, tmp_path: Path) -> None:
    dataset = tmp_path / "tasks.jsonl"
    dataset.write_text("".join(json.dumps({"problem": f"{n}?", "answer": str(n)}) + "\n" for n in range(6)))
    own = tmp_path / "own.py"
    own.write_text("def reward(completion, prompt, answer, row):\n    return row['nothing']\n")
    knobs = {**TRIES, "rewards": ["custom"], "reward_file": str(own)}
    config = in_docker.write_config(tmp_path, method="grpo", dataset=str(dataset), **knobs)
    last = json.loads(in_docker("train", str(config), "--json", code=1).splitlines()[-1])
    assert (last["kind"], last["code"]) == ("failed", "bad_reward")
    assert "line 2" in last["sentence"].lower()


def test_rlhf_is_a_chain_of_two_runs(in_docker: Tunedeck, shared_data: Path, tmp_path: Path) -> None:
    config = in_docker.write_config(
        tmp_path, method="rlhf", dataset=str(shared_data / "dpo_oasst.jsonl"), **{**TRIES, "max_length": 400}
    )
    judge, policy = trained(in_docker, config)
    assert json.loads(judge.config.read_text())["method"] == "reward"
    assert json.loads(policy.config.read_text())["reward_model"] == str(judge.adapter)
    assert all(event.rewards["model"] is not None for event in events_of(policy) if isinstance(event, Completion))
    assert isinstance(events_of(policy)[-1], Finished)
