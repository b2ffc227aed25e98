"""The sizes of a language model, read from its config.json: what fitting/memory.py counts with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from trainer_image.model.senses import senses

# Two matrices in the feed-forward part instead of three.
_UNGATED = frozenset({"gpt2", "gpt_neox", "gpt_neo", "gptj", "opt", "bloom", "falcon", "phi", "starcoder2", "mpt"})
# One matrix for query, key and value, and one for gate and up.
_FUSED = frozenset({"phi3", "phi4"})
# Their config.json leaves out that input and output embeddings are one matrix.
_TIED = ("gemma", "gpt2", "bloom", "cohere", "smollm")
# Gate and up are one matrix, with names of its own.
_GRANITE = frozenset({"granitemoehybrid", "granitemoeshared"})

_OF_A_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)(?:\.(.+))?$")
_OF_SENSES = ("vis", "audio", "image")
"""How the modules begin that are no part of the language model."""

Stored = Literal["plain", "fp8_blocks", "fp8", "mxfp4"]
"""How a model's files hold its weights, where that decides what a trainer can make of them."""


@dataclass(frozen=True)
class Linear:
    """One matrix of a layer; a mixture of experts has it several times, and a token meets some of them."""

    name: str
    inputs: int
    outputs: int
    copies: int = 1

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs * self.copies

    def adapter(self, rank: int, use_dora: bool = False) -> int:
        """Return the numbers in the two small matrices that LoRA puts beside this one, and DoRA's size of each row."""
        return (rank * (self.inputs + self.outputs) + (self.outputs if use_dora else 0)) * self.copies


@dataclass(frozen=True)
class ModelFacts:
    """The sizes that decide how much memory a model needs."""

    layers: int
    hidden: int
    query: int
    """Width of all query heads together."""
    key_value: int
    """Width of all key heads together; as much again for the values."""
    feed_forward: int
    """Width of the feed-forward part that one token meets."""
    vocabulary: int
    is_tied: bool
    linears: tuple[Linear, ...]
    is_quantized: bool = False
    """The files hold 4-bit weights of bitsandbytes already."""
    kept: int = 0
    """Numbers of the layers' matrices that such files hold in 16 bits all the same."""
    stored: Stored = "plain"
    senses: int = 0
    """Numbers of the parts that see pictures or hear: they stay as they are, in 16 bits."""
    tables: int = 0
    """Numbers of embeddings that each layer has for itself, in 16 bits."""

    @cached_property
    def linear_parameters(self) -> int:
        return self.layers * sum(linear.parameters for linear in self.linears)

    @property
    def embedding_parameters(self) -> int:
        """Input embeddings and head; one matrix where they are tied."""
        return self.vocabulary * self.hidden * (1 if self.is_tied else 2)

    @cached_property
    def expert_parameters(self) -> int:
        """The numbers of all experts, which are part of the matrices."""
        return self.layers * sum(one.parameters for one in self.linears if one.copies > 1)

    @cached_property
    def language_parameters(self) -> int:
        """What is trained where all weights are: the part for text."""
        norms = self.hidden * (2 * self.layers + 1)
        return self.linear_parameters + self.embedding_parameters + self.tables + norms

    @property
    def parameters(self) -> int:
        """Everything that is loaded."""
        return self.language_parameters + self.senses

    @cached_property
    def largest_linear(self) -> int:
        """The numbers of the largest single matrix."""
        return max((one.inputs * one.outputs for one in self.linears), default=0)

    @property
    def met_parameters(self) -> int:
        """The weights of the matrices that one token meets, the head among them: what it costs to compute it."""
        linears = sum(one.inputs * one.outputs for one in self.linears if one.copies == 1)
        spread = {one.name: one for one in self.linears if one.copies > 1}
        met = len(spread) * self.hidden * self.feed_forward
        return self.layers * (linears + met) + self.vocabulary * self.hidden

    def adapter_parameters(self, rank: int, target_modules: str, use_dora: bool = False) -> int:
        """Return the numbers of a LoRA adapter over all matrices, or over those named."""
        names = {name.strip() for name in target_modules.split(",")}
        chosen = [one for one in self.linears if names == {"all-linear"} or one.name in names]
        return self.layers * sum(linear.adapter(rank, use_dora) for linear in chosen)


