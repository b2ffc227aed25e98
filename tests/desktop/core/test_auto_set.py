"""What the presets choose for machines, models and datasets, and that all of it can be run."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from desktop.core.auto_draft import Chosen, DataFacts
from desktop.core.auto_memory import GIB, SAFE, Card, Machine, find_room
from desktop.core.auto_set import choose
from desktop.core.fit import Knowledge, Room, assess
from desktop.core.models import KnownModel, known_model, model_list
from desktop.core.packing import packing_problem
from desktop.core.presets import PRESETS, PresetKey, plain_values
from trainer_image.contract import METHODS, Method, RunConfig, check_config
from trainer_image.data.packing import can_lie_flat
from trainer_image.fitting.memory import predict

TWO = Machine((Card("RTX 3060", 12 * GIB, int(11.4 * GIB)),) * 2, 32 * GIB)
EIGHT = Machine((Card("RTX 3070", 8 * GIB, int(7.4 * GIB)),), 32 * GIB)
UNEQUAL = Machine((Card("RTX 3060", 12 * GIB, int(11.4 * GIB)), Card("GTX 1650", 4 * GIB, int(3.8 * GIB))), 32 * GIB)
LARGE = Machine((Card("H100", 80 * GIB, 79 * GIB),), 128 * GIB)
ONE = Machine((Card("RTX 3060", 12 * GIB, int(11.4 * GIB)),), 32 * GIB)
CPU = Machine((), 16 * GIB)
MACHINES = {"two": TWO, "eight": EIGHT, "unequal": UNEQUAL, "large": LARGE, "cpu": CPU}
TINY = known_model("HuggingFaceTB/SmolLM2-135M-Instruct")
LLAMA = known_model("meta-llama/Llama-3.1-8B-Instruct")
QWEN = known_model("Qwen/Qwen3-14B")
UNKNOWN = KnownModel("something")
SHORT = DataFacts(7473, [120] * 980 + [900] * 15 + [3000] * 5)
"""98 % are very short, 99.5 % are below 1,024."""


def values_of(chosen: Chosen, method: Method = "sft", **kept: Any) -> RunConfig:
    config, problems = check_config({"model": "m", "dataset": "d", "method": method, **kept, **chosen.values})
    assert config is not None, problems
    return config


def auto(machine: Machine, model: KnownModel, data: DataFacts = SHORT, method: Method = "sft", **kept: Any) -> Chosen:
    return choose("auto", machine, model, data, method, kept)


def reason(chosen: Chosen, knob: str) -> str:
    (found,) = [str(one) for one in chosen.reasons if one.knob == knob]
    return found


@pytest.mark.parametrize("preset", [preset.key for preset in PRESETS])
@pytest.mark.parametrize("method", METHODS)
def test_every_choice_is_a_config_that_passes_and_says_why(preset: PresetKey, method: Method) -> None:
    datasets = (SHORT, DataFacts(12, [40] * 12), DataFacts(1000), DataFacts())
    for machine, model, data in product(MACHINES.values(), (TINY, LLAMA, QWEN, UNKNOWN), datasets):
        chosen = choose(preset, machine, model, data, method)
        values_of(chosen, method)
        assert set(chosen.values) == set(plain_values())
        assert 1 <= len(chosen.reasons) <= 8
        assert all(one.knob == "model" or one.knob in chosen.values for one in chosen.reasons)
        assert re.search(r"[^.]\.$", chosen.sentence)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_said_to_fit_stays_within_the_safe_share_of_every_card(method: Method) -> None:
    for machine, model, preset in product((TWO, EIGHT, LARGE), (TINY, LLAMA, QWEN), PRESETS):
        chosen = choose(preset.key, machine, model, SHORT, method)
        if not chosen.fits:
            continue
        config = values_of(chosen, method)
        assert model.facts is not None
        free = [card.free_bytes for card in machine.cards]
        ways = {"auto": ("data_parallel", [1.0] * len(free)), "split": ("layers", free), "one": ("one", [1.0])}
        placement, shares = ways[config.placement]
        needs = predict(config, model.facts, placement, shares)  # type: ignore[arg-type]
        assert all(need.total <= SAFE * room for need, room in zip(needs, free, strict=False))


def test_two_cards_of_12_gb_train_8b_in_4_bits_as_copies() -> None:
    chosen = auto(TWO, LLAMA)
    config = values_of(chosen)
    assert chosen.fits
    assert config.load_in_4bit
    assert config.placement == "auto"
    assert config.max_length == 960
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps * 2 == 16
    assert config.optim == "adamw_8bit"
    assert reason(chosen, "load_in_4bit").startswith("4-bit base, because 8B in 16 bits needs 1")
    assert reason(chosen, "load_in_4bit").endswith("a card has 11.4 GB")
    assert reason(chosen, "max_length") == "960 tokens a row, because 99 % of your rows are shorter"
    assert "2 cards" in reason(chosen, "per_device_train_batch_size")


def test_a_small_model_is_left_in_16_bits() -> None:
    config = values_of(auto(TWO, TINY))
    assert not config.load_in_4bit
    assert config.optim == "adamw_torch_fused"


def test_14b_goes_over_both_cards() -> None:
    chosen = auto(TWO, QWEN, DataFacts(1000))
    assert values_of(chosen).placement == "split"
    assert reason(chosen, "placement") == "one model over 2 cards, because it is too big for one of them"


def test_what_generates_answers_is_never_split() -> None:
    chosen = auto(TWO, QWEN, DataFacts(1000), "grpo")
    assert values_of(chosen, "grpo").placement == "auto"
    assert not chosen.fits
    assert chosen.reasons[0].knob == "model"
    assert "Choose a smaller model" in chosen.sentence


def test_one_card_of_8_gb_takes_8b_with_few_rows_at_once_and_refuses_14b() -> None:
    chosen = auto(EIGHT, LLAMA, DataFacts(7473, [400] * 100))
    config = values_of(chosen)
    assert chosen.fits
    assert config.load_in_4bit
    assert config.per_device_train_batch_size <= 4
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 16
    assert not auto(EIGHT, QWEN).fits


def test_rows_become_shorter_before_a_model_is_refused() -> None:
    chosen = auto(EIGHT, LLAMA, DataFacts(7473, [3000] * 100))
    config = values_of(chosen)
    assert chosen.fits
    assert config.max_length < 3000
    assert reason(chosen, "max_length").endswith("longer ones do not fit")


def test_a_card_that_is_too_small_is_not_counted() -> None:
    config = values_of(auto(UNEQUAL, LLAMA))
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 16


def test_a_processor_gets_short_rows_and_no_8_bit_optimizer() -> None:
    chosen = auto(CPU, TINY, DataFacts(7473, [900] * 50 + [100] * 50))
    config = values_of(chosen)
    assert config.max_length == 512
    assert config.optim == "adamw_torch_fused"
    assert not config.load_in_4bit
    assert "no graphics card" in reason(chosen, "per_device_train_batch_size")
    assert "a processor too long (50% are cut)" in reason(chosen, "max_length")
    assert values_of(auto(CPU, LLAMA)).load_in_4bit


def test_unknown_lengths_and_sizes_are_said_and_taken_carefully() -> None:
    chosen = auto(TWO, UNKNOWN, DataFacts())
    config = values_of(chosen)
    assert config.max_length == 1024
    assert config.load_in_4bit
    assert config.per_device_train_batch_size <= 4
    assert "nobody has counted" in reason(chosen, "max_length")
    assert "nobody knows yet" in reason(chosen, "load_in_4bit")
    assert not any(one.knob == "num_train_epochs" for one in chosen.reasons)


def test_a_model_known_by_its_parameters_alone_is_measured_by_them() -> None:
    huge, small = KnownModel("a", parameters=30_000_000_000), KnownModel("b", parameters=500_000_000)
    assert not auto(TWO, huge).fits
    assert not values_of(auto(TWO, small)).load_in_4bit


def test_rows_are_not_longer_than_the_model_was_made_for() -> None:
    made_for_1024 = KnownModel("old", LLAMA.facts, context=1024, parameters=LLAMA.parameters)
    chosen = auto(LARGE, made_for_1024, DataFacts(100, [4000] * 100))
    assert values_of(chosen).max_length == 1024


def test_a_model_in_4_bits_stays_so() -> None:
    chosen = auto(LARGE, known_model("unsloth/Qwen3-8B-unsloth-bnb-4bit"))
    assert values_of(chosen).load_in_4bit
    assert reason(chosen, "load_in_4bit").endswith("the files of this model hold 4 bits")


@pytest.mark.parametrize("tries", [2, 6, 8, 16])
@pytest.mark.parametrize("method", ["grpo", "rloo", "rlhf"])
def test_a_step_is_made_of_whole_groups_of_tries(method: Method, tries: int) -> None:
    for preset in PRESETS:
        chosen = choose(preset.key, TWO, LLAMA, SHORT, method, {"num_generations": tries})
        config = values_of(chosen, method, num_generations=tries)
        assert config.per_device_train_batch_size * config.gradient_accumulation_steps % tries == 0


def test_there_is_room_for_the_answer_behind_the_prompt() -> None:
    chosen = auto(TWO, LLAMA, DataFacts(500, [100] * 50), "grpo", max_completion_length=700)
    assert values_of(chosen, "grpo", max_completion_length=700).max_length == 128 + 700


def test_kto_has_two_rows_at_once_even_where_memory_is_short() -> None:
    for machine in MACHINES.values():
        assert values_of(auto(machine, LLAMA, method="kto"), "kto").per_device_train_batch_size >= 2


def test_fast_packs_short_rows_goes_once_and_lets_the_card_decide() -> None:
    chosen = choose("fast", TWO, TINY, SHORT, "sft")
    config = values_of(chosen)
    assert config.packing
    assert config.max_length == 2048
    assert config.num_train_epochs == 1
    assert not config.gradient_checkpointing
    assert config.auto_batch
    long = values_of(choose("fast", TWO, TINY, DataFacts(7473, [1800] * 100), "sft"))
    assert not long.packing
    assert not values_of(choose("fast", CPU, TINY, SHORT, "sft")).packing


def steps_of(config: RunConfig, count: int, cards: int) -> float:
    """The steps of a run over so many rows or sequences."""
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps * cards
    return count * (1 - config.eval_split_size) * config.num_train_epochs / batch


@pytest.mark.parametrize("machine", [ONE, TWO, CPU], ids=["one", "two", "cpu"])
@pytest.mark.parametrize(("rows", "tokens"), [(200, 80), (1000, 150), (7473, 120)])
def test_fast_makes_enough_steps_to_teach_something_and_keeps_checkpoints(
    machine: Machine, rows: int, tokens: int
) -> None:
    config = values_of(choose("fast", machine, TINY, DataFacts(rows, [tokens] * min(rows, 1000)), "sft"))
    count = math.ceil(rows * tokens / config.max_length) if config.packing else rows
    steps = steps_of(config, count, max(1, len(machine.cards)))
    assert steps >= 20
    assert config.save_steps < steps
    if config.packing:
        assert steps >= 45


def test_fast_goes_more_than_once_through_very_few_rows_and_says_why() -> None:
    chosen = choose("fast", ONE, TINY, DataFacts(20, [50] * 20), "sft")
    assert values_of(chosen).num_train_epochs == 3
    assert reason(chosen, "num_train_epochs") == "3 times through the data, because once would be only 5 steps"
    enough = choose("fast", ONE, TINY, DataFacts(5000, [50] * 20), "sft")
    assert reason(enough, "num_train_epochs") == "once through the data, because that is the soonest"


def test_raw_text_counts_the_sequences_that_it_fills() -> None:
    books = DataFacts(10, [200_000] * 10)
    config = values_of(auto(ONE, TINY, books, "pretrain"), "pretrain")
    assert config.per_device_train_batch_size * config.gradient_accumulation_steps == 16
    notes = values_of(auto(ONE, TINY, DataFacts(2000, [50] * 100), "pretrain"), "pretrain")
    assert notes.per_device_train_batch_size * notes.gradient_accumulation_steps == 1


@pytest.mark.parametrize("kind", sorted(model_list().trainable))
def test_no_preset_packs_what_the_trainer_would_refuse(kind: str) -> None:
    model = replace(TINY, kind=kind)
    for preset in PRESETS:
        chosen = choose(preset.key, ONE, model, SHORT, "sft")
        assert packing_problem({"method": "sft", **chosen.values}, kind) is None
    assert choose("fast", ONE, model, SHORT, "sft").values["packing"] is can_lie_flat(kind)


def test_what_was_said_of_the_data_stays() -> None:
    said = {"columns": ("prompt=q", "completion=a"), "read_as": ("encoding=utf-8",), "bad_rows": "skip"}
    for preset in PRESETS:
        chosen = choose(preset.key, ONE, TINY, SHORT, "sft", {**said, "on_trouble": "stop"})
        assert not {*said, "on_trouble"} & set(chosen.values)


def test_one_row_is_said_as_one() -> None:
    assert reason(auto(ONE, TINY, DataFacts(1, [50])), "num_train_epochs").endswith("because there is only 1 row")


def test_the_memory_that_is_said_is_that_of_rows_as_long_as_they_are() -> None:
    chosen = choose("auto", ONE, LLAMA, DataFacts(1000, (), 300), "sft")
    config = values_of(chosen)
    room = Room(0, "RTX 3060", 12 * GIB, int(11.4 * GIB))
    assert LLAMA.facts is not None
    (card,) = assess(config, LLAMA.facts, [room], room, Knowledge(longest_row=300)).gpus
    assert f"about {card.needed_bytes / GIB:.1f} GB of the 11.4 GB" in reason(chosen, "per_device_train_batch_size")
    assert reason(chosen, "max_length").endswith("no row has more, as far as its bytes tell")


def test_what_a_card_was_seen_to_need_more_is_said_as_the_bars_say_it() -> None:
    seen = Machine((replace(ONE.cards[0], correction=1.15),), 32 * GIB)
    chosen = auto(seen, LLAMA, DataFacts(1000, [300] * 100, 300))
    room = Room(0, "RTX 3060", 12 * GIB, int(11.4 * GIB))
    assert LLAMA.facts is not None
    known = Knowledge(correction=lambda _: 1.15, longest_row=300)
    (card,) = assess(values_of(chosen), LLAMA.facts, [room], room, known).gpus
    assert f"about {card.needed_bytes / GIB:.1f} GB of the 11.4 GB" in reason(chosen, "per_device_train_batch_size")


def test_a_quick_test_is_minutes_or_says_what_it_takes() -> None:
    rows = DataFacts(1000, [320] * 100)
    small = choose("test", CPU, TINY, rows, "sft")
    assert values_of(small).max_steps == 60
    assert reason(small, "max_steps").endswith("and takes about 5 min")
    large = choose("test", CPU, LLAMA, rows, "sft")
    assert values_of(large).max_steps == 5
    assert re.search(r"8B on a processor they take about \d+ min, while Qwen3 0\.6B would", reason(large, "max_steps"))
    assert re.search(r"about \d+ hours", reason(choose("test", CPU, LLAMA, rows, "grpo"), "max_steps"))
    unlisted = Machine((Card("Radeon", 12 * GIB, 11 * GIB),), 32 * GIB)
    assert reason(choose("test", unlisted, LLAMA, rows, "sft"), "max_steps").endswith("that shows whether it works")


def test_best_cuts_nothing_and_keeps_the_best_checkpoint() -> None:
    config = values_of(choose("best", TWO, LLAMA, SHORT, "sft"))
    assert config.max_length == 3008
    assert config.load_best_model_at_end
    assert config.eval_steps
    assert config.lora_r == 32
    assert not values_of(choose("best", TWO, LLAMA, DataFacts(20, [50] * 20), "sft")).load_best_model_at_end


def test_the_test_is_short() -> None:
    config = values_of(choose("test", CPU, TINY, SHORT, "sft"))
    assert config.max_steps == 60
    assert config.max_length <= 512
    assert values_of(choose("test", CPU, TINY, SHORT, "grpo"), "grpo").max_steps == 10


def test_few_rows_make_small_steps_and_many_rows_fewer_rounds() -> None:
    few, many = auto(LARGE, TINY, DataFacts(60, [50] * 60)), auto(LARGE, TINY, DataFacts(200_000, [50] * 60))
    assert values_of(few).per_device_train_batch_size * values_of(few).gradient_accumulation_steps == 4
    assert values_of(few).num_train_epochs > values_of(many).num_train_epochs == 1
    assert values_of(many).eval_split_size < 0.05
    assert values_of(many).save_steps == 500


def test_what_cannot_be_read_yet_is_passed_over() -> None:
    chosen = auto(TWO, LLAMA, SHORT, "grpo", num_generations="eig", max_completion_length=300)
    assert values_of(chosen, "grpo", max_completion_length=300).max_length >= 428


def test_a_card_that_is_in_use_counts_with_what_is_free() -> None:
    half = Machine((Card("RTX 3060", 12 * GIB, 5 * GIB),), 32 * GIB)
    assert not auto(half, LLAMA).fits
    room = find_room({"model": "m", "dataset": "d", "method": "sft"} | plain_values(), TINY, half, may_split=False)
    assert (room.use, room.free_bytes) == ("cards", 5 * GIB)


def test_the_same_question_has_the_same_answer() -> None:
    assert auto(TWO, LLAMA) == auto(TWO, LLAMA)
