"""Good starting points for people who don't want to turn every knob."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A name, what it is for, and the knobs that it sets; the others keep their defaults."""

    name: str
    sentence: str
    values: Mapping[str, Any]


PRESETS: tuple[Preset, ...] = (
    Preset(
        "Quick local test",
        "Minutes, on anything: 60 short steps that show whether model and data work together.",
        {
            "max_steps": 60,
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 1,
            "max_length": 512,
            "lora_r": 8,
            "lora_alpha": 16,
            "learning_rate": 5e-4,
            "save_steps": 30,
        },
    ),
    Preset(
        "Balanced",
        "Three times through the data with settings that suit most models and most datasets.",
        {},
    ),
    Preset(
        "Small memory",
        "A 4-bit base and one row at a time: for a model that just fits on the card.",
        {
            "load_in_4bit": True,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 8,
            "optim": "adamw_8bit",
        },
    ),
)
