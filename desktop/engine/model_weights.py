"""What a model folder says of its weights: which of their files are missing, and how they were quantized."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_image.model.facts import quantization_of

MADE_SMALL = re.compile(
    r"[-_.](awq|gptq|fp8|mxfp4|w4a16|w8a8|int4|int8|4bit|8bit|quantized)(?![a-z]).*$", re.IGNORECASE
)
"""How repositories with quantized weights end, after the name of the model that they were made from."""
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def missing_weights(folder: Path) -> tuple[str, ...]:
    """Return the files of weights that the folder's index names and that are not there, in the order of their names."""
    names = [name for name in INDEXES if (folder / name).is_file()]
    whole = [name.removesuffix(".index.json") for name in INDEXES]
    # One file with everything needs no index, and where there are safetensors nobody reads the others.
    if not names or any((folder / name).is_file() for name in whole):
        return ()
    try:
        listed = json.loads((folder / names[0]).read_text("utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(name for name in sorted(set(map(str, listed))) if not (folder / name).is_file())


def quantized_by(config: Mapping[str, Any]) -> str:
    """Return by what method (awq, gptq, fp8, bitsandbytes) a model's weights were quantized; empty for plain ones."""
    said = quantization_of(config)
    if said.get("load_in_4bit") or said.get("load_in_8bit"):
        return "bitsandbytes"
    return str(said.get("quant_method") or "").lower()


def plain_name(model: str) -> str:
    """Return what to take instead of quantized weights: the model of that name without its ending, where it has one."""
    name = Path(model).name
    plain = MADE_SMALL.sub("", name)
    if plain == name:
        return "the model that it was made from"
    return f"{plain}, the model that it was made from"
