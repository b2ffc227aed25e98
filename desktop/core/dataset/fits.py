"""Which methods rows of a shape can feed, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer_image.formats import FEEDS, Kind, Shape, why_not

if TYPE_CHECKING:
    # To load the contract takes longer than to check most files.
    from trainer_image.contract import Method

KIND_OF: Mapping[Method, Kind] = {
    "sft": "conversation",
    "pretrain": "text",
    "dpo": "preference",
    "orpo": "preference",
    "kto": "labelled",
    "reward": "preference",
    "rlhf": "preference",
    "rloo": "task",
    "grpo": "task",
    "star": "task",
    "prm": "steps",
}
"""What each method learns from, in the order in which the contract names them."""


def methods_for(shape: Shape) -> tuple[Method, ...]:
    """Return the methods that a shape can feed, those that it is meant for first."""
    kinds = FEEDS[shape]
    fitting = [method for method in KIND_OF if KIND_OF[method] in kinds]
    return tuple(sorted(fitting, key=lambda method: kinds.index(KIND_OF[method])))


def why_not_for(shape: Shape) -> dict[Method, str]:
    """Return for each other method the sentence that says what it lacks."""
    sentences = {method: why_not(shape, kind) for method, kind in KIND_OF.items()}
    return {method: sentence for method, sentence in sentences.items() if sentence}
