"""The presets by name: what each is for; auto_set.py works out its knobs for a machine, a model and a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from desktop.errors import ConfigError
from trainer_image.contract import knobs

PresetKey = Literal["test", "auto", "fast", "best"]


@dataclass(frozen=True)
class Preset:
    """A name, and what it is for."""

    key: PresetKey
    """The word for it on the command line and in what is remembered."""
    name: str
    sentence: str


PRESETS: tuple[Preset, ...] = (
    Preset("test", "Quick local test", "A few short steps that show whether model and data work together."),
    Preset("auto", "Auto Set", "Fills this machine without risking a full card, with settings that suit your rows."),
    Preset("fast", "Fast", "The soonest useful result: as few rounds and detours as suffice, packed where that helps."),
    Preset("best", "Best quality", "Takes its time: whole rows, a larger adapter, and the best checkpoint is kept."),
)
OLD_NAMES: Mapping[str, PresetKey] = {"balanced": "auto", "small memory": "auto"}
"""What earlier versions called their presets: both fitted a machine that Auto Set now looks at."""

KEPT = (
    *("model", "model_revision", "dataset", "method", "bad_rows", "loss_on", "sample_prompts", "gpus", "offline"),
    *("columns", "read_as", "chat_template", "seed", "find_learning_rate", "oom_retries", "on_trouble"),
)
GROUPS_KEPT = ("Preferences", "Generation", "Rewards")
"""What a preset leaves alone: what to train on what, what for, and where."""


def find_preset(word: str) -> Preset:
    """Return the preset of a key or a name, of this version or an earlier one; ConfigError where there is none."""
    wanted = word.strip().lower()
    wanted = OLD_NAMES.get(wanted, wanted)
    for preset in PRESETS:
        if wanted in (preset.key, preset.name.lower()):
            return preset
    names = ", ".join(preset.key for preset in PRESETS)
    raise ConfigError(f"There is no preset called {word}.", f"Take one of {names}.", "bad_config")


def is_kept(name: str) -> bool:
    """Say whether a preset leaves this knob alone."""
    return name not in _SET


def plain_values() -> dict[str, Any]:
    """Return every knob that presets set, at its default."""
    return dict(_SET)


_SET = {knob.name: knob.default for knob in knobs() if knob.name not in KEPT and knob.group not in GROUPS_KEPT}
