"""How long a run would take: its tokens, and how fast this machine has been at the like, with an honest spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from desktop.core.idle_knobs import named_steps
from trainer_image.contract import GENERATING, PAIRS, RunConfig, RunFolder, Step, read_event
from trainer_image.model.facts import ModelFacts

BF16_TFLOPS = {
    # Dense, with sums in 32 bits, as NVIDIA's data sheets say; the longest name that a card's name holds counts.
    "RTX 3050": 18,
    "RTX 3060": 26,
    "RTX 3060 Ti": 32,
    "RTX 3070": 41,
    "RTX 3080": 60,
    "RTX 3090": 71,
    "RTX 4060": 30,
    "RTX 4060 Ti": 44,
    "RTX 4070": 58,
    "RTX 4080": 97,
    "RTX 4090": 165,
    "RTX 5070": 62,
    "RTX 5080": 113,
    "RTX 5090": 210,
    "A100": 312,
    "H100": 800,
    "H200": 800,
    "L4": 121,
    "L40S": 362,
    "T4": 65,
}
SHARE_REACHED = (0.2, 0.65)
"""How much of that a run reaches. Seen on an H200: 0.63 at 8B with full rows; short rows starve a card."""
SECOND_CARD = 0.93
"""What each further card adds. Seen: 1.94 and 1.95 times the speed with two."""
BYTES_OF_A_TOKEN = (3.0, 5.0)
"""For text that was not measured."""
LEARNT_SPREAD = 0.12
"""By how much the same run differs from one time to the next, at the least."""
ALIKE = ("model", "method", "load_in_4bit", "full_finetuning", "packing", "gpus", "placement")
LEAST_STEPS = 5
TAIL_BYTES = 256 * 1024
START_S = (25.0, 90.0)
"""Imports, loading and the first compiled step."""


@dataclass(frozen=True)
class Rows:
    """What is known of the dataset: how many rows train, and their tokens in the mean, from least to most likely."""

    count: int
    least_tokens: float
    most_tokens: float


@dataclass(frozen=True)
class Duration:
    """Seconds, at least and at most, and where the speed is from."""

    least_s: float
    most_s: float
    source: str


def rows_of_text(count: int, size_bytes: int, max_length: int) -> Rows:
    """Return what a file of this size holds, where its tokens were not counted."""
    mean = size_bytes / max(1, count)
    dense, wide = BYTES_OF_A_TOKEN
    return Rows(count, min(max_length, mean / wide), min(max_length, mean / dense))


def is_alike(config: RunConfig, other: RunConfig) -> bool:
    """Say whether a run of one config tells how fast the other would be: same model, method and precision."""
    return all(getattr(config, name) == getattr(other, name) for name in ALIKE)


def learnt_speeds(folders: Iterable[RunFolder]) -> list[float]:
    """Return the tokens a second at the end of earlier runs."""
    steps = (last_step(files) for files in folders)
    # Short runs are made of first steps, which compile.
    return [step.tokens_per_s for step in steps if step and step.step >= LEAST_STEPS and step.tokens_per_s > 0]


def duration(
    config: RunConfig, model: ModelFacts | None, rows: Rows | None, cards: Sequence[str], learnt: Sequence[float]
) -> Duration | None:
    """Return how long a run would take, or None where nothing is known to say it by."""
    tokens = _tokens(config, rows, len(cards))
    if tokens is None:
        return None
    least, most = tokens
    if learnt:
        middle = statistics.median(learnt)
        slow, fast = min(*learnt, middle * (1 - LEARNT_SPREAD)), max(*learnt, middle * (1 + LEARNT_SPREAD))
        count = f"{len(learnt)} earlier runs" if len(learnt) > 1 else "an earlier run"
        source = f"from the speed of {count} with this model and method here"
    elif config.method in GENERATING:
        return None  # how long it answers is not for arithmetic
    else:
        speeds = _rough_speeds(config, model, cards)
        if speeds is None:
            return None
        slow, fast = speeds
        source = "from the model's size and the card's data sheet; it is learnt after the first run"
    return Duration(least / fast + START_S[0], most / slow + START_S[1], source)


def _tokens(config: RunConfig, rows: Rows | None, cards: int) -> tuple[float, float] | None:
    if config.method in ("star", "rlhf"):
        return None  # how many rounds it takes, and what they leave, shows only on the way
    if rows is None or not rows.count:
        return None
    sequences = 2 if (config.method in PAIRS and config.method != "kto") or config.method == "reward" else 1
    training = max(1, rows.count - round(rows.count * config.eval_split_size))
    seen = training * config.num_train_epochs
    steps = named_steps(config)
    if steps is not None and not config.packing:
        batch = config.per_device_train_batch_size * config.gradient_accumulation_steps * max(1, cards)
        seen = steps * batch
    return seen * sequences * rows.least_tokens, seen * sequences * rows.most_tokens


def _rough_speeds(config: RunConfig, model: ModelFacts | None, cards: Sequence[str]) -> tuple[float, float] | None:
    known = [tflops(card) for card in cards]
    if model is None or not known or not all(known):
        return None
    rate = min(known) * 1e12 * (1 + SECOND_CARD * (len(known) - 1))
    # Forward, and backward through the inputs; again forward with checkpointing, and the weights' gradients.
    passes = 4 + (2 if config.gradient_checkpointing else 0) + (2 if config.full_finetuning else 0)
    each = passes * model.met_parameters
    low, high = SHARE_REACHED
    return rate * low / each, rate * high / each


def tflops(card: str) -> float:
    """Return what a card computes in a second by its data sheet, in 10^12 operations; 0 for one that is not listed."""
    named = [name for name in BF16_TFLOPS if f" {name} " in f" {card.replace('Laptop GPU', '')} "]
    return float(BF16_TFLOPS[max(named, key=len)]) if named else 0.0


def last_step(files: RunFolder) -> Step | None:
    """Return the last step that a run has written, without reading all of its events."""
    try:
        with files.events.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None
    events = (read_event(line) for line in reversed(lines[1:] or lines) if b'"step"' in line)
    return next((event for event in events if isinstance(event, Step)), None)
