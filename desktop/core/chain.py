"""Runs that start after another one: what a chain is made of, and what becomes of a run that waits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from desktop.core.run import NEVER_STARTED, Failure, Run, RunState
from trainer_image.contract import Method, RunConfig, knobs


def expand(config: RunConfig, first_run_adapter: Path) -> tuple[RunConfig, RunConfig]:
    """Return the two runs that RLHF is: a reward model from the pairs, then the model tuned against it."""
    # A learning rate that the user set is the policy's: RLHF's own is one, and a reward model learns 20 times faster.
    reward = _as_method(config, "reward", {"learning_rate": None})
    policy = _as_method(config, "rloo", {"rewards": ("model",), "reward_model": str(first_run_adapter)})
    return reward, policy


def names(name: str) -> tuple[str, str]:
    """Return what the two runs of RLHF are called."""
    return f"{name} (1 of 2: reward model)", f"{name} (2 of 2: policy)"


def _as_method(config: RunConfig, method: Method, changes: Mapping[str, Any]) -> RunConfig:
    """Return the config for another method: knobs that it does not use go back to their defaults."""
    carried = {knob.name: getattr(config, knob.name) for knob in knobs(method)}
    return RunConfig.model_validate({**carried, "method": method, **changes})


def next_move(run: Run, before: Run | None) -> Literal["wait", "start"] | Failure:
    """Say what becomes of a run that waits, by the state of the one before it; None where that was deleted."""
    if before is None:
        return Failure(
            NEVER_STARTED,
            f"{run.name} was not started: the run that it waited for has been deleted.",
            "Start a new one.",
        )
    if before.state is RunState.FINISHED:
        return "start"
    if before.state in (RunState.FAILED, RunState.CANCELLED):
        return Failure(
            NEVER_STARTED,
            f"{run.name} was not started: {before.name}, which it needs, {_ended(before.state)}.",
            "Resume that one first, then this one.",
        )
    return "wait"


def _ended(state: RunState) -> str:
    return "has failed" if state is RunState.FAILED else "was cancelled"
