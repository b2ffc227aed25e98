"""Will it fit: bars for each card, the launcher's own placement, and changes that keep their promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from desktop.core.fit import FP8_IS_MOST, PARTS, Fit, Knowledge, Room, as_json, assess, made_up, unknown
from desktop.core.models import known_model
from trainer_image.contract import RunConfig
from trainer_image.fitting.memory import CONTEXT_BYTES, GIB
from trainer_image.model.facts import ModelFacts

COMPUTER = Room(-1, "This computer's memory", 64 * GIB, 40 * GIB)
RTX = "NVIDIA GeForce RTX 3060"


def facts(name: str) -> ModelFacts:
    found = known_model(name).facts
    assert found is not None
    return found


B8 = facts("meta-llama/Llama-3.1-8B-Instruct")


def config(**knobs: Any) -> RunConfig:
    return RunConfig.model_validate({"model": "/m", "dataset": "/d.jsonl", **knobs})


def cards(*free: float) -> list[Room]:
    return [Room(index, RTX, 12 * GIB, int(size * GIB)) for index, size in enumerate(free)]


def fit(*free: float, **knobs: Any) -> Fit:
    return assess(config(**knobs), B8, cards(*free), COMPUTER)


def test_the_parts_add_up_to_the_prediction_and_the_driver_comes_on_top() -> None:
    answer = fit(11.6, load_in_4bit=True)
    (gpu,) = answer.gpus
    assert answer.fits
    assert answer.placement == "one"
    assert tuple(gpu.parts) == PARTS
    assert gpu.predicted_bytes == sum(gpu.parts.values())
    assert gpu.needed_bytes == gpu.predicted_bytes + CONTEXT_BYTES


@pytest.mark.parametrize(("four_bit", "says_so"), [(False, True), (True, False)])
def test_fp8_is_counted_as_the_most_it_can_be_and_that_is_said(four_bit: bool, says_so: bool) -> None:
    model = replace(B8, stored="fp8_blocks")
    answer = assess(config(load_in_4bit=four_bit), model, cards(23.0), COMPUTER)
    assert (FP8_IS_MOST in answer.notes) is says_so
    plain = assess(config(load_in_4bit=four_bit), B8, cards(23.0), COMPUTER)
    assert answer.gpus == plain.gpus


def test_the_rows_that_the_config_says_are_counted_though_the_launcher_starts_with_fewer() -> None:
    small, large = fit(11.6, load_in_4bit=True), fit(11.6, load_in_4bit=True, per_device_train_batch_size=32)
    assert small.fits
    assert not large.fits
    assert large.placement == "one"
    assert large.changes
    assert any("fewer rows at once" in note for note in large.notes)


@pytest.mark.parametrize(
    ("free", "knobs"),
    [
        ((11.6,), {"load_in_4bit": True, "max_length": 16384, "per_device_train_batch_size": 4}),
        ((11.6, 11.6), {"max_length": 8192, "per_device_train_batch_size": 4}),
        ((11.6,), {"max_length": 4096, "gradient_checkpointing": False}),
        ((23.5,), {"full_finetuning": True}),
        ((7.0, 11.6), {"load_in_4bit": True, "placement": "data_parallel", "max_length": 8192}),
        ((11.6,), {"method": "grpo", "load_in_4bit": True, "max_length": 8192, "max_completion_length": 256}),
    ],
)
def test_every_change_that_is_offered_makes_it_fit(free: tuple[float, ...], knobs: dict[str, Any]) -> None:
    answer = fit(*free, **knobs)
    assert answer.fits is False
    assert answer.changes
    for offer in answer.changes:
        after = fit(*free, **knobs | offer.knobs)
        assert after.fits, offer
        assert after.placement == offer.placement
        assert tuple(gpu.needed_bytes for gpu in after.gpus if gpu.driver_bytes) == offer.needed_bytes


def test_a_card_that_stays_idle_is_shown_empty() -> None:
    answer = fit(11.6, 2.0, load_in_4bit=True)
    assert [gpu.room.index for gpu in answer.gpus] == [0, 1]
    assert answer.placement == "one"
    assert answer.gpus[1].predicted_bytes == 0


def test_only_the_cards_that_the_config_names_are_asked() -> None:
    assert [gpu.room.index for gpu in fit(11.6, 11.6, load_in_4bit=True, gpus=[1]).gpus] == [1]
    missing = fit(11.6, load_in_4bit=True, gpus=[3])
    assert missing.fits is False
    assert "no GPU 3" in missing.sentence


def test_rows_that_are_shorter_than_the_knob_need_less() -> None:
    long = config(load_in_4bit=True, max_length=8192)
    whole = assess(long, B8, cards(11.6), COMPUTER).gpus[0]
    short = assess(long, B8, cards(11.6), COMPUTER, Knowledge(longest_row=500)).gpus[0]
    packed = assess(long.model_copy(update={"packing": True}), B8, cards(80), COMPUTER, Knowledge(longest_row=500))
    assert short.predicted_bytes < whole.predicted_bytes
    assert packed.gpus[0].parts["activations"] > short.parts["activations"]


def test_how_many_rows_a_shorter_length_would_cut_is_said() -> None:
    knobs = config(load_in_4bit=True, max_length=16384, per_device_train_batch_size=4)
    answer = assess(knobs, B8, cards(11.6), COMPUTER, Knowledge(share_cut=lambda length: 0.12))
    assert "cuts 12% of the rows" in [offer.cost for offer in answer.changes]


def test_what_this_machine_has_taught_is_added() -> None:
    plain = fit(11.6, load_in_4bit=True).gpus[0]
    learnt = assess(
        config(load_in_4bit=True),
        B8,
        cards(11.6),
        COMPUTER,
        Knowledge(correction=lambda card: 1.1 if card == RTX else 1),
    ).gpus[0]
    assert learnt.predicted_bytes == pytest.approx(1.1 * plain.predicted_bytes, rel=1e-6)


def test_a_run_that_fills_the_card_is_shown_as_it_would_fill_it() -> None:
    answer = fit(80, auto_batch=True, per_device_train_batch_size=8, max_length=2048)
    assert answer.fits
    assert answer.gpus[0].predicted_bytes > 40 * GIB
    assert any("Fill the card" in note for note in answer.notes)


def test_of_a_chain_the_run_that_needs_more_counts() -> None:
    chain = fit(80, method="rlhf", num_generations=4)
    policy = fit(80, method="rloo", rewards=("model",), reward_model="/judge", num_generations=4)
    assert chain.gpus[0].predicted_bytes == policy.gpus[0].predicted_bytes


def test_without_a_card_it_is_the_computers_memory() -> None:
    model = facts("HuggingFaceTB/SmolLM2-135M-Instruct")
    answer = assess(config(max_length=512), model, [], COMPUTER)
    assert (answer.placement, answer.fits) == ("cpu", True)
    assert answer.gpus[0].room == COMPUTER
    assert assess(config(gpus=[]), model, cards(11.6), COMPUTER).placement == "cpu"
    small = Room(-1, "This computer's memory", 8 * GIB, 2 * GIB)
    assert assess(config(max_length=8192, per_device_train_batch_size=16), model, [], small).changes


def test_on_a_processor_experts_are_held_in_16_bits() -> None:
    known = facts("openai/gpt-oss-20b")
    card, processor = (
        assess(config(max_length=512, load_in_4bit=True), known, rooms, COMPUTER).gpus[0].parts["weights"]
        for rooms in (cards(80), [])
    )
    assert card < 15 * GIB
    assert processor == pytest.approx(2 * known.parameters, rel=0.01)


def test_a_config_that_cannot_be_placed_says_why() -> None:
    assert fit(80, placement="data_parallel").fits is False
    assert "Set Use of the cards to auto" in fit(80, placement="data_parallel").sentence
    assert assess(config(placement="split"), B8, [], COMPUTER).fits is False


def test_a_model_that_no_change_makes_fit_is_called_too_large() -> None:
    answer = assess(config(load_in_4bit=True), facts("meta-llama/Llama-3.1-8B-Instruct"), cards(3.0), COMPUTER)
    assert not answer.changes
    assert any("smaller one" in note for note in answer.notes)


def test_the_json_is_what_programs_rely_on() -> None:
    told = as_json(assess(config(load_in_4bit=True), B8, made_up([12, 24]), COMPUTER))
    assert {"placement", "fits", "gpus", "changes"} <= set(told)
    assert [gpu["total_bytes"] for gpu in told["gpus"]] == [12 * GIB, 24 * GIB]
    for gpu in told["gpus"]:
        assert {"index", "name", "total_bytes", "free_bytes", "predicted_bytes", "parts"} <= set(gpu)
        assert set(gpu["parts"]) == {"weights", "adapter", "optimizer", "activations", "logits", "overhead"}
        assert gpu["predicted_bytes"] == sum(gpu["parts"].values())


def test_what_is_not_known_is_not_promised() -> None:
    answer = unknown("Fetch it first.", cards(11.6))
    assert answer.fits is None
    assert as_json(answer)["fits"] is None
