"""The presets by name, also by the names that earlier versions gave them."""

from __future__ import annotations

import pytest

from desktop.core.presets import PRESETS, find_preset, is_kept, plain_values
from desktop.errors import ConfigError


def test_there_are_four_and_each_says_what_it_is_for() -> None:
    assert [preset.name for preset in PRESETS] == ["Quick local test", "Auto Set", "Fast", "Best quality"]
    assert all(preset.sentence.endswith(".") for preset in PRESETS)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("auto", "auto"),
        ("Auto Set", "auto"),
        ("quick local test", "test"),
        ("Balanced", "auto"),
        ("Small memory", "auto"),
    ],
)
def test_a_preset_is_found_by_key_name_and_old_name(word: str, key: str) -> None:
    assert find_preset(word).key == key


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no preset called turbo.*test, auto, fast, best"):
        find_preset("turbo")


def test_what_to_train_and_what_for_is_left_to_the_user() -> None:
    for name in (
        "model",
        "dataset",
        "method",
        "gpus",
        "seed",
        "rewards",
        "num_generations",
        "beta",
        "bad_rows",
        "columns",
        "read_as",
        "on_trouble",
    ):
        assert is_kept(name)
        assert name not in plain_values()
    assert not is_kept("max_length")
