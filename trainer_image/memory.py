"""How much of a card's memory a run needs, part by part: arithmetic over a config and a model's sizes.

Every constant that a measurement could correct stands at the top. They were fitted to the peaks that torch reported for
Llama-3.1-8B's shape under Unsloth on one H200 (LoRA r 16, rows of 2,048 tokens): bf16, 2 rows, 16.7 GiB; bf16, 8 rows,
no checkpointing, 76.1 GiB; nf4, 1 and 2 rows, 6.8 and 7.0 GiB; two cards, 16.8 and 7.2 GiB each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer_image.model_facts import ModelFacts

if TYPE_CHECKING:
    from trainer_image.contract import PlacementName, RunConfig

GIB = 1024**3

HALF_BYTES = 2
"""A weight or an activation in bf16."""
QUANTIZED_BYTES = 0.5 + 4 / 64
"""A 4-bit weight: half a byte, and one 32-bit scale for each block of 64."""
DOUBLE_QUANTIZED_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""The same with scales of 8 bits, which have a 32-bit scale for each 256 of them."""
ADAPTER_BYTES = 4
"""A weight of the adapter, and its gradient: Unsloth trains LoRA in 32 bits on a 16-bit base."""
STATE_NUMBERS = {
    "adamw_torch_fused": 2,
    "adamw_torch": 2,
    "adamw_8bit": 2,
    "lion_8bit": 1,
    # Without momentum, and in rows and columns instead of whole matrices.
    "sgd": 0,
    "adafactor": 0,
    # These give way to the computer's memory, so the card need not hold them.
    "paged_adamw_8bit": 0,
    "paged_adamw_32bit": 0,
}
"""Numbers that the optimizer keeps for each trained weight: one byte each in 8 bits, else as wide as the weight."""
ROUNDING = 1.03
"""What torch's allocator adds to activations by giving out whole blocks."""
BACKWARD = 1.7
"""Activations of the one layer that is computed backward, with the gradients that flow through it, over its forward."""
LOSS_CHUNK_TOKENS = 512
"""Tokens whose logits exist at once where the loss is computed in chunks."""
CHUNK_LOGIT_BYTES = 6
"""One logit in bf16 and in 32 bits."""
WHOLE_LOGIT_BYTES = 10
"""One logit in bf16, in 32 bits and its gradient, where all exist at once."""
WORKSPACE_BYTES = int(0.06 * GIB)
"""Scratch of the matrix library and small change."""
CONTEXT_BYTES = int(0.5 * GIB)
"""What the driver takes for a process before torch allocates anything; torch's own figures leave it out."""

PAIRED = ("dpo", "orpo", "reward")
"""Methods whose rows are two sequences, chosen and rejected."""
HEADLESS = ("reward", "prm")
"""Methods that put a small score in the place of the vocabulary."""
UNFUSED = ("orpo",)
"""Methods whose trainer computes all logits at once."""
WITHOUT_REFERENCE = ("simpo", "cpo")
"""Losses of DPO that compare with no reference model."""


@dataclass(frozen=True)
class Estimate:
    """Bytes on one card, by what they are for."""

    weights: int
    """The base model, with copies for reference or reward where a method holds some."""
    adapter: int
    optimizer: int
    """Its state, and the gradients of the trained weights, which live as long."""
    activations: int
    """What the forward pass keeps for the backward pass, or the cache of generated tokens where that is more."""
    logits: int
    overhead: int

    @property
    def total(self) -> int:
        """What the card has to have free."""
        return self.allocated + CONTEXT_BYTES

    @property
    def allocated(self) -> int:
        """The same without the driver's part: what torch reports as its peak."""
        return self.weights + self.adapter + self.optimizer + self.activations + self.logits + self.overhead


def predict(
    config: RunConfig, model: ModelFacts, placement: PlacementName = "one", shares: Sequence[float] = (1.0,)
) -> list[Estimate]:
    """Return what each card needs at most; ``shares`` has a number for each card, its part of the layers."""
    whole = _on_one_card(config, model)
    if placement == "sharded":
        return [_sharded(whole, config, model, len(shares))] * len(shares)
    if placement == "layers":
        return [_some_layers(whole, config, model, shares, index) for index in range(len(shares))]
    if placement == "data_parallel" and len(shares) > 1:
        # The gradients are gathered in buckets before they are exchanged: a second copy of them.
        whole = _replace(whole, overhead=whole.overhead + _gradient_bytes(config, model))
    return [whole] * len(shares)


def _on_one_card(config: RunConfig, model: ModelFacts) -> Estimate:
    tokens = _sequences(config) * _length(config)
    trained = _trained_parameters(config, model)
    width = HALF_BYTES if config.full_finetuning else ADAPTER_BYTES
    state = STATE_NUMBERS[config.optim] * (1 if "8bit" in config.optim else width)
    return Estimate(
        weights=_base_bytes(config, model) + _copies(config) * HALF_BYTES * model.parameters,
        adapter=0 if config.full_finetuning else ADAPTER_BYTES * trained,
        optimizer=_gradient_bytes(config, model) + state * trained,
        activations=max(_activations(config, model, tokens, model.layers), _cache_bytes(config, model)),
        logits=_logits(config, model, tokens),
        overhead=WORKSPACE_BYTES,
    )


