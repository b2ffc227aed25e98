"""No dead control: whatever knob is turned, what the trainer is given changes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from trainer_image import arguments
from trainer_image.arguments import Machine
from trainer_image.contract import METHODS, Knob, RunConfig, check_config, knobs
from trainer_image.methods import BY_NAME

SMALLEST = {"model": "someone/small", "dataset": "/data/rows.jsonl"}
MACHINE = Machine("cuda")


def everything_given(config: RunConfig) -> dict[str, Any]:
    return {
        "environment": arguments.environment(config),
        "load": arguments.load_arguments(config),
        "adapter": arguments.adapter_arguments(config),
        "trainer": BY_NAME[config.method].trainer_arguments(config, MACHINE, "out"),
        "data": arguments.data_plan(config),
        "rhythm": arguments.rhythm(config),
    }


def other_value(knob: Knob) -> Any:
    """Return a value that the knob takes and that is not its default."""
    if knob.choices:
        return next(choice for choice in knob.choices if choice != knob.default)
    if knob.kind is bool:
        return not knob.default
    if knob.kind is tuple:
        return ("Hello?",) if knob.item_kind is str else ()
    if knob.kind is str:
        return "/somewhere/else" if knob.required else "something-else"
    start = knob.default if knob.default is not None else knob.minimum or 0
    step = 1 if knob.kind is int else 0.01
    return start + step if knob.maximum is None or start + step < knob.maximum else start - step


@pytest.mark.parametrize("knob", [knob for knob in knobs() if knob.name != "method"], ids=lambda knob: knob.name)
def test_no_dead_control(knob: Knob) -> None:
    before, _ = check_config(SMALLEST)
    after, problems = check_config({**SMALLEST, knob.name: other_value(knob)})
    assert before is not None
    assert after is not None, problems
    assert everything_given(before) != everything_given(after)


def test_the_trainer_takes_its_values_from_nowhere_else() -> None:
    """What ``train.py`` reads of the config by itself is only for words, or for what is checked in its own way."""
    tree = ast.parse((Path(arguments.__file__).parent / "train.py").read_text("utf-8"))
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "config"
    }
    assert read <= {
        "method",
        "model",
        "gpus",
        "seed",
        "max_length",
        "load_in_4bit",
        "eval_split_size",
        "gradient_checkpointing",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
    }


def test_every_method_has_its_file() -> None:
    assert set(BY_NAME) == set(METHODS)
    assert all(method.SHAPES for method in BY_NAME.values())


def test_names_and_gaps_are_translated() -> None:
    config, _ = check_config({**SMALLEST, "target_modules": " q_proj , v_proj,", "max_steps": None})
    assert config is not None
    assert arguments.adapter_arguments(config)["target_modules"] == ["q_proj", "v_proj"]
    assert everything_given(config)["trainer"]["max_steps"] == -1


def test_what_a_cpu_cannot_do_is_said() -> None:
    config, _ = check_config({**SMALLEST, "optim": "paged_adamw_8bit"})
    assert config is not None
    assert "paged_adamw_8bit" in arguments.overridden_knobs(config, Machine("cpu"))["optim"][0]
    assert arguments.overridden_knobs(config, Machine("cuda")) == {}
