"""A model's files on this machine, and the longest row of a dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desktop.core.models import model_list
from trainer_image.contract import RunConfig
from trainer_image.model.files import TEMPLATE_TOKENS, is_in_cache, longest_row, model_folder, read_facts


def config(**knobs: Any) -> RunConfig:
    return RunConfig.model_validate({"model": "org/name", "dataset": "/data/rows.jsonl", **knobs})


def test_a_model_of_the_hub_is_found_in_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "models--org--name"
    snapshot = kept / "snapshots" / "abc123"
    assert model_folder(config()) is None
    snapshot.mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc123")
    assert model_folder(config()) == snapshot
    assert model_folder(config(model_revision="abc123")) == snapshot
    assert model_folder(config(model_revision="v2")) is None


LISTED = [(one.id, one.four_bit) for one in model_list().models if one.four_bit]


@pytest.mark.parametrize(("name", "copy"), LISTED)
def test_in_4_bits_the_files_of_unsloths_copy_are_the_models(
    name: str, copy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    copies = [found for _, found in LISTED]
    for other in {copy, *copies[:10]}:
        folder = tmp_path / f"models--{other.replace('/', '--')}" / "snapshots" / "main"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").touch()
    own = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / "main"
    own.mkdir(parents=True)  # the app has looked at its config before
    there = tmp_path / f"models--{copy.replace('/', '--')}" / "snapshots" / "main"
    assert model_folder(config(model=name, load_in_4bit=True)) == there
    assert model_folder(config(model=name)) == own
    assert model_folder(config(model=name, load_in_4bit=True, model_revision="main")) == own
    # With its own weights there, those are made small.
    (own / "model.safetensors").touch()
    assert model_folder(config(model=name, load_in_4bit=True)) == own


def test_a_copy_counts_only_where_its_weights_are_there_and_it_is_of_this_very_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    kinds = ("unsloth-bnb-4bit", "bnb-4bit")
    dynamic, plain = (tmp_path / f"models--unsloth--Qwen3-8B-{kind}" / "snapshots" / "main" for kind in kinds)
    for folder in (dynamic, plain):
        folder.mkdir(parents=True)
    asked = config(model="Qwen/Qwen3-8B", load_in_4bit=True)
    assert model_folder(asked) is None, "only somebody who looked has left these"
    (plain / "model.safetensors").touch()
    assert model_folder(asked) == plain
    (dynamic / "model.safetensors").touch()
    assert model_folder(asked) == dynamic
    assert model_folder(config(model="me/Qwen3-8B", load_in_4bit=True)) is None


def test_a_folder_is_where_it_is(tmp_path: Path) -> None:
    assert model_folder(config(model=str(tmp_path))) == tmp_path
    assert model_folder(config(model=str(tmp_path / "gone"))) is None


@pytest.mark.parametrize("text", [None, "no JSON", "[]", "{}", '{"hidden_size": 8, "text_config": "?"}'])
def test_a_config_that_tells_nothing_is_no_fault_here(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    assert read_facts(tmp_path) is None


def test_no_row_is_longer_than_the_longest_line_allows(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": "a" * length}) + "\n" for length in (10, 2000, 50)))
    found = longest_row(config(dataset=str(rows), max_length=4096))
    assert 1000 + TEMPLATE_TOKENS <= found <= 1010 + TEMPLATE_TOKENS
    assert longest_row(config(dataset=str(rows), max_length=512)) == 512
    assert longest_row(config(dataset=str(rows), max_length=4096, packing=True)) == 4096
    assert longest_row(config(dataset=str(tmp_path / "gone.jsonl"), max_length=4096)) == 4096


def test_a_model_is_in_the_cache_under_its_own_name_with_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    kept = tmp_path / "hub" / "models--org--name"
    assert not is_in_cache("org/name", None)
    for commit, names in {"aaa": ["config.json"], "bbb": ["config.json", "model.safetensors"]}.items():
        (kept / "snapshots" / commit).mkdir(parents=True)
        for name in names:
            (kept / "snapshots" / commit / name).touch()
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("aaa")
    assert not is_in_cache("org/name", None)
    assert is_in_cache("org/name", "bbb")
    (kept / "refs" / "main").write_text("bbb")
    assert is_in_cache("org/name", None)
    assert not is_in_cache("unsloth/name", None)
    assert not is_in_cache(str(kept / "snapshots" / "bbb"), None)
