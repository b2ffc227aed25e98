"""How much of a card's memory a run needs, part by part: arithmetic over a config and a model's sizes.

What is predicted is what torch reports as its peak (reserved memory, as ``Step.gpu_peak_bytes`` has it); a card needs
the driver's part besides. Every constant that a measurement could correct stands at the top, here and in
token_memory.py. tests/trainer_image/fitting/test_memory.py holds every peak that was measured, and how near this comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer_image.fitting.token_memory import FULL_BYTES, HALF_BYTES, HEADLESS, MIB, WITHOUT_REFERENCE, token_memory
from trainer_image.model.facts import ModelFacts

if TYPE_CHECKING:
    from trainer_image.contract import PlacementName, RunConfig

GIB = 1024**3

QUANTIZED_BYTES = 0.5 + 4 / 64
"""A 4-bit weight: half a byte, and one 32-bit scale for each block of 64."""
DOUBLE_QUANTIZED_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
"""The same with scales of 8 bits, which have a 32-bit scale for each 256 of them."""
MXFP4_BYTES = 0.5 + 1 / 32
"""A weight in MXFP4: half a byte, and a scale of 8 bits for each block of 32."""
ADAPTER_BYTES = FULL_BYTES
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
STEPS_WITH_A_COPY = ("adamw_torch", "adafactor")
"""Optimizers that need as much as the trained weights once more while they step."""
WORKSPACE_BYTES = 64 * MIB
"""Scratch of the matrix library (32 MiB for each stream on a Hopper card) and small change."""
BYTES_OF_A_WIDTH = 8 * 1024
"""More of it for each number of the hidden width. Fitted: 1B and 8B."""
EXCHANGE_BYTES = 120 * MIB
"""What training together takes beside the gradients. Fitted: small models on two cards."""
CONTEXT_BYTES = int(0.5 * GIB)
"""What the driver takes for a process before torch allocates anything; torch's own figures leave it out."""


@dataclass(frozen=True)
class Estimate:
    """Bytes on one card, by what they are for."""

    weights: int
    """The base model, with copies for reference or reward where a method holds some."""
    adapter: int
    optimizer: int
    """Its state, and the gradients of the trained weights, which live as long; those of a trained head exist twice."""
    activations: int
    """What the forward pass keeps for the backward pass, or the cache of generated tokens where that is more."""
    logits: int
    """What the loss takes first; the layers use it again, so it counts once."""
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
    """Return what each card needs at most; ``shares`` has what each card has free, in bytes or in proportion."""
    # Only answers that fill what is free make one card differ from another.
    frees = [int(share) if config.method == "star" else 0 for share in shares]
    different = {free: _on_one_card(config, model, free) for free in set(frees)}
    alone = [different[free] for free in frees]
    if placement == "sharded":
        return _sharded(alone, config, model, shares)
    if placement == "layers":
        return [_some_layers(alone[0], config, model, shares, index) for index in range(len(shares))]
    if placement == "data_parallel" and len(shares) > 1:
        return [_together(estimate, config, model) for estimate in alone]
    return alone


def _on_one_card(config: RunConfig, model: ModelFacts, free_bytes: int) -> Estimate:
    trained, width = _trained_parameters(config, model), _trained_bytes(config)
    gradients = width * trained
    state = STATE_NUMBERS[config.optim] * (1 if "8bit" in config.optim else width) * trained
    head = 0
    if config.full_finetuning:
        head = width * model.vocabulary * model.hidden
        if "8bit" in config.optim:
            # The states of embeddings are kept in 32 bits all the same.
            state += STATE_NUMBERS[config.optim] * (FULL_BYTES - 1) * model.embedding_parameters
    static = Estimate(
        weights=_base_bytes(config, model) + _copy_bytes(config, model),
        adapter=0 if config.full_finetuning else width * trained,
        optimizer=gradients + head + state,
        activations=0,
        logits=0,
        overhead=WORKSPACE_BYTES + BYTES_OF_A_WIDTH * model.hidden + _unpacking_bytes(config, model),
    )
    tokens = token_memory(config, model, model.layers, free_bytes=max(0, free_bytes - static.total))
    step = width * trained if config.optim in STEPS_WITH_A_COPY else 0
    # The optimizer steps when the activations are gone.
    peak = max(tokens.peak, step)
    return _replace(static, activations=peak - tokens.logits_part, logits=tokens.logits_part)


def _together(whole: Estimate, config: RunConfig, model: ModelFacts) -> Estimate:
    """The gradients are gathered in buckets before they are exchanged: a second copy of them."""
    return _replace(whole, overhead=whole.overhead + EXCHANGE_BYTES + _gradient_bytes(config, model))


def _sharded(
    alone: Sequence[Estimate], config: RunConfig, model: ModelFacts, shares: Sequence[float]
) -> list[Estimate]:
    """Every card holds its part of each weight; a layer is whole while it computes, and the next one is fetched.

    Embeddings and head are gathered into one buffer and copied out of it, so for a moment they are there twice. Unsloth
    keeps frozen weights whole on every card that has room for them.
    """
    if not config.full_finetuning and all(one.total <= share for one, share in zip(alone, shares, strict=True)):
        return [_together(one, config, model) for one in alone]
    cards, layer = len(shares), _linear_bytes(config, model) / model.layers
    embeddings = HALF_BYTES * model.embedding_parameters
    return [
        _replace(
            one,
            weights=int(one.weights / cards + 2 * layer + 2 * embeddings),
            adapter=one.adapter // cards,
            optimizer=one.optimizer // cards,
            overhead=one.overhead + EXCHANGE_BYTES,
        )
        for one in alone
    ]


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
    tokens = token_memory(config, model, model.layers * share, with_head=index == head_card)
    return _replace(
        whole,
        weights=int((whole.weights - embeddings) * share) + own,
        adapter=int(whole.adapter * share),
        optimizer=int(whole.optimizer * share),
        activations=tokens.peak - tokens.logits_part,
        logits=tokens.logits_part,
    )


