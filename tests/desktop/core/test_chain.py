"""RLHF as two runs, and what becomes of a run that waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.core.chain import expand, names, next_move
from desktop.core.run import Failure, Run, RunState
from tests.fakes import START
from trainer_image.contract import RunConfig, check_config, knobs

ADAPTER = Path("/home/runs/first/adapter")
CHANGES: dict[str, object] = {
    "chat_template": "chatml",
    "columns": ("prompt=question",),
    "read_as": ("header=no",),
    # A value that is not the default for each knob of RLHF whose default cannot simply be moved.
    "model": "other/model",
    "model_revision": "main",
    "dataset": "/other.jsonl",
    "method": "rlhf",
    "lr_scheduler_type": "cosine_with_min_lr",
    "optim": "adamw_8bit",
    "target_modules": "q_proj",
    "bnb_4bit_quant_type": "fp4",
    "sample_prompts": ("Hi?",),
    "gpus": (1,),
    "placement": "one",
    "bad_rows": "leave_out",
    "num_generations": 4,
    "max_completion_length": 100,
    "top_p": 0.9,
    "oom_retries": 1,
    "on_trouble": "pause",
}


def test_both_runs_of_rlhf_are_clean_and_the_second_uses_the_first(make_config: Callable[..., RunConfig]) -> None:
    reward, policy = expand(make_config(method="rlhf"), ADAPTER)
    for config in (reward, policy):
        assert check_config(config.model_dump()) == (config, [])
    assert (reward.method, policy.method) == ("reward", "rloo")
    assert (policy.rewards, policy.reward_model) == (("model",), str(ADAPTER))


@pytest.mark.parametrize("knob", [knob.name for knob in knobs("rlhf") if knob.name != "method"])
def test_a_knob_goes_to_each_run_that_uses_it(make_config: Callable[..., RunConfig], knob: str) -> None:
    default = getattr(make_config(), knob)
    value = CHANGES.get(knob)
    if value is None:
        value = not default if isinstance(default, bool) else (default or 0) + 0.25
        if "int" in str(RunConfig.model_fields[knob].annotation):
            value = (default or 0) + 8
    needed = {"min_lr_rate": {"lr_scheduler_type": "cosine_with_min_lr"}}.get(knob, {})
    if knob.startswith("bnb_4bit"):
        needed = {"load_in_4bit": True}
    config, problems = check_config(make_config(method="rlhf", **needed, **{knob: value}).model_dump())
    assert config is not None, problems
    reward, policy = expand(config, ADAPTER)
    for one in (reward, policy):
        assert check_config(one.model_dump())[1] == []
        uses_it = one.method in next(known for known in knobs() if known.name == knob).methods
        if knob == "learning_rate":  # it is the policy's; a reward model takes what suits it
            uses_it = one.method == "rloo"
        assert getattr(one, knob) == (value if uses_it else RunConfig.model_fields[knob].default)


def test_the_runs_are_numbered() -> None:
    assert names("Captain") == ("Captain (1 of 2: reward model)", "Captain (2 of 2: policy)")


@pytest.fixture
def first(config: RunConfig) -> Run:
    return Run("r1", "First", "docker", Path("/r1"), config, START, RunState.RUNNING)


@pytest.fixture
def second(first: Run) -> Run:
    return replace(first, id="r2", name="Second", state=RunState.WAITING, after="r1")


@pytest.mark.parametrize("state", list(RunState))
def test_what_waits_goes_by_the_state_of_the_one_before(first: Run, second: Run, state: RunState) -> None:
    move = next_move(second, replace(first, state=state))
    if state is RunState.FINISHED:
        assert move == "start"
    elif state in (RunState.FAILED, RunState.CANCELLED):
        assert isinstance(move, Failure)
        assert "Second was not started: First" in move.sentence
    else:
        assert move == "wait"


def test_what_waits_for_nothing_is_given_up(second: Run) -> None:
    move = next_move(second, None)
    assert isinstance(move, Failure)
    assert "deleted" in move.sentence
