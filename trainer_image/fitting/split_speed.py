"""Which way to split a model is faster on these cards: weights that travel at every step, or layers that take turns.

Sharded, every card computes its own rows and fetches each layer's weights from the others. By layers, nothing but
activations travels, and one card computes while the others wait. Constants were fitted on two H200s with the shape of
Llama-3.1-8B, 2,048 tokens a row: sharded 9,365 tokens/s, without direct copies 6,094; by layers 8,052.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer_image.contract import PlacementName, RunConfig
from trainer_image.fitting.memory import predict
from trainer_image.model.facts import ModelFacts

MATRIX_SHARE = 0.7
"""The part of a card's matrix rate that training reaches."""
TURN_COST = 1.3
"""What passing activations on and waiting adds where layers take turns."""
SECONDS_A_LAYER = 0.006
"""What gathering a layer's weights and giving them back costs beside their way, for one micro-batch."""


@dataclass(frozen=True)
class Speeds:
    """What the self-test measured between the cards, and on the slowest of them."""

    gb_per_s: float
    """Between two cards."""
    tflops: float
    """Of 16-bit matrices."""


def faster_first(config: RunConfig, model: ModelFacts, cards: int, speeds: Speeds) -> list[PlacementName]:
    """Return the ways to split a model over so many cards, the faster one first."""
    seconds = split_seconds(config, model, cards, speeds)
    return sorted(seconds, key=lambda way: seconds[way])


def split_seconds(config: RunConfig, model: ModelFacts, cards: int, speeds: Speeds) -> Mapping[PlacementName, float]:
    """Return how long a micro-batch on every card takes in each way, and as many rows by layers."""
    tokens = config.per_device_train_batch_size * config.max_length
    # Forward, backward to the inputs, and where they are trained to the weights; with checkpointing forward twice.
    passes = 2 + (1 if config.full_finetuning else 0) + (1 if config.gradient_checkpointing else 0)
    computing = 2 * passes * model.met_parameters * tokens / (MATRIX_SHARE * speeds.tflops * 1e12)
    (whole,) = predict(config, model)
    travelling = 2 * (cards - 1) / cards * whole.weights / (speeds.gb_per_s * 1e9)
    return {
        "sharded": computing + travelling + SECONDS_A_LAYER * model.layers,
        "layers": TURN_COST * cards * computing,
    }
