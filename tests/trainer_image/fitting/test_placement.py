"""Which cards a run uses and how, and what is said where it does not fit."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from trainer_image.cards.visible import Card, choose, machine_numbers
from trainer_image.contract import RunConfig
from trainer_image.errors import TrainerError
from trainer_image.fitting.memory import GIB
from trainer_image.fitting.placement import Decision, decide, out_of_memory
from trainer_image.fitting.split_speed import Speeds
from trainer_image.model.facts import ModelFacts, model_facts


def llama(layers: int, hidden: int, feed_forward: int, heads: int) -> ModelFacts:
    found = model_facts(
        {
            "model_type": "llama",
            "num_hidden_layers": layers,
            "hidden_size": hidden,
            "num_attention_heads": heads,
            "num_key_value_heads": 8,
            "intermediate_size": feed_forward,
            "vocab_size": 128256,
            "tie_word_embeddings": False,
        }
    )
    assert found is not None
    return found


B8 = llama(32, 4096, 14336, 32)
B14 = llama(48, 5120, 13824, 40)
B32 = llama(64, 5120, 27648, 40)
B70 = llama(80, 8192, 28672, 64)


def cards(*free_gib: float) -> tuple[Card, ...]:
    return tuple(
        Card(number, number, f"RTX {number}", f"GPU-{number}", int(12 * GIB), int(free * GIB))
        for number, free in enumerate(free_gib)
    )


def config(**knobs: Any) -> RunConfig:
    return RunConfig.model_validate({"model": "/models/m", "dataset": "/data/rows.jsonl", **knobs})


QLORA = {"load_in_4bit": True}


@pytest.mark.parametrize(
    ("knobs", "model", "free", "placement", "used", "processes"),
    [
        # One card.
        (QLORA, B8, (11.6,), "one", [0], 1),
        # A copy on each.
        (QLORA, B8, (11.6, 11.6), "data_parallel", [0, 1], 2),
        ({}, B8, (80, 80, 80), "data_parallel", [0, 1, 2], 3),
        # One card of two is too small, or is taken by another program.
        (QLORA, B8, (11.6, 3.0), "one", [0], 1),
        (QLORA, B8, (3.0, 11.6, 11.6), "data_parallel", [1, 2], 2),
        # Too big for a card: in 16 bits every card keeps a part of each weight, and gathers embeddings and head whole.
        ({}, B8, (14, 14), "sharded", [0, 1], 2),
        ({}, B8, (12, 12), "layers", [0, 1], 1),
        # 4-bit weights come whole to every card while they load, so each has to hold them.
        (QLORA, B32, (18.5, 18.5), "sharded", [0, 1], 2),
        (QLORA, B32, (15, 15), "layers", [0, 1], 1),
        # Unequal cards hold unequal parts.
        (QLORA, B32, (9, 20), "layers", [0, 1], 1),
        # More rows at once than fit are no reason to split: the run takes fewer by itself.
        (QLORA | {"per_device_train_batch_size": 64}, B8, (11.6, 11.6), "data_parallel", [0, 1], 2),
        # As asked.
        (QLORA | {"placement": "one"}, B8, (11.6, 11.6), "one", [0], 1),
        (QLORA | {"placement": "split"}, B8, (11.6, 11.6), "sharded", [0, 1], 2),
        (QLORA | {"placement": "split", "method": "dpo"}, B8, (11.6, 11.6), "layers", [0, 1], 1),
        (QLORA | {"placement": "data_parallel"}, B8, (11.6, 11.6), "data_parallel", [0, 1], 2),
    ],
)
def test_the_cards_are_used_in_the_best_way(
    knobs: dict[str, Any], model: ModelFacts, free: tuple[float, ...], placement: str, used: list[int], processes: int
) -> None:
    found = decide(config(**knobs), model, cards(*free))
    assert found.placement == placement, found.sentence
    assert [card.number for card in found.cards] == used
    assert found.processes == processes
    assert len(found.predicted_bytes) == len(used)
    assert not found.warning
    assert found.sentence.endswith(".")


def test_a_card_that_is_left_out_is_named() -> None:
    assert "Card 1 (RTX 1) is too small and stays idle." in decide(config(**QLORA), B8, cards(11.6, 3)).sentence


def test_what_the_trainer_has_to_know_of_a_split() -> None:
    sharded = decide(config(), B8, cards(14, 14))
    assert sharded.variables == {"UNSLOTH_FSDP2": "1", "UNSLOTH_FSDP2_SHARDED_LOAD": "1"}
    assert decide(config(**QLORA), B32, cards(18.5, 18.5)).variables == {"UNSLOTH_FSDP2": "1"}
    layers = decide(config(**QLORA), B32, cards(9, 20))
    assert layers.variables == {"TUNEDECK_MAX_MEMORY": f'{{"0": {int(8.5 * GIB)}, "1": {int(19.5 * GIB)}}}'}


@pytest.mark.parametrize(("gb_per_s", "tflops", "placement"), [(300, 700, "sharded"), (56, 700, "layers")])
def test_the_way_that_is_faster_as_measured_is_taken(gb_per_s: float, tflops: float, placement: str) -> None:
    speeds = Speeds(gb_per_s, tflops)
    assert (
        decide(config(max_length=2048, per_device_train_batch_size=1), B8, cards(14, 14), speeds=speeds).placement
        == placement
    )
    # Where only one of them fits, speed does not matter.
    assert decide(config(max_length=2048), B8, cards(12, 12), speeds=speeds).placement == "layers"
    assert decide(config(**QLORA), B8, cards(11.6, 11.6), speeds=speeds).placement == "data_parallel"


def refusal(model: ModelFacts | None, free: tuple[float, ...], **knobs: Any) -> TrainerError:
    with pytest.raises(TrainerError) as caught:
        decide(config(**knobs), model, cards(*free))
    return caught.value


def test_what_clearly_does_not_fit_is_refused_with_what_would() -> None:
    error = refusal(B8, (11.6,))
    assert error.code == "out_of_memory"
    assert "needs about 16" in error.sentence
    assert "card 0 (RTX 0), which has 11.6 GiB of 12.0 GiB free" in error.sentence
    assert error.hint == "It would fit with one of these: 4-bit base (QLoRA)."


CHANGES: dict[str, dict[str, Any]] = {
    "Gradient checkpointing on": {"gradient_checkpointing": True},
    "4-bit base (QLoRA)": {"load_in_4bit": True},
    "Optimizer paged_adamw_8bit": {"optim": "paged_adamw_8bit"},
    "LoRA rank 8": {"lora_r": 8},
    "Longest row 8192": {"max_length": 8192},
    "Longest row 4096": {"max_length": 4096},
    "Longest row 2048": {"max_length": 2048},
}


@pytest.mark.parametrize(
    ("knobs", "free", "how"),
    [
        ({"load_in_4bit": True, "max_length": 16384, "gradient_checkpointing": False}, 11.6, "one"),
        ({"max_length": 16384, "gradient_checkpointing": False}, 7.5, "all"),
        ({"max_length": 16384, "gradient_checkpointing": False, "lora_r": 512}, 11.6, "all"),
    ],
)
def test_what_is_said_to_fit_does(knobs: dict[str, Any], free: float, how: str) -> None:
    hint = refusal(B8, (free,), **knobs).hint
    assert hint.startswith(f"It would fit with {how} of these: ")
    changes = [CHANGES[words] for words in hint.removesuffix(".").split(": ", 1)[1].split("; ")]
    together = {knob: value for change in changes for knob, value in change.items()}
    for update in changes if how == "one" else [together]:
        assert decide(config(**knobs | update), B8, cards(free)).placement == "one"
    if how == "all":
        for knob in together:
            fewer = {name: value for name, value in together.items() if name != knob}
            with suppress(TrainerError):
                # What is over by little is tried, though it is not said to fit.
                assert decide(config(**knobs | fewer), B8, cards(free)).warning, f"{knob} was not needed"


def test_a_model_that_no_knob_makes_fit_is_called_too_big() -> None:
    assert "smaller model" in refusal(B70, (11.6,), load_in_4bit=True).hint


def test_what_may_just_not_fit_is_tried_with_a_warning() -> None:
    found = decide(config(**QLORA), B8, cards(6.4))
    assert found.placement == "one"
    assert "may not fit" in found.warning


@pytest.mark.parametrize("method", ["grpo", "rloo", "star"])
def test_a_method_that_generates_is_not_split(method: str) -> None:
    assert refusal(B32, (11.6, 11.6), method=method, load_in_4bit=True).code == "out_of_memory"
    error = refusal(B32, (11.6, 11.6), method=method, placement="split")
    assert error.code == "bad_config"
    assert "cannot be split" in error.sentence


@pytest.mark.parametrize("placement", ["data_parallel", "split"])
def test_several_cards_are_wanted_and_there_are_not(placement: str) -> None:
    assert refusal(B8, (80,), placement=placement).code == "bad_config"
    assert refusal(B8, (), placement=placement).code == "gpu_missing"


def test_one_that_is_too_small_is_refused_though_two_would_do() -> None:
    assert refusal(B8, (11.6, 11.6), placement="one").code == "out_of_memory"
    assert refusal(B8, (11.6, 11.6), placement="data_parallel").code == "out_of_memory"


def test_a_model_of_unknown_size_is_taken_to_fit() -> None:
    found = decide(config(model="org/name"), None, cards(11.6, 11.6))
    assert (found.placement, found.processes) == ("data_parallel", 2)
    assert "not known" in found.sentence
    assert decide(config(placement="split"), None, cards(11.6, 11.6)).placement == "sharded"
    assert decide(config(placement="split", load_in_4bit=True), None, cards(11.6, 11.6)).placement == "layers"


def test_without_cards_it_is_the_cpu() -> None:
    assert decide(config(), B8, ()) == Decision("one", (), 1, "The run trains on the CPU.")
    assert decide(config(placement="data_parallel"), B8, (), cpu_processes=2).processes == 2


def test_what_filled_the_card_in_spite_of_the_prediction_is_told_what_needs_clearly_less() -> None:
    error = out_of_memory(config(**QLORA, per_device_train_batch_size=4, max_length=8192), B8, cards(20))
    assert "was expected to need" in error.sentence
    assert "Rows at once 1 and Gradient accumulation 16" in error.hint


def test_cards_are_chosen_as_cuda_does() -> None:
    uuids = ["GPU-aa11", "GPU-bb22", "GPU-cc33"]
    assert choose(uuids, None) == [0, 1, 2]
    assert choose(uuids, "") == []
    assert choose(uuids, "2,0") == [2, 0]
    assert choose(uuids, "GPU-bb, 0") == [1, 0]
    assert choose(uuids, "1,7,0") == [1]


def test_a_container_counts_the_cards_it_was_given_from_0() -> None:
    assert machine_numbers(2, (3, 1)) == [1, 3]
    assert machine_numbers(4, (3, 1)) == [0, 1, 2, 3]
    assert machine_numbers(2, ()) == [0, 1]
