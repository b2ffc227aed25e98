"""What a config comes to, in words: how many rows a step sees, and about how many steps that makes."""

from __future__ import annotations

import math

from desktop.controllers.scanning import Report
from desktop.core.idle_knobs import named_steps
from desktop.ui import words
from trainer_image.contract import REINFORCED, RunConfig


def steps_of(config: RunConfig, report: Report | None, cards: int) -> int | None:
    """Estimate the steps of a run: rows that train, through the batch, as often as the epochs say."""
    named = named_steps(config)
    if named is not None:
        return named
    if config.method == "star" or config.packing:
        return None  # how many rows it will be is known only once they are made
    if report is None or not report.rows:
        return None
    used = len(config.gpus) if config.gpus is not None else cards
    batch = config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, used)
    training = max(1, report.rows - round(report.rows * config.eval_split_size))
    if config.method in REINFORCED:
        training *= config.num_generations
    return math.ceil(math.ceil(training / batch) * config.num_train_epochs)


def summary_lines(config: RunConfig, report: Report | None, cards: int) -> list[str]:
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
    elif config.find_learning_rate:
        lines.insert(0, f"a search for a learning rate, {words.plural(steps or 0, 'step')} at most")
    elif steps is not None:
        about = "" if config.max_steps else "about "
        lines.insert(0, f"{about}{words.plural(steps, 'step')}")
    if config.find_learning_rate:
        lines.append("no checkpoint, no evaluation and no model: it ends with a learning rate")
    else:
        lines += _kept_and_tested(config)
    if config.offline:
        lines.append("no network")
    return lines


def _kept_and_tested(config: RunConfig) -> list[str]:
    lines = [f"a checkpoint every {words.plural(config.save_steps, 'step')}"]
    if config.eval_split_size and config.method != "star":
        every = words.plural(config.eval_steps, "step") if config.eval_steps else "epoch"
        lines.append(f"{config.eval_split_size:.0%} of the rows held back, tested every {every}")
    return lines
