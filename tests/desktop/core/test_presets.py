"""Presets are configs that pass."""

from __future__ import annotations

import pytest

from desktop.core.presets import PRESETS, Preset
from trainer_image.contract import check_config


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_is_a_valid_config(preset: Preset) -> None:
    config, problems = check_config({"model": "m", "dataset": "d", **preset.values})
    assert problems == []
    assert config is not None
    assert preset.sentence.endswith(".")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_leaves_model_and_data_to_the_user(preset: Preset) -> None:
    assert not {"model", "dataset", "gpus"} & set(preset.values)


def test_names_are_different() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
