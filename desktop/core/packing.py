"""Rows packed into sequences: which models bear that, and how many sequences the rows make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainer_image.contract import Problem
from trainer_image.data.packing import can_lie_flat


def is_packed(values: Mapping[str, Any]) -> bool:
    """Say whether a run of these knobs packs its rows; raw text always is."""
    return values["method"] == "pretrain" or (values["method"] == "sft" and values["packing"] is True)


def packing_problem(values: Mapping[str, Any], kind: str) -> Problem | None:
    """Return why the trainer would refuse to pack rows for this kind of model (model_type); empty is not known yet."""
    if not kind or can_lie_flat(kind) or not is_packed(values):
        return None
    why = f"Rows cannot be packed for a model of the kind {kind}, because they would see each other"
    if values["method"] == "pretrain":
        return Problem("model", f"{why}, and raw text always is. Choose another model or another method.")
    return Problem("packing", f"{why}. Switch Packing off.")


def sequences(rows: int, lengths: Sequence[int], max_length: int, *, is_cut: bool) -> int:
    """Return how many full sequences the rows make; ``is_cut`` says that a row gives no more than one.

    ``lengths`` may be those of a sample.
    """
    tokens = [min(length, max_length) if is_cut else length for length in lengths]
    mean = sum(tokens) / max(1, len(tokens))
    return max(1, math.ceil(rows * mean / max_length))
