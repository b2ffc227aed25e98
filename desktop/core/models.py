"""Good models to start from, as models.json lists them, and what a model's own files say of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from trainer_image.model_facts import ModelFacts, model_facts

FILE = Path(__file__).with_name("models.json")
Kind = Literal["chat", "base"]


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
) -> KnownModel:
    """Put together what a model's config.json, the Hub and the list say; each may be missing."""
    listed = model_list().find(model)
    facts = (model_facts(config) if config else None) or (listed.facts if listed else None)
    is_four_bit = bool(facts and facts.is_quantized)
    if listed is not None and listed.four_bit and model.strip().lower() == listed.four_bit.lower():
        is_four_bit = True
    return KnownModel(
        name=listed.name if listed else Path(model.strip()).name,
        facts=facts,
        context=context_of(config) or (listed.context if listed else None),
        parameters=listed.parameters if listed else None if is_four_bit else parameters,
        is_four_bit=is_four_bit,
        has_chat_template=has_chat_template if has_chat_template is not None else _speaks(listed),
        kind=str((config or (listed.shape if listed else None) or {}).get("model_type") or ""),
    )


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
