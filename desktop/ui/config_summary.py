"""What a config comes to, in words: how many rows a step sees, and about how many steps that makes."""

from __future__ import annotations

import math

from desktop.core.presets import PRESETS, Preset
from desktop.ui import words
from desktop.ui.dataset_report import DatasetReport
from trainer_image.contract import RunConfig, knobs

KEPT_BY_PRESETS = ("model", "model_revision", "dataset", "method", "sample_prompts", "gpus", "offline", "seed")
"""What a preset leaves alone: what to train on what, and where."""


def preset_values(preset: Preset) -> dict[str, object]:
    """Return every knob that choosing a preset sets."""
    values = {knob.name: knob.default for knob in knobs() if knob.name not in KEPT_BY_PRESETS}
    return {**values, **preset.values}


def find_preset(values: dict[str, object]) -> Preset | None:
    """Return the preset that these values are, if nothing was changed since."""
    for preset in PRESETS:
        if all(values.get(name) == value for name, value in preset_values(preset).items()):
            return preset
    return None


def steps_of(config: RunConfig, report: DatasetReport | None, cards: int) -> int | None:
    """Estimate the steps of a run: rows that train, through the batch, as often as the epochs say."""
    if report is None or not report.good_rows:
        return config.max_steps
    used = len(config.gpus) if config.gpus is not None else cards
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, used)
    training = max(1, report.good_rows - round(report.good_rows * config.eval_split_size))
    steps = math.ceil(math.ceil(training / batch) * config.num_train_epochs)
    return min(steps, config.max_steps) if config.max_steps else steps


def summary_lines(config: RunConfig, report: DatasetReport | None, cards: int) -> list[str]:
    """Return what will happen, one short line each."""
    used = len(config.gpus) if config.gpus is not None else cards
    rows, times = config.per_device_train_batch_size, config.gradient_accumulation_steps
    factors = [str(rows), *([str(times)] if times > 1 else []), *([f"{used} cards"] if used > 1 else [])]
    batch = rows * times * max(1, used)
    lines = [words.plural(batch, "row") + " a step" + (f" ({' × '.join(factors)})" if len(factors) > 1 else "")]
    steps = steps_of(config, report, cards)
    if steps is not None:
        lines.insert(0, f"about {words.plural(steps, 'step')}")
    lines.append(f"a checkpoint every {words.plural(config.save_steps, 'step')}")
    if config.eval_split_size:
        every = words.plural(config.eval_steps, "step") if config.eval_steps else "epoch"
        lines.append(f"{config.eval_split_size:.0%} of the rows held back, tested every {every}")
    if config.offline:
        lines.append("no network")
    return lines
