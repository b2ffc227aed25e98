"""Knobs that change nothing beside others, and why: what a search for a learning rate does without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from desktop.core.idle_knobs import IN_A_SEARCH, SEARCH_STEPS, idle_knobs, idle_sentence
from tests.trainer_image.test_arguments import BEFORE, SMALLEST, config_of, everything_given, other_value
from trainer_image import arguments
from trainer_image.contract import Knob, RunConfig, knobs

SEARCH = {"find_learning_rate": True}
REPLACED = ("learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps")
"""What a trainer is given of its schedule, and the search throws away."""
FOR_TESTS_AND_CHECKPOINTS = (
    *("eval_steps", "sample_prompts", "early_stopping_patience", "keep_best"),
    *("save_steps", "save_total_limit", "ends_on_divergence"),
)
"""What happens between steps, and never does in a search."""


@pytest.mark.parametrize(
    ("values", "idle"),
    [
        ({}, []),
        ({"max_steps": 60}, ["num_train_epochs"]),
        (SEARCH, [*IN_A_SEARCH, "num_train_epochs"]),
        (SEARCH | {"max_steps": 60}, [*IN_A_SEARCH, "num_train_epochs"]),
    ],
)
def test_which_knobs_are_idle(make_config: Callable[..., RunConfig], values: dict[str, Any], idle: list[str]) -> None:
    assert sorted(idle_knobs(make_config(**values).model_dump())) == sorted(idle)


def test_a_number_that_is_still_being_typed_makes_nothing_idle(config: RunConfig) -> None:
    assert idle_knobs({**config.model_dump(), "max_steps": "6o"}) == {}


@pytest.mark.parametrize(
    "knob",
    [knob for knob in knobs("sft") if knob.name not in {"method", "find_learning_rate", *BEFORE}],
    ids=lambda knob: knob.name,
)
def test_in_a_search_a_knob_is_idle_or_the_trainer_gets_something_else(knob: Knob) -> None:
    beside: dict[str, Any] = {
        "min_lr_rate": {"lr_scheduler_type": "cosine_with_min_lr"},
        "bnb_4bit_quant_type": {"load_in_4bit": True},
        "bnb_4bit_use_double_quant": {"load_in_4bit": True},
    }
    base = SMALLEST | SEARCH | beside.get(knob.name, {})
    one, other = (_in_a_search(config_of(base | turned)) for turned in ({}, {knob.name: other_value(knob)}))
    assert (one == other) == (knob.name in idle_knobs(config_of(base).model_dump()))


def _in_a_search(config: RunConfig) -> dict[str, Any]:
    """Return what is made of a config, without what a search has no use for."""
    given = everything_given(config)
    trainer = {name: value for name, value in given["trainer"].items() if name not in REPLACED}
    # Where the steps are named, transformers does not look at the epochs.
    assert trainer["max_steps"] > 0
    del trainer["num_train_epochs"]
    rhythm = {name: value for name, value in vars(given["rhythm"]).items() if name not in FOR_TESTS_AND_CHECKPOINTS}
    return {**given, "trainer": trainer, "rhythm": rhythm}


def test_the_steps_of_a_search_are_the_trainers() -> None:
    assert SEARCH_STEPS == arguments.SEARCH_STEPS


def test_only_what_was_turned_is_told_with_its_reason_once(make_config: Callable[..., RunConfig]) -> None:
    assert idle_sentence(make_config(learning_rate=1e-3)) == ""
    assert idle_sentence(make_config(**SEARCH)) == ""
    turned = idle_sentence(make_config(**SEARCH, lr_scheduler_type="cosine", warmup_steps=5, learning_rate=1e-3))
    assert turned.startswith("learning_rate has no effect here. The search")
    assert turned.count("lr_scheduler_type and warmup_steps have no effect here.") == 1
    assert idle_sentence(make_config(max_steps=60, num_train_epochs=2)).startswith("num_train_epochs has no effect")
