"""What a config comes to, in words: how many rows a step sees, and about how many steps that makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from desktop.core.presets import PRESETS, Preset
from desktop.ui import words
from desktop.ui.dataset_report import DatasetReport
from trainer_image.contract import REINFORCED, RunConfig, knobs

KEPT_BY_PRESETS = ("model", "model_revision", "dataset", "method", "sample_prompts", "gpus", "offline", "seed")
GROUPS_KEPT_BY_PRESETS = ("Preferences", "Generation", "Rewards")
"""What a preset leaves alone: what to train on what, what for, and where."""


def preset_values(preset: Preset, current: Mapping[str, Any]) -> dict[str, Any]:
    """Return every knob that choosing a preset sets, beside those that it keeps."""
    kept = {knob.name for knob in knobs() if knob.name in KEPT_BY_PRESETS or knob.group in GROUPS_KEPT_BY_PRESETS}
    values = {knob.name: knob.default for knob in knobs() if knob.name not in kept} | dict(preset.values)
    if current["method"] != "sft":
        values["learning_rate"] = None  # a preset's own is meant for SFT, and many times too much for the others
    if current["method"] == "kto" and values["per_device_train_batch_size"] == 1:
        # KTO compares the rows of a micro-batch with each other; the batch of a step stays the same.
        values["per_device_train_batch_size"] = 2
        values["gradient_accumulation_steps"] = max(1, values["gradient_accumulation_steps"] // 2)
    if current["method"] in REINFORCED:
        _fit_to_tries(values, current["num_generations"])
    return values


def _fit_to_tries(values: dict[str, Any], tries: Any) -> None:
    """Make a step of whole groups of tries, for they are compared with each other."""
    rows = values["per_device_train_batch_size"]
    if isinstance(tries, int) and tries > 1 and rows * values["gradient_accumulation_steps"] % tries:
        values["gradient_accumulation_steps"] = math.lcm(rows, tries) // rows


def find_preset(values: Mapping[str, Any]) -> Preset | None:
    """Return the preset that these values are, if nothing was changed since."""
    for preset in PRESETS:
        if all(values.get(name) == value for name, value in preset_values(preset, values).items()):
            return preset
    return None


def steps_of(config: RunConfig, report: DatasetReport | None, cards: int) -> int | None:
    """Estimate the steps of a run: rows that train, through the batch, as often as the epochs say."""
    if config.method == "star" or config.packing:
        return config.max_steps  # how many rows it will be is known only once they are made
    if report is None or not report.good_rows:
        return config.max_steps
    used = len(config.gpus) if config.gpus is not None else cards
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, used)
    training = max(1, report.good_rows - round(report.good_rows * config.eval_split_size))
    if config.method in REINFORCED:
        training *= config.num_generations
    steps = math.ceil(math.ceil(training / batch) * config.num_train_epochs)
    return min(steps, config.max_steps) if config.max_steps else steps


def summary_lines(config: RunConfig, report: DatasetReport | None, cards: int) -> list[str]:
    """Return what will happen, one short line each."""
    used = len(config.gpus) if config.gpus is not None else cards
    rows, times = config.per_device_train_batch_size, config.gradient_accumulation_steps
    factors = [str(rows), *([str(times)] if times > 1 else []), *([f"{used} cards"] if used > 1 else [])]
    batch = rows * times * max(1, used)
    is_tried = config.method in REINFORCED and config.method != "rlhf"
    lines = [words.plural(batch, "answer" if is_tried else "row") + " a step"]
    lines[0] += f" ({' × '.join(factors)})" if len(factors) > 1 else ""
    if is_tried:
        prompts = max(1, batch // config.num_generations)
        lines.append(f"{words.plural(prompts, 'prompt')} a step, {config.num_generations} tries for each")
    steps = steps_of(config, report, cards)
    if config.method == "rlhf":
        lines.insert(0, "two runs: first the reward model, then the policy against it")
    elif config.method == "star":
        rounds = words.plural(config.star_rounds, "round")
        lines.insert(0, f"{rounds}: {config.num_generations} tries at each problem, then learning")
    elif steps is not None:
        lines.insert(0, f"about {words.plural(steps, 'step')}")
    lines.append(f"a checkpoint every {words.plural(config.save_steps, 'step')}")
    if config.eval_split_size and config.method != "star":
        every = words.plural(config.eval_steps, "step") if config.eval_steps else "epoch"
        lines.append(f"{config.eval_split_size:.0%} of the rows held back, tested every {every}")
    if config.offline:
        lines.append("no network")
    return lines
