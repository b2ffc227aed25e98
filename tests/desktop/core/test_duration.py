"""The time to the end: from earlier runs, else roughly from size and card, and nothing where nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desktop.core.duration import Rows, duration, is_alike, last_step, learnt_speeds, rows_of_text
from desktop.core.models import known_model
from tests.fakes import FakeTrainer
from trainer_image.contract import RunConfig, RunFolder

B8 = known_model("meta-llama/Llama-3.1-8B-Instruct").facts
ROWS = Rows(1000, 500, 500)


def config(**knobs: Any) -> RunConfig:
    return RunConfig.model_validate({"model": "/m", "dataset": "/d.jsonl", "eval_split_size": 0, **knobs})


def test_what_was_learnt_sets_the_time_and_its_spread() -> None:
    found = duration(config(num_train_epochs=2), B8, ROWS, ["NVIDIA H200"], [1000.0, 1100.0])
    assert found is not None
    assert found.least_s < 1_000_000 / 1050 + 60 < found.most_s
    assert found.most_s < 1.6 * found.least_s
    assert "2 earlier runs" in found.source


def test_a_known_card_gives_a_rough_time_with_a_wide_spread() -> None:
    found = duration(config(), B8, ROWS, ["NVIDIA GeForce RTX 3060"], [])
    assert found is not None
    assert found.most_s > 2.5 * found.least_s
    two = duration(config(), B8, ROWS, ["NVIDIA GeForce RTX 3060"] * 2, [])
    assert two is not None
    assert two.most_s < found.most_s
    # An H200 was seen to learn 10,450 tokens a second so, with full rows.
    fast = duration(config(max_length=2048, num_train_epochs=1), B8, Rows(10_000, 2048, 2048), ["NVIDIA H200"], [])
    assert fast is not None
    assert fast.least_s < 20_480_000 / 10_450 + 60 < fast.most_s


@pytest.mark.parametrize(
    ("knobs", "rows", "cards"),
    [
        ({}, None, ["NVIDIA H200"]),
        ({}, ROWS, []),
        ({}, ROWS, ["Some new card"]),
        ({"method": "star"}, ROWS, ["NVIDIA H200"]),
        ({"method": "grpo", "num_generations": 4}, ROWS, ["NVIDIA H200"]),
    ],
)
def test_where_nothing_is_known_nothing_is_said(knobs: dict[str, Any], rows: Rows | None, cards: list[str]) -> None:
    assert duration(config(**knobs), B8, rows, cards, []) is None


def test_fewer_steps_take_less_time() -> None:
    whole = duration(config(), B8, ROWS, ["NVIDIA H200"], [100.0])
    few = duration(config(max_steps=3), B8, ROWS, ["NVIDIA H200"], [100.0])
    assert whole is not None
    assert few is not None
    assert few.most_s < whole.most_s / 2


def test_named_steps_count_whatever_the_epochs_say() -> None:
    once = duration(config(num_train_epochs=1), B8, ROWS, ["NVIDIA H200"], [100.0])
    named = duration(config(num_train_epochs=1, max_steps=10_000), B8, ROWS, ["NVIDIA H200"], [100.0])
    search = duration(config(num_train_epochs=30, find_learning_rate=True), B8, ROWS, ["NVIDIA H200"], [100.0])
    assert once is not None
    assert named is not None
    assert search is not None
    assert search.most_s < once.most_s < named.most_s


def test_a_row_is_no_longer_than_the_longest_row() -> None:
    assert rows_of_text(10, 1_000_000, 128) == Rows(10, 128, 128)
    rows = rows_of_text(10, 4000, 1024)
    assert rows.least_tokens < 100 < rows.most_tokens


def test_speeds_are_read_from_the_end_of_earlier_runs(tmp_path: Path) -> None:
    files = RunFolder(tmp_path)
    trainer = FakeTrainer(files, total_steps=20)
    for step in range(1, 9):
        trainer.step(step, 1.0)
    last = last_step(files)
    assert last is not None
    assert last.step == 8
    assert learnt_speeds([files]) == [last.tokens_per_s]
    assert last_step(RunFolder(tmp_path / "gone")) is None
    with files.events.open("a") as file:
        file.write(json.dumps({"kind": "step"})[:-4])
    assert last_step(files) == last


def test_only_runs_of_the_same_kind_teach() -> None:
    assert is_alike(config(), config(seed=1, max_length=64))
    assert not is_alike(config(), config(load_in_4bit=True))
    assert not is_alike(config(), config(model="/other"))
