"""Config values that were saved, or lie in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desktop.core.config_values import read_config_file, read_values
from desktop.errors import StoreError

CONTRACT_1: dict[str, Any] = {
    "model": "some/model",
    "model_revision": None,
    "dataset": "/rows.jsonl",
    "method": "sft",
    "num_train_epochs": 3.0,
    "max_steps": None,
    "learning_rate": 0.0002,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 4,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0.03,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "optim": "adamw_torch_fused",
    "seed": 3407,
    "max_length": 1024,
    "loss_on": "answers",
    "bad_rows": "stop",
    "lora_r": 16,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "target_modules": "all-linear",
    "use_rslora": False,
    "load_in_4bit": False,
    "gradient_checkpointing": True,
    "eval_split_size": 0.05,
    "eval_steps": None,
    "sample_prompts": [],
    "save_steps": 100,
    "save_total_limit": 3,
    "gpus": None,
    "offline": False,
}
"""What the first version saved, with every knob at its default."""


def test_a_config_of_the_first_contract_is_read_as_it_was() -> None:
    config = read_values(CONTRACT_1)
    assert {name: config.model_dump(mode="json")[name] for name in CONTRACT_1} == CONTRACT_1
    assert config.resolved_learning_rate == 2e-4


def test_a_knob_that_had_no_say_and_is_refused_now_is_left_out() -> None:
    """The first contract let Evaluate every stand beside no rows to evaluate."""
    config = read_values({**CONTRACT_1, "eval_split_size": 0.0, "eval_steps": 10})
    assert (config.eval_split_size, config.eval_steps) == (0.0, None)


def test_values_of_another_version_are_read_as_far_as_they_are_known() -> None:
    config = read_values({"model": "m", "dataset": "d", "knob_of_tomorrow": 3, "lora_r": 8})
    assert config.lora_r == 8
    with pytest.raises(StoreError, match="LoRA rank"):
        read_values({"model": "m", "dataset": "d", "lora_r": 0})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "not JSON"),
        (b"[1]", "one JSON object"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_config_file_that_is_none(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=words):
        read_config_file(path)


def test_a_config_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'\xef\xbb\xbf{"model": "m"}')
    assert read_config_file(path) == {"model": "m"}


def test_a_config_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        read_config_file(tmp_path / "config.json")
