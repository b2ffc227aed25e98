"""The parts of a model that see pictures or hear: how many numbers they hold, as far as a config.json tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Three matrices in the feed-forward part instead of two.
_GATED = frozenset({"pixtral", "gemma4_vision"})
_NAMELESS_SIZES = {"gemma3n_vision": 300_000_000}
"""Encoders whose config.json names an architecture and no sizes: MobileNet v5 calls itself 300m."""
COLOURS = 3
HEARING_WIDTHS = 24
"""A layer that hears (a conformer) holds as many numbers as so many square matrices of its width: 16 in two
feed-forward parts, 5 for attention and positions, 3 for convolution."""


def senses(config: Mapping[str, Any], hidden: int) -> int:
    """Return the numbers of what sees and hears, with what joins it to the part for text, ``hidden`` wide."""
    eyes, ears = config.get("vision_config"), config.get("audio_config")
    total = _seeing(eyes, config, hidden) if isinstance(eyes, Mapping) else 0
    return total + (_hearing(ears, hidden) if isinstance(ears, Mapping) else 0)


def _seeing(eyes: Mapping[str, Any], config: Mapping[str, Any], hidden: int) -> int:
    kind = str(eyes.get("model_type", ""))
    layers, width = _number(eyes, "num_hidden_layers", "depth"), _number(eyes, "hidden_size")
    if not layers or not width:
        return _NAMELESS_SIZES.get(kind, 0)
    inner = _number(eyes, "intermediate_size") or 4 * width
    matrices = 4 * width**2 + (3 if kind in _GATED else 2) * width * inner
    patch = _number(eyes, "patch_size")
    patches = COLOURS * patch**2 * (_number(eyes, "temporal_patch_size") or 1) * width
    return layers * matrices + patches + _positions(eyes, kind, patch) * width + _joint(eyes, config, width, hidden)


def _positions(eyes: Mapping[str, Any], kind: str, patch: int) -> int:
    """Return how many places of a picture have a row of numbers of their own."""
    if rows := _number(eyes, "num_position_embeddings"):
        return rows
    if rows := _number(eyes, "position_embedding_size"):
        return 2 * rows  # across and down
    if kind == "pixtral" or not patch:
        return 0
    return int((_number(eyes, "image_size") // patch) ** 2)


def _joint(eyes: Mapping[str, Any], config: Mapping[str, Any], width: int, hidden: int) -> int:
    """Return the numbers of what turns patches into something like words."""
    if config.get("model_type") == "mistral3":
        return 4 * width**2 + width * hidden + hidden**2
    if out := _number(eyes, "out_hidden_size"):
        joined = width * (_number(eyes, "spatial_merge_size") or 1) ** 2
        return joined**2 + joined * out
    return width * hidden


def _hearing(ears: Mapping[str, Any], hidden: int) -> int:
    layers, width = _number(ears, "num_hidden_layers", "conf_num_hidden_layers"), _number(ears, "hidden_size")
    return layers * HEARING_WIDTHS * width**2 + width * hidden


def _number(config: Mapping[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int | float)), 0)
