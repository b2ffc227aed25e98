"""The decision tree: each goal's methods, what the rows can feed, and what each way needs on a machine."""

from __future__ import annotations

import pytest

from desktop.core.auto_memory import GIB, Card, Machine
from desktop.core.guide import (
    GOALS,
    NEEDS,
    WAYS,
    best_way,
    can_feed,
    goal_of,
    knobs_of,
    method_for,
    room_for,
    title_of,
)
from desktop.core.models import KnownModel, known_model
from trainer_image.contract import METHODS, check_config
from trainer_image.formats import Shape

TWO = Machine((Card("RTX 3060", 12 * GIB, int(11.4 * GIB)),) * 2, 32 * GIB)
CPU = Machine((), 16 * GIB)
LLAMA = known_model("meta-llama/Llama-3.1-8B-Instruct")
TINY = known_model("HuggingFaceTB/SmolLM2-135M-Instruct")
TEACH, PREFER, REASON = GOALS
QLORA, LORA, FULL = WAYS


@pytest.mark.parametrize(
    ("shape", "teach", "prefer", "reason"),
    [
        ("question_answer", "sft", None, "grpo"),
        ("messages", "sft", None, None),
        ("text", "pretrain", None, None),
        ("preference", None, "dpo", None),
        ("labelled", None, "kto", None),
        ("task", None, None, "grpo"),
    ],
)
def test_the_rows_say_which_method_serves_a_goal(
    shape: Shape, teach: str | None, prefer: str | None, reason: str | None
) -> None:
    for goal, method in ((TEACH, teach), (PREFER, prefer), (REASON, reason)):
        if method is not None:
            assert method_for(goal, shape) == method
            assert can_feed(goal, shape)
    if prefer is None:
        assert not can_feed(PREFER, shape)
        assert method_for(PREFER, shape) == "dpo"


def test_without_rows_the_first_method_is_taken_and_nothing_is_excluded() -> None:
    assert [method_for(goal, None) for goal in GOALS] == ["sft", "dpo", "grpo"]
    assert all(can_feed(goal, None) for goal in GOALS)


def test_every_method_of_a_goal_says_what_it_needs_and_leads_back() -> None:
    for goal in GOALS:
        for method in goal.methods:
            assert goal_of(method) is goal
            assert len(NEEDS[method]) == 2
    assert {method for method in METHODS if goal_of(method) is None} == {"reward", "prm"}
    assert goal_of("rloo") is REASON


def test_8b_on_two_cards_goes_as_qlora_and_all_weights_do_not_fit() -> None:
    qlora, lora, full = (room_for(way, LLAMA, TWO, "sft") for way in WAYS)
    assert qlora is not None
    assert lora is not None
    assert full is not None
    assert (qlora.use, lora.use, full.use) == ("cards", "split", "none")
    assert qlora.need_bytes < lora.need_bytes < full.need_bytes
    assert best_way(LLAMA, TWO, "sft") is QLORA
    assert best_way(TINY, TWO, "sft") is LORA
    assert best_way(TINY, CPU, "sft") is LORA


def test_a_model_that_nobody_knows_has_no_figures() -> None:
    assert room_for(LORA, KnownModel("x"), TWO, "sft") is None
    assert best_way(KnownModel("x"), TWO, "sft") is QLORA


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.key)
@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.key)
def test_what_a_way_fills_in_can_be_run(way: object, goal: object) -> None:
    for method in goal.methods:  # type: ignore[attr-defined]
        for machine in (TWO, CPU):
            knobs = knobs_of(way, TINY, machine)  # type: ignore[arg-type]
            config, problems = check_config({"model": "m", "dataset": "d", "method": method, **knobs})
            assert config is not None, problems


def test_4_bit_files_stay_in_4_bits() -> None:
    four_bit = known_model("unsloth/Qwen3-8B-unsloth-bnb-4bit")
    assert knobs_of(LORA, four_bit, TWO)["load_in_4bit"] is True
    assert best_way(four_bit, TWO, "sft") is QLORA


def test_a_way_is_called_by_what_the_models_own_files_hold() -> None:
    assert [title_of(way, LLAMA) for way in WAYS] == [way.title for way in WAYS]
    assert title_of(LORA, known_model("openai/gpt-oss-20b")) == "LoRA, an MXFP4 base"
    assert title_of(QLORA, known_model("openai/gpt-oss-20b")) == QLORA.title
