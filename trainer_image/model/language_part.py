"""Which part of a model reads and writes text, where it also sees pictures or hears: that part alone is trained."""

from __future__ import annotations

import re
from typing import Any

LANGUAGE_PART = "language_model"
"""What transformers calls the part for text in every model that has others beside it."""
OTHER_PARTS = rf"(?!(?:.*\.)?{LANGUAGE_PART}\.).*"
"""Matches the whole names of all modules that are outside of it, as PEFT wants its exclude_modules."""


def is_language(name: str) -> bool:
    """Say whether a module of this name lies in the part for text."""
    return re.fullmatch(OTHER_PARTS, name) is None


def language_part(model: Any) -> str:
    """Return the name of the part for text; empty where a model has no other parts."""
    names = (name for name, _ in model.named_modules())
    return next((name for name in names if name.rpartition(".")[2] == LANGUAGE_PART), "")


def only_language(model: Any) -> dict[str, Any]:
    """Return what LoRA is given besides, so that it leaves the parts that see or hear as they are.

    Rows have no pictures, so an adapter there gets no gradient: memory for nothing, and an error with two cards.
    """
    return {"exclude_modules": OTHER_PARTS} if language_part(model) else {}


def freeze_other_parts(model: Any) -> None:
    """Keep the parts that see or hear as they are, where all weights for text are trained."""
    part = language_part(model)
    if not part:
        return
    # They stand beside it; a head stands further out and is trained.
    beside = part.removesuffix(LANGUAGE_PART)
    for name, weight in model.named_parameters():
        if name.startswith(beside) and not is_language(name):
            weight.requires_grad_(False)
