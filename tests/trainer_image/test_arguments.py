"""No dead control: whatever knob is turned, what the trainer is given changes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop.core.dataset.fits import KIND_OF
from trainer_image import arguments, methods
from trainer_image.arguments import Machine
from trainer_image.cards.visible import Card
from trainer_image.contract import (
    CHAINS,
    GENERATING,
    METHODS,
    REWARD_NEEDS,
    REWARD_TAKES,
    Adjustments,
    Knob,
    Method,
    RunConfig,
    check_config,
    knobs,
)
from trainer_image.errors import TrainerError
from trainer_image.fitting.memory import GIB
from trainer_image.fitting.placement import decide
from trainer_image.launching.preparing import chosen_cards
from trainer_image.model.facts import ModelFacts, model_facts
from trainer_image.start import smaller

SMALLEST = {"model": "someone/small", "dataset": "/data/rows.jsonl"}
MACHINE = Machine("cuda")
TRAINED = [method for method in METHODS if method not in CHAINS]

# What has to be set for a knob to count at all.
TOGETHER: dict[str, dict[str, Any]] = {
    "bnb_4bit_quant_type": {"load_in_4bit": True},
    "bnb_4bit_use_double_quant": {"load_in_4bit": True},
    "min_lr_rate": {"lr_scheduler_type": "cosine_with_min_lr"},
    "label_smoothing": {"loss_type": "cpo"},
    "simpo_gamma": {"loss_type": "simpo"},
    "cpo_alpha": {"loss_type": "cpo"},
    "reward_weights": {"rewards": ["number", "length"]},
}
TOGETHER |= {
    knob: {"rewards": [reward]} | dict.fromkeys(REWARD_NEEDS.get(reward, ()), "something")
    for reward, taken in REWARD_TAKES.items()
    for knob in taken
}
OTHERS: dict[str, Any] = {
    "num_generations": 4,
    "rewards": ["number"],
    "reward_weights": [1, 2],
    "seed": 1,
    "columns": ["prompt=question"],
    "read_as": ["delimiter=;"],
}
CARDS = tuple(Card(number, number, "RTX 3060", f"GPU-{number}", 12 * GIB, 11 * GIB) for number in range(2))


def facts(layers: int) -> ModelFacts:
    """Return a model of Llama's shape."""
    shape = {"num_hidden_layers": layers, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8}
    found = model_facts({"model_type": "llama", **shape, "intermediate_size": 14336, "vocab_size": 128256})
    assert found is not None
    return found


def way_of(config: RunConfig) -> tuple[object, ...]:
    """Return how the cards are used: what is started, on which, with which variables; or why nothing is."""
    found = list[object]()
    for layers, cards in ((4, CARDS), (24, CARDS), (4, (CARDS[0], replace(CARDS[1], free_bytes=GIB)))):
        try:
            made = decide(config, facts(layers), cards)
            found.append((made.placement, made.processes, [card.number for card in made.cards], made.variables))
        except TrainerError as error:
            found.append(error.sentence)
    return tuple(found)


def tries_of(config: RunConfig) -> list[Adjustments]:
    """Return what is tried one after the other while the memory of a card stays full."""
    tried = [Adjustments()]
    while (smaller_still := smaller(config, tried[-1])) is not None:
        tried.append(smaller_still)
    return tried[1:]


def room_of(config: RunConfig) -> tuple[object, ...]:
    """Return what has to fit before the start, and what is tried when it did not after all."""
    without = config.model_copy(update={"gradient_checkpointing": False, "per_device_train_batch_size": 2})
    return (way_of(without), tries_of(without))


# Read before there is a trainer: by what starts its processes, and by what chooses the size of a batch.
BEFORE: dict[str, Callable[[RunConfig], object]] = {
    "placement": way_of,
    "oom_retries": tries_of,
    "auto_batch": room_of,
}
"""What is decided, without a trainer; inside/test_fill_card.py has what comes of auto_batch on a card."""


