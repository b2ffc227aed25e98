"""A knob is hidden exactly where the contract would refuse it: no control is dead, and nothing refused is sent."""

from __future__ import annotations

from typing import Any

import pytest

from desktop.ui.setup.relevance import relevant_knobs
from tests.desktop.ui.another import another_value
from trainer_image.contract import METHODS, RunConfig, check_config, knobs

BESIDE: list[dict[str, Any]] = [
    *({"method": method} for method in METHODS),
    *({"method": "dpo", "loss_type": loss} for loss in ("ipo", "hinge", "simpo", "cpo")),
    {"method": "dpo", "loss_type": "robust", "label_smoothing": 0.2},
    {"method": "grpo", "rewards": ("format", "length", "json_schema", "code")},
    {"method": "rloo", "rewards": ("model", "regex"), "reward_model": "/judge", "reward_regex": "a"},
    {"method": "sft", "full_finetuning": True},
    {"method": "sft", "load_in_4bit": True},
    {"method": "sft", "lr_scheduler_type": "cosine_with_min_lr"},
    {"method": "sft", "eval_split_size": 0.0},
]
TOGETHER = {"full_finetuning": {"load_in_4bit": False}, "reward_weights": {"rewards": ("number", "length")}}
"""What has to go, or come, with a change that is allowed."""


@pytest.mark.parametrize("beside", BESIDE, ids=lambda beside: "-".join(map(str, beside.values())))
def test_hidden_is_refused_and_shown_is_taken(beside: dict[str, Any]) -> None:
    plain, problems = check_config({"model": "/model", "dataset": "/data.jsonl", **beside})
    assert plain is not None, problems
    values = plain.model_dump()
    relevant = relevant_knobs(values)
    for knob in knobs():
        if knob.name == "method" or knob.name in beside:
            continue
        changed = {**values, knob.name: another_value(knob), **TOGETHER.get(knob.name, {})}
        if knob.name == "reward_weights" and "model" in beside.get("rewards", ()):
            changed["rewards"] = beside["rewards"]
        config, problems = check_config(changed)
        refused = {problem.knob for problem in problems}
        if knob.name in relevant:
            assert knob.name not in refused, problems
        else:
            assert knob.name in refused, knob.name
            assert config is None


def test_every_default_is_relevant_or_harmless() -> None:
    for method in METHODS:
        config, problems = check_config({"model": "/model", "dataset": "/data.jsonl", "method": method})
        assert isinstance(config, RunConfig), problems