def model_facts(config: Mapping[str, Any]) -> ModelFacts | None:
    """Return the sizes that a config.json tells; None where it is of no model that is known here."""
    outer = config
    # A model that also sees pictures keeps the sizes of its text side apart.
    if isinstance(inner := config.get("text_config"), Mapping):
        config = inner
    kind = str(config.get("model_type", ""))
    layers, hidden = _first(config, "num_hidden_layers", "n_layer"), _first(config, "hidden_size", "n_embd", "d_model")
    heads, vocabulary = _first(config, "num_attention_heads", "n_head", "n_heads"), _first(config, "vocab_size")
    if not (layers and hidden and heads and vocabulary):
        return None
    head, shared = _mean_head(config, layers) or hidden // heads, _first(config, "num_kv_shared_layers")
    # Where layers differ (Gemma 3n and 4) these are means: some layers take keys and values from an earlier one.
    key_value = (_first(config, "num_key_value_heads") or heads) * head * (layers - shared) // layers
    query = heads * head
    experts = _first(config, "num_experts", "num_local_experts", "n_routed_experts")
    width = _first(config, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
    if kind in _GRANITE and not experts:
        width = _first(config, "shared_intermediate_size") or width
    if config.get("use_double_wide_mlp"):
        width += width * shared // layers
    met = 1
    if experts:
        width = _first(config, "moe_intermediate_size") or width
        met = _first(config, "num_experts_per_tok", "num_experts_per_token") or 1
    tied = config.get("tie_word_embeddings", outer.get("tie_word_embeddings"))
    # A table for each layer, and three matrices that bring it in.
    own = _first(config, "hidden_size_per_layer_input")
    tables = own * (_first(config, "vocab_size_per_layer_input") + 3 * hidden) if own else 0
    linears = _linears(kind, hidden, query, key_value, width, experts or 1)
    said = quantization_of(outer)
    is_quantized = bool(said.get("load_in_4bit"))
    return ModelFacts(
        layers=layers,
        hidden=hidden,
        query=query,
        key_value=key_value,
        feed_forward=width * met,
        vocabulary=vocabulary,
        is_tied=bool(tied) if tied is not None else kind.startswith(_TIED),
        linears=linears,
        is_quantized=is_quantized,
        kept=_kept(said.get("llm_int8_skip_modules"), linears, layers) if is_quantized else 0,
        stored=stored_as(outer),
        senses=senses(outer, hidden),
        tables=tables * layers,
    )


def _mean_head(config: Mapping[str, Any], layers: int) -> int:
    """Return the width of a head: the mean, where layers that look at the whole text have wider ones."""
    head, wide = _first(config, "head_dim"), _first(config, "global_head_dim")
    kinds = config.get("layer_types")
    if not wide or not isinstance(kinds, list):
        return head
    return head + (wide - head) * kinds.count("full_attention") // layers


def quantization_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a config.json says of quantization, of the whole model or of its part for text; empty without."""
    for part in (config, config.get("text_config")):
        if isinstance(part, Mapping) and isinstance(said := part.get("quantization_config"), Mapping):
            return said
    return {}


def _kept(skipped: object, linears: Iterable[Linear], layers: int) -> int:
    """Return the numbers of the matrices that a list of modules leaves as they are; transformers reads it so.

    An entry names a matrix, a part of a layer or a layer by the beginning of its name, or any matrix by its end.
    """
    named = [(one, f"{_part(one)}.{one.name}") for one in linears]
    found = set[tuple[int, Linear]]()
    for module in (str(entry) for entry in skipped if entry) if isinstance(skipped, list) else ():
        if not (of_layer := _OF_A_LAYER.search(module)):
            found |= {(layer, one) for one, name in named if name.endswith(module) for layer in range(layers)}
        elif not module.removeprefix("model.").startswith(_OF_SENSES):
            number, part = of_layer[1], of_layer[2] or ""
            which = [int(number)] if part else [one for one in range(layers) if str(one).startswith(number)]
            found |= {(layer, one) for one, name in named if name.startswith(part) for layer in which if layer < layers}
    return sum(one.parameters for _, one in found)


def _part(linear: Linear) -> str:
    """Return the part of a layer in which models have this matrix."""
    if linear.copies > 1:
        return "mlp.experts"
    if linear.name in ("input_linear", "output_linear"):
        return "shared_mlp"
    return "self_attn" if linear.name in ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj") else "mlp"


def stored_as(config: Mapping[str, Any]) -> Stored:
    """Return how the files hold the weights, as a config.json says it."""
    said = quantization_of(config)
    method = str(said.get("quant_method") or "").lower()
    if method == "mxfp4":
        return "mxfp4"
    if method != "fp8":
        return "plain"
    return "fp8_blocks" if said.get("weight_block_size") else "fp8"


def _first(config: Mapping[str, Any], *names: str) -> int:
    """Return the first of these entries that holds a number, or one for each layer; 0 where none does."""
    found = (value[0] if isinstance(value := config.get(name), list) and value else value for name in names)
    return next((int(value) for value in found if isinstance(value, int | float)), 0)


def _linears(kind: str, hidden: int, query: int, key_value: int, width: int, experts: int) -> tuple[Linear, ...]:
    if kind in _FUSED:
        return (
            Linear("qkv_proj", hidden, query + 2 * key_value),
            Linear("o_proj", query, hidden),
            Linear("gate_up_proj", hidden, 2 * width),
            Linear("down_proj", width, hidden),
        )
    if kind in _GRANITE and experts == 1:
        return (
            *_attention(hidden, query, key_value),
            Linear("input_linear", hidden, 2 * width),
            Linear("output_linear", width, hidden),
        )
    gate = () if kind in _UNGATED else (Linear("gate_proj", hidden, width, experts),)
    up, down = Linear("up_proj", hidden, width, experts), Linear("down_proj", width, hidden, experts)
    return (*_attention(hidden, query, key_value), *gate, up, down)


def _attention(hidden: int, query: int, key_value: int) -> tuple[Linear, ...]:
    return (
        Linear("q_proj", hidden, query),
        Linear("k_proj", hidden, key_value),
        Linear("v_proj", hidden, key_value),
        Linear("o_proj", query, hidden),
    )