def everything_given(config: RunConfig) -> dict[str, Any]:
    """Return all that is made of a config for the trainer of its method; what all weights do not need is left out."""
    method = methods.by_name(config.method)
    given: dict[str, Any] = {
        "environment": arguments.environment(config),
        "load": arguments.load_arguments(config),
        "quantization": arguments.quantization_arguments(config),
        "template": arguments.chat_template(config),
        "adapter": None if config.full_finetuning else arguments.adapter_arguments(config),
        "trainer": method.trainer_arguments(config, MACHINE, "out"),
        "data": arguments.data_plan(config),
        "rhythm": arguments.rhythm(config),
    }
    if config.method in ("sft", "pretrain"):
        given["sequences"] = arguments.sequence_plan(config)
    if config.method in GENERATING:
        given |= {"generation": arguments.generation_plan(config), "rewards": arguments.reward_plan(config)}
    if config.method == "star":
        given["rounds"] = arguments.star_plan(config)
    return given


def other_value(knob: Knob) -> Any:
    """Return a value that the knob takes and that is not its default."""
    if knob.name in OTHERS:
        return OTHERS[knob.name]
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


def config_of(values: dict[str, Any]) -> RunConfig:
    config, problems = check_config(values)
    assert config is not None, problems
    return config


@pytest.mark.parametrize(
    ("method", "knob"),
    [
        pytest.param(method, knob, id=f"{method}-{knob.name}")
        for method in TRAINED
        for knob in knobs()
        if method in knob.methods and knob.name not in {"method", *BEFORE}
    ],
)
def test_no_dead_control(method: Method, knob: Knob) -> None:
    base = SMALLEST | {"method": method} | TOGETHER.get(knob.name, {})
    if method in GENERATING:
        # So that every change of the batch can still be parted into tries.
        base |= {"num_generations": 2}
    changed = base | {knob.name: other_value(knob)}
    assert everything_given(config_of(base)) != everything_given(config_of(changed))


@pytest.mark.parametrize(
    ("knob", "values"),
    [
        ("placement", ["auto", "one", "data_parallel", "split"]),
        ("oom_retries", [0, 1, 2, 3, 10]),
        ("auto_batch", [False, True]),
    ],
)
def test_no_dead_control_before_the_trainer(knob: str, values: list[Any]) -> None:
    base = SMALLEST | {"per_device_train_batch_size": 64, "max_length": 4096}
    decided = [BEFORE[knob](config_of(base | {knob: value})) for value in values]
    for number, one in enumerate(decided):
        assert one not in decided[:number], values[number]


def test_the_cards_are_used_as_asked() -> None:
    fits, too_big = (
        {value: decide(config_of(SMALLEST | {"placement": value}), facts(layers), CARDS) for value in values}
        for layers, values in ((4, ("auto", "one", "data_parallel", "split")), (24, ("auto", "split")))
    )
    assert {value: (way.placement, way.processes) for value, way in fits.items()} == {
        "auto": ("data_parallel", 2),
        "one": ("one", 1),
        "data_parallel": ("data_parallel", 2),
        "split": ("sharded", 2),
    }
    assert {way.placement for way in too_big.values()} == {"layers"}


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_full_memory_is_met_so_many_times(retries: int) -> None:
    config = config_of(SMALLEST | {"oom_retries": retries, "per_device_train_batch_size": 64})
    assert [tried.per_device_train_batch_size for tried in tries_of(config)] == [32, 16, 8, 4][:retries]


def test_a_card_that_is_to_be_filled_needs_room_for_the_least_only() -> None:
    """Without checkpointing the rows would not fit; with auto_batch it is switched on where the memory needs it."""
    rows = {"gradient_checkpointing": False, "per_device_train_batch_size": 4, "max_length": 8192}
    with pytest.raises(TrainerError, match="does not fit"):
        decide(config_of(SMALLEST | rows), facts(12), CARDS[:1])
    asked = config_of(SMALLEST | rows | {"auto_batch": True})
    assert decide(asked, facts(12), CARDS[:1]).placement == "one"
    last = tries_of(asked.model_copy(update={"oom_retries": 10}))[-1]
    assert (last.per_device_train_batch_size, last.gradient_checkpointing) == (1, True)


@pytest.mark.parametrize(("gpus", "numbers"), [(None, [0, 1]), ((1,), [1]), ((1, 0), [1, 0]), ((), [])])
def test_the_cards_that_are_named_are_the_run_s(gpus: tuple[int, ...] | None, numbers: list[int]) -> None:
    assert [card.number for card in chosen_cards(config_of(SMALLEST | {"gpus": gpus}), CARDS)] == numbers


