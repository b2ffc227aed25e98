"""Which way to split a model is faster, against what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model_shapes import LLAMA_8B
from trainer_image.contract import RunConfig
from trainer_image.fitting.split_speed import Speeds, faster_first, split_seconds
from trainer_image.model.facts import model_facts

MODEL = model_facts(LLAMA_8B)
NVLINK, NO_DIRECT_COPIES = Speeds(300, 698), Speeds(56, 698)


def config(**knobs: Any) -> RunConfig:
    values = {"model": "/m", "dataset": "/d.jsonl", "max_length": 2048, "per_device_train_batch_size": 1}
    return RunConfig.model_validate(values | knobs)


@pytest.mark.parametrize(
    ("way", "speeds", "tokens_per_s"),
    [
        # Two H200s, two rows of 2,048 tokens a step.
        ("sharded", NVLINK, 9365),
        ("sharded", NO_DIRECT_COPIES, 6094),
        ("layers", NVLINK, 8052),
    ],
)
def test_what_was_measured_is_met(way: str, speeds: Speeds, tokens_per_s: float) -> None:
    assert MODEL is not None
    seconds = split_seconds(config(), MODEL, 2, speeds)[way]  # type: ignore[index]
    assert 2 * 2048 / seconds == pytest.approx(tokens_per_s, rel=0.05)


@pytest.mark.parametrize(
    ("speeds", "knobs", "first"),
    [
        (NVLINK, {}, "sharded"),
        (NO_DIRECT_COPIES, {}, "layers"),
        # What travels is the same for more rows, a quarter in 4 bits, and matters less to slower cards.
        (NO_DIRECT_COPIES, {"per_device_train_batch_size": 8}, "sharded"),
        (NO_DIRECT_COPIES, {"load_in_4bit": True}, "sharded"),
        (Speeds(6, 40), {}, "sharded"),
        (Speeds(2, 40), {}, "layers"),
    ],
)
def test_the_faster_way_comes_first(speeds: Speeds, knobs: dict[str, Any], first: str) -> None:
    assert MODEL is not None
    assert faster_first(config(**knobs), MODEL, 2, speeds)[0] == first
