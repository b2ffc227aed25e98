"""What the tokens of one micro-batch take of a card while they go forward and backward, or are generated.

Counted as Unsloth computes it on a card of the Ampere kind or newer: attention without a table of all pairs, one
compiled region for each layer, the loss in chunks. Numbers of constants that were measured stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainer_image.contract import GENERATING, RunConfig
from trainer_image.model.facts import ModelFacts

MIB = 1024**2

HALF_BYTES = 2
"""A weight or an activation in bf16."""
FULL_BYTES = 4

ROUNDING = 1.02
"""What torch's allocator adds to the kept activations of all layers by giving out whole blocks.

Fitted: 8B, 8 and 4 rows of 2,048 tokens without checkpointing, 76.1 and 46.0 GiB.
"""
UNFUSED_SHARE = 1.35
"""What plain PEFT keeps over Unsloth's fused kernels, as with dropout or DoRA: inputs of matrices in 32 bits."""
PLAIN_SHARE = 2.1
"""What plain transformers keep over one compiled region: also norms in 32 bits and the activation function's parts.

Fitted: a reward model of 1B, 2 pairs of 1,024 tokens, 3.55 GiB.
"""
DORA_OUTPUTS = 5
"""What DoRA keeps of each output of a matrix: the base's, the adapter's and their sum, two of them in 32 bits.

Fitted: 1B, 512 to 8,192 tokens at once, 3.15 to 5.59 GiB.
"""
SMALLEST_OFFLOAD_BYTES = 2 * MIB
"""A layer's input of at most this size stays on the card; larger ones wait in the computer's memory."""

CHUNK_LOGITS = 512 * 151936
LEAST_CHUNK, LARGEST_CHUNK = 512, 4096
"""The loss takes so many tokens at once: about these logits, and never fewer or more tokens."""
TILE = 16384
"""From 4,096 tokens on it also takes the vocabulary in tiles of this width."""
PAIR_BYTES = 100 * MIB
"""What comparing two answers takes beside a loss. Fitted: DPO, ORPO and SimPO of 1B, 3.14 to 3.18 GiB."""

CACHE_STEP = 512
"""The cache of generated tokens grows by so many tokens at once."""
CACHE_GROWTH = 1.25
"""While it grows, old and new parts of it exist beside each other. Fitted: STaR, 160 answers at once, 2.9 GiB."""
GENERATING_BYTES = 100 * MIB
"""Scratch of generating. Fitted: GRPO, 8 short answers of a small model, 0.57 GiB."""
ANSWER_LOGIT_BYTES = 10
"""The last token's logits of each answer, in 16 and 32 bits, sorted and summed for sampling."""
MOST_ANSWERS, SHARE_OF_FREE = 256, 0.5
"""STaR fills this share of what is free with answers, and makes no more than these at once."""

PAIRED = ("dpo", "orpo", "reward")
"""Methods whose rows are two sequences, chosen and rejected."""
HEADLESS = ("reward", "prm")
"""Methods that put a small score in the place of the vocabulary, and are plain transformers and PEFT."""
WITHOUT_REFERENCE = ("simpo", "cpo")
"""Losses of DPO that compare with no reference model."""
COMPARING = ("dpo", "orpo")


@dataclass(frozen=True)
class TokenMemory:
    """Bytes for the tokens of one micro-batch."""

    kept: int
    """Activations that every layer keeps until its turn backward."""
    working: int
    """The layer that is computed backward."""
    hidden: int
    """Hidden states around the loss."""
    logits: int
    """The logits that exist at once."""
    generating: int
    """The cache of the answers that are made at once, which is gone before the step."""

    @property
    def peak(self) -> int:
        """The most at any moment: layers and loss take turns, and what one gives back the other takes."""
        return max(self.kept + max(self.working, self.hidden + self.logits), self.generating)

    @property
    def logits_part(self) -> int:
        """The part of the peak that the loss takes first; layers use it again, so it counts once."""
        return min(self.logits, self.peak - self.kept)


def sequences(config: RunConfig) -> int:
    """Return how many sequences a micro-batch has."""
    is_paired = config.method in PAIRED
    return config.per_device_train_batch_size * (2 if is_paired else 1)