@pytest.mark.parametrize(
    ("method", "knob"),
    [
        pytest.param(method, knob, id=f"{method}-{knob.name}")
        for method in TRAINED
        for knob in knobs(method)
        # A pause and a stop of trouble are parted by the launcher, see test_start.py.
        if knob.choices and knob.kind is str and knob.name not in {"method", "on_trouble", *BEFORE}
    ],
)
def test_no_two_choices_are_the_same(method: Method, knob: Knob) -> None:
    base = SMALLEST | {"method": method} | TOGETHER.get(knob.name, {})
    if method in GENERATING:
        base |= {"num_generations": 2}
    given: list[dict[str, Any]] = []
    for choice in knob.choices:
        beside = {"label_smoothing": 0.1} if choice == "robust" else {}
        one = everything_given(config_of(base | beside | {knob.name: choice}))
        assert one not in given, choice
        given.append(one)


def read_of_the_config(module: str) -> set[str]:
    """Return the knobs that a module of the trainer reads by itself."""
    tree = ast.parse((Path(arguments.__file__).parent / f"{module}.py").read_text("utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "config"
    }


@pytest.mark.parametrize(
    ("knobs", "given"),
    [
        ({"loss_type": "sigmoid"}, {"loss_type": ["sigmoid"], "beta": 0.1}),
        ({"loss_type": "robust", "label_smoothing": 0.2}, {"loss_type": ["robust"], "label_smoothing": 0.2}),
        ({"loss_type": "simpo"}, {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 0.5, "cpo_alpha": 1.0}),
        ({"loss_type": "cpo"}, {"loss_type": "sigmoid", "beta": 0.1, "cpo_alpha": 1.0}),
        ({"beta": 0.5}, {"beta": 0.5}),
        ({}, {"disable_dropout": True, "learning_rate": 5e-6}),
        ({"lora_dropout": 0.1}, {"disable_dropout": False}),
    ],
)
def test_what_dpo_is_given(knobs: dict[str, Any], given: dict[str, Any]) -> None:
    found = everything_given(config_of(SMALLEST | {"method": "dpo"} | knobs))["trainer"]
    assert {name: found[name] for name in given} == given


@pytest.mark.parametrize(
    ("values", "knob"),
    [
        ({"method": "dpo", "label_smoothing": 0.1}, "label_smoothing"),
        ({"method": "dpo", "loss_type": "robust"}, "label_smoothing"),
        ({"method": "dpo", "beta": 0}, "beta"),
        ({"method": "kto", "beta": 0}, "beta"),
        ({"method": "kto", "per_device_train_batch_size": 1}, "per_device_train_batch_size"),
        ({"method": "reward", "beta": 0.2}, "beta"),
    ],
)
def test_what_preferences_cannot_use_is_refused(values: dict[str, Any], knob: str) -> None:
    config, problems = check_config(SMALLEST | values)
    assert config is None
    assert [problem.knob for problem in problems] == [knob]


def test_the_trainer_takes_its_values_from_nowhere_else() -> None:
    """What ``train.py`` reads of the config by itself is only for words, or for what is checked in its own way."""
    assert read_of_the_config("train") <= {
        "method",
        "model",
        "gpus",
        "seed",
        "max_length",
        "max_completion_length",
        "load_in_4bit",
        "load_best_model_at_end",
        "find_learning_rate",
        "auto_batch",
        "eval_split_size",
        "gradient_checkpointing",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
    }


@pytest.mark.parametrize("name", TRAINED)
def test_every_method_has_its_file(name: Method) -> None:
    method = methods.by_name(name)
    assert method.METRICS
    metric, _ = method.BEST
    assert metric == "loss" or metric.startswith(method.METRICS)


def test_names_and_gaps_are_translated() -> None:
    config = config_of({**SMALLEST, "target_modules": " q_proj , v_proj,", "max_steps": None})
    assert arguments.adapter_arguments(config)["target_modules"] == ["q_proj", "v_proj"]
    assert everything_given(config)["trainer"]["max_steps"] == -1


def test_what_a_cpu_cannot_do_is_said() -> None:
    config = config_of({**SMALLEST, "optim": "paged_adamw_8bit"})
    assert "paged_adamw_8bit" in arguments.overridden_knobs(config, Machine("cpu"))["optim"][0]
    assert arguments.overridden_knobs(config, Machine("cuda")) == {}


def test_the_app_knows_what_each_method_learns_from() -> None:
    assert {name: methods.by_name(name).KIND for name in methods.FILES} == {
        name: KIND_OF[name] for name in methods.FILES
    }
    assert set(KIND_OF) == set(METHODS)