def _sharded(whole: Estimate, config: RunConfig, model: ModelFacts, cards: int) -> Estimate:
    """Every card holds its part of each weight; a layer is whole while it computes, and the next one is fetched."""
    layer = _linear_bytes(config, model) / model.layers
    embeddings = HALF_BYTES * model.embedding_parameters
    return _replace(
        whole,
        weights=int((whole.weights - embeddings) / cards + 2 * layer + embeddings),
        adapter=whole.adapter // cards,
        optimizer=whole.optimizer // cards,
    )


def _some_layers(
    whole: Estimate, config: RunConfig, model: ModelFacts, shares: Sequence[float], index: int
) -> Estimate:
    """Every card holds some layers whole; the first has the embeddings and the last the head and its logits.

    A head that is the input embeddings over again stays with them.
    """
    share = shares[index] / sum(shares)
    embeddings = HALF_BYTES * model.embedding_parameters
    head_card = 0 if model.is_tied else len(shares) - 1
    own = (0 if model.is_tied else embeddings // 2) if index == head_card else 0
    own += (embeddings if model.is_tied else embeddings // 2) if index == 0 else 0
    tokens = _sequences(config) * _length(config)
    kept = _activations(config, model, tokens, model.layers * share)
    return _replace(
        whole,
        weights=int((whole.weights - embeddings) * share) + own,
        adapter=int(whole.adapter * share),
        optimizer=int(whole.optimizer * share),
        activations=max(kept, int(_cache_bytes(config, model) * share)),
        logits=whole.logits if index == head_card else 0,
    )


def _replace(whole: Estimate, **parts: int) -> Estimate:
    return Estimate(**{**whole.__dict__, **parts})


def _base_bytes(config: RunConfig, model: ModelFacts) -> int:
    """Only the matrices of the layers are held in 4 bits; embeddings, head and norms stay in 16."""
    return int(_linear_bytes(config, model) + HALF_BYTES * (model.parameters - model.linear_parameters))


def _linear_bytes(config: RunConfig, model: ModelFacts) -> float:
    if config.full_finetuning or not (config.load_in_4bit or model.is_quantized):
        return HALF_BYTES * model.linear_parameters
    each = DOUBLE_QUANTIZED_BYTES if config.bnb_4bit_use_double_quant else QUANTIZED_BYTES
    return each * model.linear_parameters


def _copies(config: RunConfig) -> int:
    """Count the other models beside the trained one.

    An adapter is switched off to have the reference; where all weights are trained it is a copy. A reward that is a
    model is taken to be as large as the base.
    """
    compares = config.method in ("dpo", "kto") or (config.method in ("grpo", "rloo") and config.beta != 0)
    if config.method == "dpo" and config.loss_type in WITHOUT_REFERENCE:
        compares = False
    if config.method == "grpo" and config.beta is None:
        compares = False
    judges = sum(name in ("model", "process") for name in config.rewards) if config.method in ("grpo", "rloo") else 0
    return judges + (1 if compares and config.full_finetuning else 0)


def _trained_parameters(config: RunConfig, model: ModelFacts) -> int:
    if config.full_finetuning:
        return model.parameters
    return model.adapter_parameters(config.lora_r, config.target_modules)


def _gradient_bytes(config: RunConfig, model: ModelFacts) -> int:
    return (HALF_BYTES if config.full_finetuning else ADAPTER_BYTES) * _trained_parameters(config, model)


def _sequences(config: RunConfig) -> int:
    return config.per_device_train_batch_size * (2 if config.method in PAIRED else 1)


def _length(config: RunConfig) -> int:
    answer = config.max_completion_length if config.method in ("grpo", "rloo") else 0
    return config.max_length + answer


def _activations(config: RunConfig, model: ModelFacts, tokens: int, layers: float) -> int:
    """Return what a number of layers keep of the tokens.

    For each token a layer keeps, in 16 bits, what its gradients need again: its input, the two normed inputs, the sum
    after attention and a copy in LoRA (5 times the hidden width), the queries and what attention made of them, keys and
    values, and the two factors of the feed-forward part. With checkpointing the layers' inputs go to the computer's
    memory, as Unsloth does, and only the layer at work keeps anything.
    """
    numbers = 5 * model.hidden + 2 * model.query + 2 * model.key_value + 2 * model.feed_forward
    layer = HALF_BYTES * ROUNDING * numbers * tokens
    kept = 0.0 if config.gradient_checkpointing else layer * max(layers - 1, 0)
    return int(kept + BACKWARD * layer)


def _logits(config: RunConfig, model: ModelFacts, tokens: int) -> int:
    if config.method in HEADLESS:
        return 0
    if config.method in UNFUSED:
        return WHOLE_LOGIT_BYTES * tokens * model.vocabulary
    return CHUNK_LOGIT_BYTES * min(tokens, LOSS_CHUNK_TOKENS) * model.vocabulary


def _cache_bytes(config: RunConfig, model: ModelFacts) -> int:
    """Keys and values of every token of the answers that are made at once, all layers."""
    if config.method not in ("grpo", "rloo", "star"):
        return 0
    rows = config.per_device_train_batch_size
    rows *= config.num_generations if config.method == "star" else config.gradient_accumulation_steps
    length = config.max_length + config.max_completion_length
    return 2 * HALF_BYTES * model.layers * model.key_value * rows * length
