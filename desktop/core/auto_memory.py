"""What a machine has to train with, and whether a config goes into its memory with room to spare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from desktop.core.fit import CPU_LIBRARIES_BYTES
from desktop.core.models import KnownModel, held_in_four_bits, needed_repository
from trainer_image.contract import GENERATING, PlacementName, RunConfig
from trainer_image.fitting.memory import CONTEXT_BYTES, predict

GIB = 1024**3
SAFE = 0.92
"""The share of the free memory that a preset plans with: what is left is for what arithmetic cannot know."""
ROUGH_BASE = 1.15
ROUGH_BYTES = int(1.5 * GIB)
"""For a model whose sizes nobody knows: its weights and a bit, and so much for everything else."""
SPLIT_IN_PARTS: tuple[str, ...] = ("sft", "pretrain")
"""Methods whose weights can be shared out over the cards; the others can only be split by layers."""


@dataclass(frozen=True)
class Card:
    """A card as a preset sees it; sizes in bytes."""

    name: str
    total_bytes: int
    free_bytes: int
    correction: float = 1.0
    """By how much a run here needs more of it than arithmetic says."""

    def needed(self, predicted: int) -> int:
        """Return what a run is to need of it; the driver's part is no different here."""
        return int(predicted + (self.correction - 1) * (predicted - CONTEXT_BYTES))


@dataclass(frozen=True)
class Machine:
    """The cards that a run may use, none for the processor, and the computer's free memory in bytes."""

    cards: tuple[Card, ...] = ()
    free_bytes: int = 16 * GIB


@dataclass(frozen=True)
class Room:
    """How a config goes into a machine."""

    use: Literal["cards", "split", "cpu", "none"]
    cards: int
    """Cards that train: copies, or parts of one model."""
    need_bytes: int
    """What the fullest card, or the computer, needs."""
    free_bytes: int
    """What is free there."""

    @property
    def fits(self) -> bool:
        return self.use != "none"


def find_room(values: Mapping[str, Any], model: KnownModel, machine: Machine, *, may_split: bool) -> Room:
    """Return how a run of these knobs goes into the machine, copies first; use is "none" where it does not."""
    if not machine.cards:
        need = _need(values, model, "one", (1.0,))[0] - CONTEXT_BYTES + CPU_LIBRARIES_BYTES
        fits = need <= SAFE * machine.free_bytes
        return Room("cpu" if fits else "none", 1, need, machine.free_bytes)
    (alone, *_) = _need(values, model, "one", (1.0,))
    copy = max(_need(values, model, "data_parallel", (1.0, 1.0))) if len(machine.cards) > 1 else alone
    enough = [card for card in machine.cards if card.needed(copy) <= SAFE * card.free_bytes]
    if enough:
        tightest = max(enough, key=lambda card: card.needed(copy) / max(1, card.free_bytes))
        return Room("cards", len(enough), tightest.needed(copy), tightest.free_bytes)
    largest = max(machine.cards, key=lambda card: card.free_bytes)
    if largest.needed(alone) <= SAFE * largest.free_bytes:
        return Room("cards", 1, largest.needed(alone), largest.free_bytes)
    if may_split and len(machine.cards) > 1 and values["method"] not in GENERATING and model.facts is not None:
        for placement in _splits(values, model):
            if room := _split(values, model, machine.cards, placement):
                return room
    return Room("none", len(machine.cards), largest.needed(alone), largest.free_bytes)


def _splits(values: Mapping[str, Any], model: KnownModel) -> tuple[PlacementName, ...]:
    in_parts = values["method"] in SPLIT_IN_PARTS and not (values["load_in_4bit"] or model.is_four_bit)
    return ("sharded", "layers") if in_parts else ("layers",)


def _split(
    values: Mapping[str, Any], model: KnownModel, cards: Sequence[Card], placement: PlacementName
) -> Room | None:
    needs = _need(values, model, placement, [card.free_bytes for card in cards])
    pairs = [(card.needed(need), card) for need, card in zip(needs, cards, strict=True)]
    if all(need <= SAFE * card.free_bytes for need, card in pairs):
        need, card = max(pairs, key=lambda pair: pair[0] / max(1, pair[1].free_bytes))
        return Room("split", len(cards), need, card.free_bytes)
    return None


def _need(values: Mapping[str, Any], model: KnownModel, placement: PlacementName, shares: Sequence[float]) -> list[int]:
    """Return what each card needs, in bytes; a guess where no more is known of a model than its size."""
    config = RunConfig.model_validate(values)
    facts = model.facts
    if facts is not None and config.load_in_4bit:
        needed = needed_repository(config.model, four_bit=True, revision=config.model_revision)
        facts = held_in_four_bits(facts, needed) if needed != config.model else facts
    if facts is not None:
        return [estimate.total for estimate in predict(config, facts, placement, shares)]
    if model.is_four_bit and model.weight_bytes is not None:
        return [int(model.weight_bytes * ROUGH_BASE) + ROUGH_BYTES] * len(shares)
    size = model.parameters or 0
    each = 0.65 if config.load_in_4bit or model.is_four_bit else 2.0
    return [int(size * each * ROUGH_BASE) + ROUGH_BYTES] * len(shares)
