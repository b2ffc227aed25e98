"""What will happen, in words, before a start."""

from __future__ import annotations

from typing import Any

import pytest

from desktop.ui.setup.config_summary import summary_lines
from trainer_image.contract import RunConfig


@pytest.mark.parametrize(
    ("knobs", "told", "untold"),
    [
        ({}, ["8 rows a step (2 × 4)", "a checkpoint every 100 steps", "5% of the rows held back"], "about"),
        ({"max_steps": 60, "num_train_epochs": 0.1}, ["60 steps"], "about"),
        ({"offline": True, "eval_split_size": 0}, ["no network"], "held back"),
        ({"find_learning_rate": True}, ["a search for a learning rate, 100 steps at most"], "checkpoint every"),
        ({"find_learning_rate": True, "max_steps": 40}, ["40 steps at most", "no checkpoint"], "held back"),
    ],
)
def test_what_a_config_comes_to(knobs: dict[str, Any], told: list[str], untold: str) -> None:
    config = RunConfig.model_validate({"model": "/m", "dataset": "/d.jsonl", **knobs})
    text = "\n".join(summary_lines(config, None, 1))
    assert all(line in text for line in told), text
    assert untold not in text