def _replace(whole: Estimate, **parts: int) -> Estimate:
    return Estimate(**{**whole.__dict__, **parts})


def _base_bytes(config: RunConfig, model: ModelFacts) -> int:
    """Only the matrices of the layers are held in 4 bits; embeddings, head, norms and what sees stay in 16."""
    if config.full_finetuning and config.method in HEADLESS:
        return FULL_BYTES * model.parameters
    others = model.parameters - model.linear_parameters
    if config.method in HEADLESS and not model.is_tied:
        others -= model.vocabulary * model.hidden
    return int(_linear_bytes(config, model) + HALF_BYTES * others)


def kept_by_size(model: ModelFacts, weight_bytes: int) -> int:
    """Return how many numbers of the layers' matrices files of this size hold in 16 bits, and all others in 4."""
    kept = (weight_bytes - four_bit_bytes(model)) / (HALF_BYTES - DOUBLE_QUANTIZED_BYTES)
    return min(model.linear_parameters, max(0, int(kept)))


def four_bit_bytes(model: ModelFacts) -> float:
    """Return the size of files that hold every matrix of the layers in 4 bits, and all else in 16."""
    rest = model.parameters - model.linear_parameters
    return HALF_BYTES * rest + DOUBLE_QUANTIZED_BYTES * model.linear_parameters


def is_four_bit(config: RunConfig, model: ModelFacts) -> bool:
    """Say whether the matrices of the base model are held in 4 bits of bitsandbytes."""
    if config.full_finetuning:
        return False
    return model.is_quantized or (config.load_in_4bit and _can_become_four_bit(config, model))


def _can_become_four_bit(config: RunConfig, model: ModelFacts) -> bool:
    """Say whether Unsloth quantizes the weights: of those that are stored in FP8 only some, and into its own kind."""
    if model.stored == "fp8_blocks":
        return config.bnb_4bit_quant_type == "nf4" and config.bnb_4bit_use_double_quant
    return model.stored == "plain"


def _linear_bytes(config: RunConfig, model: ModelFacts) -> float:
    if not is_four_bit(config, model):
        # The experts of MXFP4 stay as they are stored. FP8 is 16 bits on cards before the RTX 40, and less on others.
        packed = model.expert_parameters if model.stored == "mxfp4" and not config.full_finetuning else 0
        return HALF_BYTES * (model.linear_parameters - packed) + MXFP4_BYTES * packed
    each = DOUBLE_QUANTIZED_BYTES if config.bnb_4bit_use_double_quant else QUANTIZED_BYTES
    return each * (model.linear_parameters - model.kept) + HALF_BYTES * model.kept


def _unpacking_bytes(config: RunConfig, model: ModelFacts) -> int:
    """Return the room in which 4-bit matrices are unpacked, two at once, and in which DoRA weighs its matrices.

    It takes four copies of one in 32 bits, and one more of one that is unpacked for it. Fitted: 1B and 8B, 3.1 to 8.1
    GiB.
    """
    largest = model.largest_linear
    unpacked = int(2 * largest * (HALF_BYTES + FULL_BYTES / 64)) if is_four_bit(config, model) else 0
    if not config.use_dora or config.full_finetuning:
        return unpacked
    return unpacked + (5 if is_four_bit(config, model) else 4) * FULL_BYTES * largest


def _copy_bytes(config: RunConfig, model: ModelFacts) -> int:
    """Return what the other models beside the trained one take.

    An adapter is switched off to have the reference; where all weights are trained it is a copy. A reward that is a
    model is taken to be as large as the base, and held in 4 bits where the base is.
    """
    compares = config.method in ("dpo", "kto") or (config.method in ("grpo", "rloo") and config.beta != 0)
    if config.method == "dpo" and config.loss_type in WITHOUT_REFERENCE:
        compares = False
    if config.method == "grpo" and config.beta is None:
        compares = False
    judges = [name for name in config.rewards if name in ("model", "process")]
    judging = len(judges) if config.method in ("grpo", "rloo", "star") else 0
    copies = HALF_BYTES * model.parameters if compares and config.full_finetuning else 0
    return copies + judging * _base_bytes(config, model)


def _trained_parameters(config: RunConfig, model: ModelFacts) -> int:
    if config.full_finetuning:
        return model.language_parameters
    return model.adapter_parameters(config.lora_r, config.target_modules, config.use_dora)


def _trained_bytes(config: RunConfig) -> int:
    """Return how wide a trained weight is; a judge whose weights are all trained is held in 32 bits."""
    return HALF_BYTES if config.full_finetuning and config.method not in HEADLESS else FULL_BYTES


def _gradient_bytes(config: RunConfig, model: ModelFacts) -> int:
    return _trained_bytes(config) * _trained_parameters(config, model)
