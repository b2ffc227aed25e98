"""A model's sizes, from whatever there is of it on this machine."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from desktop.core.model_sizes import find_run_sizes, find_sizes
from desktop.core.models import model_list
from tests.model_shapes import SMOLLM2
from trainer_image.contract import RunConfig
from trainer_image.fitting.memory import four_bit_bytes

PARAMETERS = 134_515_008


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(SMOLLM2))
    return folder


def test_a_folder_and_a_bare_config_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "m")
    for word in (str(folder), str(folder / "config.json")):
        found = find_sizes(word)
        assert found.facts is not None
        assert found.facts.parameters == PARAMETERS


def test_a_hub_name_is_read_from_the_cache_by_its_revision(tmp_path: Path) -> None:
    kept = tmp_path / "hub" / "models--org--name"
    write(kept / "snapshots" / "abc")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    assert find_sizes("org/name", None, [tmp_path]).facts is not None
    assert find_sizes("org/name", "abc", [tmp_path]).facts is not None
    assert "not on this machine" in find_sizes("org/name", "other", [tmp_path]).why_not


def test_a_well_known_model_needs_no_files_and_its_4_bit_copy_is_known_as_such() -> None:
    whole, small = find_sizes("unsloth/Llama-3.2-1B-Instruct"), find_sizes("unsloth/Llama-3.2-1B-Instruct-bnb-4bit")
    assert whole.facts is not None
    assert small.facts is not None
    assert whole.facts.parameters == small.facts.parameters == pytest.approx(1.236e9, rel=0.001)
    assert (whole.facts.is_quantized, small.facts.is_quantized) == (False, True)


QWEN, QWEN_4_BIT = "Qwen/Qwen3-8B", "unsloth/Qwen3-8B-unsloth-bnb-4bit"


def kept(config: RunConfig, caches: list[Path], weight_bytes: int | None = None) -> int:
    facts = find_run_sizes(config, caches, weight_bytes).facts
    assert facts is not None
    return facts.kept


def put_in_cache(cache: Path, name: str, config: dict[str, Any]) -> Path:
    folder = cache / "hub" / f"models--{name.replace('/', '--')}" / "snapshots" / "main"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_run_in_4_bits_loads_the_copy_that_keeps_some_matrices_whole(tmp_path: Path) -> None:
    entry = model_list().find(QWEN)
    assert entry is not None
    assert entry.facts is not None
    config = RunConfig(model=QWEN, dataset="/rows.jsonl", load_in_4bit=True)
    # Nobody has seen its files: they may be a tenth larger than plain ones.
    guess = kept(config, [tmp_path])
    assert 0.03 < guess / entry.facts.linear_parameters < 0.1
    # The Hub tells how large they are.
    told = kept(config, [tmp_path], int(1.05 * four_bit_bytes(entry.facts)))
    assert 0 < told < guess
    # Its config.json says it exactly, whatever anybody has told.
    said = {"load_in_4bit": True, "quant_method": "bitsandbytes", "llm_int8_skip_modules": ["model.layers.4.mlp"]}
    put_in_cache(tmp_path, QWEN_4_BIT, {**(entry.shape or {}), "quantization_config": said})
    assert kept(config, [tmp_path], 10**11) == 3 * 4096 * 12288
    # In 16 bits it is another repository.
    assert kept(config.model_copy(update={"load_in_4bit": False}), [tmp_path], 10**11) == 0


def test_a_model_that_is_here_whole_is_made_small_itself(tmp_path: Path) -> None:
    entry = model_list().find(QWEN)
    assert entry is not None
    assert entry.facts is not None
    folder = put_in_cache(tmp_path, QWEN, dict(entry.shape or {}))
    (folder / "model.safetensors").touch()
    assert kept(RunConfig(model=QWEN, dataset="/rows.jsonl", load_in_4bit=True), [tmp_path]) == 0


@pytest.mark.parametrize("word", ["", "/nowhere", "/nowhere.gguf", "/nowhere.json", "org/never-heard-of-it"])
def test_what_is_not_there_is_said(word: str) -> None:
    found = find_sizes(word)
    assert found.facts is None
    assert found.why_not.endswith(".")


def test_another_kind_of_model_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba", "hidden_size": 768}')
    assert "mamba" in find_sizes(str(tmp_path)).why_not
    (tmp_path / "config.json").write_text("[1]")
    assert find_sizes(str(tmp_path)).facts is None


def text(word: str) -> bytes:
    return struct.pack("<Q", len(word)) + word.encode()


def gguf(entries: dict[str, int | str | list[str]], tensors: list[str]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for name, value in entries.items():
        head += text(name)
        if isinstance(value, int):
            head += struct.pack("<II", 4, value)
        elif isinstance(value, str):
            head += struct.pack("<I", 8) + text(value)
        else:
            head += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    for name in tensors:
        head += text(name) + struct.pack("<IQQIQ", 2, 4, 4, 0, 0)
    return head


def test_a_gguf_file_is_read_by_its_head(tmp_path: Path) -> None:
    file = tmp_path / "smol.gguf"
    entries: dict[str, int | str | list[str]] = {
        "general.architecture": "llama",
        "llama.block_count": 30,
        "llama.embedding_length": 576,
        "llama.feed_forward_length": 1536,
        "llama.attention.head_count": 9,
        "llama.attention.head_count_kv": 3,
        "tokenizer.ggml.tokens": ["a"] * 49152,
    }
    file.write_bytes(gguf(entries, ["token_embd.weight"]))
    found = find_sizes(str(file))
    assert found.facts is not None
    assert found.facts.parameters == PARAMETERS
    file.write_bytes(gguf(entries, ["token_embd.weight", "output.weight"]))
    untied = find_sizes(str(file))
    assert untied.facts is not None
    assert untied.facts.parameters == PARAMETERS + 49152 * 576
    file.write_bytes(gguf(entries, [])[:300])
    assert "cannot be read" in find_sizes(str(file)).why_not
    file.write_bytes(b"PK")
    assert "cannot be read" in find_sizes(str(file)).why_not
