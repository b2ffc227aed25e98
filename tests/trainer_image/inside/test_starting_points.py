"""The list of good models to start from agrees with the libraries that will load them."""

from __future__ import annotations

import json
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

LIST = json.loads((Path(__file__).parents[3] / "desktop" / "core" / "models.json").read_text("utf-8"))
MODELS = LIST["models"]


@pytest.fixture(scope="module")
def mapper() -> dict[str, Any]:
    """Return Unsloth's table of names, read without loading Unsloth."""
    spec = find_spec("unsloth")
    assert spec is not None
    assert spec.origin is not None
    return runpy.run_path(str(Path(spec.origin).parent / "models" / "mapper.py"))


def test_every_shape_builds_a_model_of_so_many_parameters() -> None:
    import torch
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    counted = {}
    for entry in MODELS:
        shape = {name: value for name, value in entry["shape"].items() if name != "quantization_config"}
        config = AutoConfig.for_model(shape.pop("model_type"), **shape)
        is_text = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
        with torch.device("meta"):
            model = (AutoModelForCausalLM if is_text else AutoModelForImageTextToText).from_config(config)
        counted[entry["id"]] = sum(weight.numel() for weight in model.parameters())
    assert counted == {entry["id"]: entry["parameters"] for entry in MODELS}


def one_name(name: str) -> str:
    """Return a name without what tells Unsloth's two ways of quantizing, and the two cases of Llama 3.1, apart."""
    return name.lower().replace("-unsloth-", "-").replace("/meta-", "/")


def test_the_names_of_variants_are_unsloths(mapper: dict[str, Any]) -> None:
    variants = mapper["FLOAT_TO_INT_MAPPER"]
    every = {name.lower() for name in (*variants, *mapper["INT_TO_FLOAT_MAPPER"])}
    for entry in MODELS:
        known, four_bit = variants.get(entry["id"].lower()), entry["four_bit"]
        if known is None:
            # Not in its table, as SmolLM2: then the name says what it is.
            assert four_bit in (None, f"unsloth/{entry['id'].rpartition('/')[2]}-bnb-4bit")
            continue
        assert four_bit is not None, f"{entry['id']} has a 4-bit variant, {known}"
        assert four_bit.lower() in every
        assert one_name(four_bit) == one_name(known)
        assert entry["open_copy"] is None or entry["open_copy"].lower() in every


def test_every_kind_on_the_list_is_known_to_transformers() -> None:
    from transformers import CONFIG_MAPPING

    assert [kind for kind in LIST["trainable"] if kind not in CONFIG_MAPPING] == []
