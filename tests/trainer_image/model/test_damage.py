"""A model folder that could not be loaded: which of its files is missing, cut short or unreadable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer_image.model.damage import INDEX, damage_of

WEIGHTS = "model-00001-of-00002.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    for name in (WEIGHTS, WEIGHTS.replace("1", "2", 1)):
        (tmp_path / name).write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    weight_map = {"a": WEIGHTS, "b": WEIGHTS.replace("1", "2", 1)}
    (tmp_path / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.json").write_text('{"model": {}}')
    return tmp_path


def test_a_whole_folder_is_not_blamed(folder: Path) -> None:
    assert damage_of(folder, "some other trouble") is None


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def _place(path: Path, end: object) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, end]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "config.json").write_text('{"model_type'), "config.json of the model folder"),
        (lambda folder: (folder / WEIGHTS).unlink(), f"lacks {WEIGHTS}."),
        (lambda folder: _cut(folder / WEIGHTS), f"{WEIGHTS} of the model folder"),
        (lambda folder: (folder / INDEX).write_text("[]"), f"The {INDEX} of the model folder"),
        (lambda folder: (folder / INDEX).write_text('{"weight_map": {"a": 5}}'), "lacks 5."),
        (lambda folder: _place(folder / WEIGHTS, "x"), f"{WEIGHTS} of the model folder"),
        (lambda folder: _place(folder / WEIGHTS, None), f"{WEIGHTS} of the model folder"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer.json of the model folder"),
    ],
    ids=[
        "config",
        "shard gone",
        "shard cut",
        "index",
        "index of numbers",
        "words for a place",
        "no place",
        "tokenizer gone",
        "tokenizer empty",
    ],
)
def test_what_is_wrong_is_named(damage: Callable[[Path], object], words: str, folder: Path) -> None:
    damage(folder)
    found = damage_of(folder)
    assert found is not None
    assert words in found


def test_weights_of_another_model_are_named(folder: Path) -> None:
    found = damage_of(folder, "You set `ignore_mismatched_sizes` to `False`")
    assert found is not None
    assert "other sizes than its config.json says" in found
