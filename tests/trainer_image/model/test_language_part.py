"""Of a model that also sees pictures only the part for text is trained: which names that is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from trainer_image.model.language_part import freeze_other_parts, is_language, language_part, only_language

GEMMA = (
    "model.vision_tower.encoder.layers.0.self_attn.q_proj",
    "model.multi_modal_projector",
    "model.language_model",
    "model.language_model.layers.0.self_attn.q_proj",
    "lm_head",
)
LLAMA = ("model.layers.0.self_attn.q_proj", "lm_head")


class Weight:
    requires_grad = True

    def requires_grad_(self, wanted: bool) -> None:
        self.requires_grad = wanted


def model_of(*names: str) -> Any:
    weights = {f"{name}.weight": Weight() for name in names if not name.endswith("language_model")}
    return SimpleNamespace(
        named_modules=lambda: [(name, None) for name in ("", *names)], named_parameters=weights.items, weights=weights
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.language_model.layers.0.self_attn.q_proj", True),
        ("language_model.model.layers.3.mlp.up_proj", True),
        ("base_model.model.model.language_model.layers.0.mlp.down_proj", True),
        ("model.vision_tower.encoder.layers.0.self_attn.q_proj", False),
        ("model.audio_tower.conformer.0.ffw_layer_1", False),
        ("model.embed_vision.embedding_projection", False),
        ("model.visual.blocks.0.attn.qkv", False),
        ("lm_head", False),
    ],
)
def test_which_names_are_of_the_part_for_text(name: str, expected: bool) -> None:
    assert is_language(name) is expected


def test_lora_is_told_to_leave_the_rest_only_where_there_is_one() -> None:
    assert language_part(model_of(*GEMMA)) == "model.language_model"
    assert set(only_language(model_of(*GEMMA))) == {"exclude_modules"}
    assert only_language(model_of(*LLAMA)) == {}


def test_with_all_weights_the_head_is_trained_and_the_eyes_are_not() -> None:
    gemma, llama = model_of(*GEMMA), model_of(*LLAMA)
    freeze_other_parts(gemma)
    freeze_other_parts(llama)
    assert [name for name, weight in gemma.weights.items() if weight.requires_grad] == [
        "model.language_model.layers.0.self_attn.q_proj.weight",
        "lm_head.weight",
    ]
    assert all(weight.requires_grad for weight in llama.weights.values())
