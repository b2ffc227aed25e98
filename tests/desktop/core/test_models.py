"""The list of models to start from: every entry has its form, and its sizes agree with its parameters."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from desktop.core.fit import Room, assess
from desktop.core.models import FILE, StartingPoint, context_of, held_as, known_model, model_list, size_words
from trainer_image.contract import RunConfig
from trainer_image.fitting.memory import GIB

MODELS = model_list().models


def test_the_list_says_when_and_where_from() -> None:
    assert date.fromisoformat(model_list().date) >= date(2026, 11, 1)
    assert model_list().source
    names = [name for one in MODELS for name in one.ids]
    assert len(set(names)) == len(names), "a Hub name stands twice"


def test_every_family_that_people_ask_for_is_there() -> None:
    assert {one.family for one in MODELS} >= {"Llama", "Qwen", "Gemma", "Mistral", "Phi", "SmolLM", "DeepSeek"}
    sizes = [one.parameters for one in MODELS]
    assert min(sizes) < 200e6
    assert max(sizes) > 14e9


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.id)
def test_an_entry_has_its_form(model: StartingPoint) -> None:
    for name in model.ids:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", name), name
    assert model.kind in ("chat", "base")
    assert model.gated in (True, False, None)
    assert model.licence
    assert model.context >= 2048
    assert not model.note or model.note.endswith(".")
    if model.gated:
        assert model.open_copy
    if model.four_bit:
        assert model.four_bit.startswith("unsloth/")
        assert model.four_bit.endswith("bnb-4bit")


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.id)
def test_the_sizes_add_up_to_the_parameters(model: StartingPoint) -> None:
    assert model.shape is not None
    assert model.shape["model_type"] in model_list().trainable
    assert model.facts is not None
    assert model.facts.parameters == pytest.approx(model.parameters, rel=0.002)
    assert bool(model.facts.senses) is ("Also sees" in model.note)


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.id)
def test_two_cards_of_12_gb_can_train_it(model: StartingPoint) -> None:
    assert model.facts is not None
    cards = [Room(index, "NVIDIA GeForce RTX 3060", 12 * GIB, int(11.6 * GIB)) for index in range(2)]
    config = RunConfig(
        model=model.id, dataset="/rows.jsonl", load_in_4bit=True, max_length=1024, per_device_train_batch_size=1
    )
    answer = assess(config, model.facts, cards, Room(-1, "This computer's memory", 64 * GIB, 60 * GIB))
    assert answer.fits
    weights = sum(gpu.parts["weights"] for gpu in answer.gpus)
    assert weights > 0.5 * model.parameters


def test_the_file_has_no_key_that_nobody_reads() -> None:
    values = json.loads(FILE.read_text())
    assert set(values) == {"date", "source", "shape", "models", "trainable", "not_trainable"}
    assert not set(values["trainable"]) & set(values["not_trainable"])


def test_a_model_is_found_by_each_of_its_names() -> None:
    llama = model_list().find("meta-llama/Llama-3.1-8B-Instruct")
    assert llama is not None
    assert model_list().find("unsloth/meta-llama-3.1-8b-instruct-bnb-4bit") is llama
    assert model_list().find("unsloth/Llama-3.1-8B-Instruct") is llama
    assert model_list().find("/models/Llama-3.1-8B-Instruct") is None
    assert llama in model_list().search("llama 8b")
    assert model_list().search("no such model") == []
    assert [size_words(one.parameters) for one in model_list().search("qwen3 4b")] == ["4B"] * 3


def test_what_is_known_of_a_model() -> None:
    listed = known_model("unsloth/Qwen3-8B-unsloth-bnb-4bit")
    assert listed.is_four_bit
    assert listed.has_chat_template
    assert listed.size == 8_190_735_360
    assert listed.facts is not None
    assert listed.facts.is_quantized
    read = known_model(
        "/models/mine", {"model_type": "llama", **(MODELS[0].shape or {}), "max_position_embeddings": 8192}
    )
    assert (read.name, read.context, read.has_chat_template) == ("mine", 8192, None)
    assert read.size == pytest.approx(134_515_008, rel=0.01)
    unknown = known_model("somebody/something")
    assert (unknown.name, unknown.facts, unknown.size) == ("something", None, None)
    assert context_of({"text_config": {"max_position_embeddings": 4096}}) == 4096


@pytest.mark.parametrize(
    ("model", "said", "plain", "four_bit"),
    [
        ("Qwen/Qwen3-8B", None, "16-bit", "4-bit"),
        ("unsloth/Qwen3-8B-unsloth-bnb-4bit", None, "4-bit", "4-bit"),
        # In 4 bits its copy is taken; a folder with the same files stays what it is.
        ("openai/gpt-oss-20b", None, "MXFP4", "4-bit"),
        ("/models/gpt-oss-20b", {"quant_method": "mxfp4"}, "MXFP4", "MXFP4"),
        ("/models/some-fp8", {"quant_method": "fp8", "weight_block_size": [128, 128]}, "FP8", "4-bit"),
        ("/models/some-fp8", {"quant_method": "fp8"}, "FP8", "FP8"),
        ("/models/some-4-bit", {"quant_method": "bitsandbytes", "load_in_4bit": True}, "4-bit", "4-bit"),
        ("somebody/something", None, "16-bit", "4-bit"),
    ],
)
def test_a_base_is_called_what_it_is_held_in(model: str, said: dict[str, Any], plain: str, four_bit: str) -> None:
    shape = dict(MODELS[0].shape or {})
    known = known_model(model, {**shape, "quantization_config": said} if said else None)
    assert held_as(known, model, four_bit=False) == plain
    assert held_as(known, model, four_bit=True) == four_bit


def test_sizes_in_words() -> None:
    assert [size_words(size) for size in (134_515_008, 999_885_952, 1_711_376_384, 8_030_261_248)] == [
        "135M",
        "1B",
        "1.7B",
        "8B",
    ]