def token_memory(
    config: RunConfig, model: ModelFacts, layers: float, with_head: bool = True, free_bytes: int = 0
) -> TokenMemory:
    """Return what a micro-batch takes on a card with so many of the layers; prompt and answer share the longest row.

    ``free_bytes`` is what the card has left beside the weights, for what fills a share of it; 0 is unknown.
    """
    tokens = sequences(config) * config.max_length
    saved = HALF_BYTES * tokens * _saved_numbers(config, model)
    # Gradients of a compiled layer, beside what it has saved: 2 hidden widths and 2 of the feed-forward part, and a
    # third of the latter for the first tokens. Fitted: 1B and 8B with 512 to 65,536 tokens at once.
    working = float(HALF_BYTES) * tokens * 2 * (model.hidden + model.feed_forward)
    working += HALF_BYTES * min(tokens, LARGEST_CHUNK) * model.feed_forward
    if config.gradient_checkpointing:
        inputs = HALF_BYTES * tokens * model.hidden
        # Only Unsloth's checkpointing moves them away.
        stays = inputs <= SMALLEST_OFFLOAD_BYTES or config.method in HEADLESS
        kept = inputs * layers if stays else 0.0
        working += saved
    else:
        kept = ROUNDING * saved * layers
    logits = _logit_bytes(config, model, tokens) if with_head else 0
    if config.method in COMPARING:
        working += PAIR_BYTES
    return TokenMemory(
        kept=int(kept),
        working=int(working),
        hidden=int(4 * HALF_BYTES * tokens * model.hidden) if logits else 0,
        logits=int(logits),
        generating=_generating(config, model, layers, free_bytes),
    )


def _saved_numbers(config: RunConfig, model: ModelFacts) -> float:
    """Return the numbers that a layer keeps of one token.

    Its input, the two normed inputs, the sum after attention and one copy (5 times the hidden width), the queries and
    what attention made of them, keys and values, and the two factors of the feed-forward part.
    """
    numbers = 5 * model.hidden + 2 * model.query + 2 * model.key_value + 2 * model.feed_forward
    if config.full_finetuning:
        # The feed-forward product is the input of a matrix that is trained, so it is kept, too.
        return float(numbers + model.feed_forward)
    # Packed rows are laid out anew for the kernel that tells them apart. Fitted: 8B, 4 packed rows, 47.9 GiB.
    extra = float(model.query if config.packing or config.method == "pretrain" else 0)
    if config.lora_dropout:
        # One byte for each number that may be switched off: what the matrices of a layer read.
        extra += (5 * model.hidden + model.query + model.feed_forward) / 2
    if config.use_dora:
        extra += DORA_OUTPUTS * (2 * model.hidden + model.query + 2 * model.key_value + 2 * model.feed_forward)
    if config.method in HEADLESS:
        return numbers * PLAIN_SHARE + extra
    is_fused = not config.use_dora and not config.lora_dropout
    return numbers * (1.0 if is_fused else UNFUSED_SHARE) + extra


def _logit_bytes(config: RunConfig, model: ModelFacts, tokens: int) -> int:
    if config.method in HEADLESS:
        return 0
    if config.method in ("grpo", "rloo"):
        # Theirs are weighed one by one, so their gradients exist beside them. Fitted: GRPO of 1B, 3.09 GiB.
        return 2 * FULL_BYTES * _chunk(tokens, model) * model.vocabulary
    if tokens >= LARGEST_CHUNK:
        return LARGEST_CHUNK * FULL_BYTES * (min(model.vocabulary, TILE) + model.hidden)
    return FULL_BYTES * _chunk(tokens, model) * model.vocabulary


def _chunk(tokens: int, model: ModelFacts) -> int:
    """Return how many tokens the loss takes at once."""
    least = min(max(_power_of_two(CHUNK_LOGITS / model.vocabulary), LEAST_CHUNK), LARGEST_CHUNK)
    rows = _power_of_two(tokens * model.hidden / model.vocabulary)
    return min(max(rows, least), LARGEST_CHUNK, tokens)


def _power_of_two(number: float) -> int:
    """Return the largest power of two that is no larger."""
    return 1 << max(0, int(number).bit_length() - 1)


def _generating(config: RunConfig, model: ModelFacts, layers: float, free_bytes: int) -> int:
    """Return the cache of keys and values, and the logits, of the answers that are made at once."""
    if config.method not in GENERATING:
        return 0
    step = config.per_device_train_batch_size * config.gradient_accumulation_steps
    length = config.max_length + CACHE_STEP
    each = CACHE_GROWTH * 2 * HALF_BYTES * layers * model.key_value * length
    each += ANSWER_LOGIT_BYTES * model.vocabulary
    if config.method == "star":
        step = max(step, min(MOST_ANSWERS, int(free_bytes * SHARE_OF_FREE / each)))
    return int(GENERATING_BYTES + step * each)
