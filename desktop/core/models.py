"""Good models to start from, as models.json lists them, and what a model's own files say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from trainer_image.fitting.memory import four_bit_bytes, kept_by_size
from trainer_image.model.facts import ModelFacts, Stored, model_facts

FILE = Path(__file__).with_name("models.json")
Kind = Literal["chat", "base"]
DYNAMIC = "-unsloth-bnb-4bit"
"""How the names of Unsloth's files end that keep some matrices in 16 bits."""
HELD_AS: Mapping[Stored, str] = {"plain": "16-bit", "mxfp4": "MXFP4", "fp8": "FP8", "fp8_blocks": "FP8"}
"""How a model's own files hold its weights, in words."""
DYNAMIC_MORE = 1.1
"""They take less than a tenth more than plain 4-bit files, says Unsloth: https://unsloth.ai/blog/dynamic-4bit."""


@dataclass(frozen=True)
class StartingPoint:
    """One entry of the list."""

    id: str
    """Its name on the Hub."""
    name: str
    family: str
    kind: Kind
    """chat answers and has a chat template; base goes on with a text."""
    parameters: int
    licence: str
    gated: bool | None
    """Its owner wants to be asked first; None where that has changed before, or is not known."""
    context: int
    """The longest text that it was made for, in tokens."""
    four_bit: str | None
    """The same in 4 bits, as Unsloth offers it: a quarter of the download."""
    open_copy: str | None
    """The same weights where nobody has to be asked."""
    note: str
    shape: Mapping[str, Any] | None

    @property
    def facts(self) -> ModelFacts | None:
        return model_facts(self.shape) if self.shape else None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every name under which the Hub has these weights."""
        return tuple(id for id in (self.id, self.open_copy, self.four_bit) if id)


@dataclass(frozen=True)
class ModelList:
    """The whole file."""

    date: str
    source: str
    models: tuple[StartingPoint, ...]
    trainable: frozenset[str]
    """The values of model_type that the trainer can load and train."""
    not_trainable: Mapping[str, str]
    """Known values that it cannot, with what such a model does instead."""

    def find(self, id: str) -> StartingPoint | None:
        """Return the entry of a Hub name: the model itself, its open copy or its 4-bit variant."""
        return self._by_name.get(id.strip().lower())

    @cached_property
    def _by_name(self) -> Mapping[str, StartingPoint]:
        """Every name with its entry; the form looks one up several times for each turn of a knob."""
        return {id.lower(): one for one in reversed(self.models) for id in reversed(one.ids)}

    def search(self, words: str) -> list[StartingPoint]:
        """Return the entries that have all these words in their names."""
        wanted = words.lower().split()
        return [one for one in self.models if all(_begins_with(word, one) for word in wanted)]


def _begins_with(word: str, one: StartingPoint) -> bool:
    """Say whether a part of a name begins so: 4b is not 14B."""
    parts = re.split(r"[^\w.]+", f"{one.name} {one.id} {one.family}".lower())
    return any(part.startswith(word) for part in parts) or word in one.id.lower().split("/")


@cache
def model_list() -> ModelList:
    """Return the list, read once."""
    values = json.loads(FILE.read_text("utf-8"))
    return ModelList(
        date=values["date"],
        source=values["source"],
        models=tuple(StartingPoint(**entry) for entry in values["models"]),
        trainable=frozenset(values["trainable"]),
        not_trainable=values["not_trainable"],
    )


def needed_repository(model: str, *, four_bit: bool, revision: str | None = None) -> str:
    """Return which repository a run would fetch: in 4 bits Unsloth takes its own copy of the models that it has."""
    listed = model_list().find(model)
    if listed is None or not four_bit or not listed.four_bit or revision or Path(model).is_absolute():
        return model
    return listed.four_bit


@dataclass(frozen=True)
class KnownModel:
    """What is known of the model that is to be trained; None where nobody knows yet."""

    name: str
    """As people call it, or the last part of its id or folder."""
    facts: ModelFacts | None = None
    context: int | None = None
    parameters: int | None = None
    is_four_bit: bool = False
    """Its files hold 4-bit weights already."""
    has_chat_template: bool | None = None
    kind: str = ""
    """Its model_type; empty where nobody knows yet."""
    weight_bytes: int | None = None
    """The size of its weights' files, where the Hub has told it."""

    @property
    def size(self) -> int | None:
        """Its weights, counted as they are without quantization."""
        if self.parameters is not None:
            return self.parameters
        return self.facts.parameters if self.facts else None


def known_model(
    model: str,
    config: Mapping[str, Any] | None = None,
    has_chat_template: bool | None = None,
    parameters: int | None = None,
    weight_bytes: int | None = None,
) -> KnownModel:
    """Put together what a model's config.json, the Hub and the list say; each may be missing."""
    listed = model_list().find(model)
    facts = (model_facts(config) if config else None) or (listed.facts if listed else None)
    is_four_bit = bool(facts and facts.is_quantized)
    if listed is not None and listed.four_bit and model.strip().lower() == listed.four_bit.lower():
        is_four_bit = True
    if facts is not None and is_four_bit:
        facts = held_in_four_bits(facts, model, weight_bytes)
    return KnownModel(
        name=listed.name if listed else Path(model.strip()).name,
        facts=facts,
        context=context_of(config) or (listed.context if listed else None),
        parameters=listed.parameters if listed else None if is_four_bit else parameters,
        is_four_bit=is_four_bit,
        has_chat_template=has_chat_template if has_chat_template is not None else _speaks(listed),
        kind=str((config or (listed.shape if listed else None) or {}).get("model_type") or ""),
        weight_bytes=weight_bytes,
    )


def held_in_four_bits(facts: ModelFacts, model: str, weight_bytes: int | None = None) -> ModelFacts:
    """Return the sizes of a model whose files hold 4 bits: as its config.json says, or by the size of its files.

    Where neither is known, Unsloth's files that keep some matrices in 16 bits are taken to be as large as they can be.
    """
    if facts.is_quantized:
        return facts
    if weight_bytes is None and model.strip().lower().endswith(DYNAMIC):
        weight_bytes = int(DYNAMIC_MORE * four_bit_bytes(facts))
    kept = kept_by_size(facts, weight_bytes) if weight_bytes is not None else 0
    return replace(facts, is_quantized=True, stored="plain", kept=kept)


def held_as(known: KnownModel, model: str, *, four_bit: bool, revision: str | None = None) -> str:
    """Return in what a run holds the base model, as the field calls it; ``four_bit`` is the knob."""
    stored = known.facts.stored if known.facts else "plain"
    has_copy = needed_repository(model, four_bit=four_bit, revision=revision) != model
    if known.is_four_bit or has_copy or (four_bit and stored in ("plain", "fp8_blocks")):
        return "4-bit"
    return HELD_AS[stored]


def _speaks(listed: StartingPoint | None) -> bool | None:
    return listed.kind == "chat" if listed else None


def context_of(config: Mapping[str, Any] | None) -> int | None:
    """Return the longest text that a model was made for, as its config.json says."""
    inner = (config or {}).get("text_config")
    for part in (config, inner):
        if isinstance(part, Mapping) and isinstance(part.get("max_position_embeddings"), int):
            return int(part["max_position_embeddings"])
    return None


def size_words(parameters: float) -> str:
    """Return a number of parameters as the field writes it: 135M, 1.7B, 8B."""
    if parameters < 950e6:
        return f"{parameters / 1e6:.0f}M"
    billions = f"{parameters / 1e9:.1f}"
    return f"{billions.removesuffix('.0')}B"
