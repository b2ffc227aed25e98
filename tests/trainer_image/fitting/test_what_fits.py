"""The nearest changes that make a run fit: the smallest step of each kind, the cheapest kind first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainer_image.contract import RunConfig
from trainer_image.fitting.what_fits import nearest


def config(**knobs: Any) -> RunConfig:
    return RunConfig.model_validate({"model": "/m", "dataset": "/d.jsonl", **knobs})


def tokens_at_most(most: int) -> Callable[[RunConfig], bool]:
    return lambda one: one.per_device_train_batch_size * one.max_length <= most


def test_the_micro_batch_gets_no_smaller_than_it_has_to_and_the_batch_stays() -> None:
    change = nearest(config(per_device_train_batch_size=8, gradient_accumulation_steps=3), tokens_at_most(4096))[0]
    assert change.knobs == {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 6}
    assert change.words == "Rows at once 4, accumulation 6"
    assert change.cost


def test_a_micro_batch_only_takes_sizes_that_keep_the_batch() -> None:
    change = nearest(config(per_device_train_batch_size=5, gradient_accumulation_steps=1), tokens_at_most(4096))[0]
    assert change.knobs == {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 5}


def test_what_costs_least_comes_first() -> None:
    found = nearest(config(gradient_checkpointing=False, lora_r=64), lambda one: one != config(lora_r=64, seed=1))
    kinds = [next(iter(change.knobs)) for change in found]
    order = ["gradient_checkpointing", "per_device_train_batch_size", "optim", "load_in_4bit", "max_length", "lora_r"]
    assert kinds == order


def test_what_does_not_help_is_not_offered() -> None:
    found = nearest(config(), lambda one: one.load_in_4bit)
    assert [change.knobs for change in found] == [{"load_in_4bit": True}]


def test_where_one_is_not_enough_the_fewest_are_taken_together() -> None:
    def fits(one: RunConfig) -> bool:
        return one.load_in_4bit and one.max_length <= 512

    (change,) = nearest(config(per_device_train_batch_size=4, gradient_checkpointing=False), fits)
    assert set(change.knobs) == {"load_in_4bit", "max_length"}
    assert fits(config(**change.knobs))
    assert "4-bit base (QLoRA)" in change.words


def test_nothing_is_offered_where_nothing_helps() -> None:
    assert nearest(config(), lambda one: False) == []


def test_an_answer_keeps_its_room() -> None:
    knobs = {"method": "grpo", "max_length": 2048, "max_completion_length": 512, "num_generations": 4}
    found = nearest(config(**knobs), lambda one: one.max_length <= 1024)
    assert {"max_length": 1024} in [change.knobs for change in found]
    assert nearest(config(**knobs), lambda one: one.max_length < 1024) == []
