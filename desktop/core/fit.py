"""Will it fit? What a run would need of each card, how the cards would be used, and the nearest changes that help.

The launcher asks the same functions, so that what is promised here is what a start does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from desktop.core.chain import expand
from trainer_image.cards.visible import Card
from trainer_image.contract import CHAINS, LEAST_ROWS, PlacementName, RunConfig
from trainer_image.errors import TrainerError
from trainer_image.fitting.memory import CONTEXT_BYTES, GIB, Estimate, is_four_bit, predict
from trainer_image.fitting.placement import Way, best_way, decide, least_rows, way_of
from trainer_image.fitting.what_fits import nearest
from trainer_image.model.facts import ModelFacts

PARTS = ("weights", "adapter", "optimizer", "activations", "logits", "overhead")
"""What the bars show, in the order they are stacked."""
CPU_INDEX = -1
CPU_LIBRARIES_BYTES = int(1.5 * GIB)
"""What Python, torch and the other libraries take of the computer's memory on a CPU."""
FULL_CARD = 0.92
"""How full a run that fills the card makes it."""
MOST_CHANGES = 6
FP8_IS_MOST = "FP8 weights are counted as 16 bits, so this is the most: a card from the RTX 40 on needs less."


@dataclass(frozen=True)
class Room:
    """A card, or the computer's memory with the index -1: how much there is, and how much of it is free."""

    index: int
    name: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class GpuFit:
    """One card and what a run would need of it, in bytes."""

    room: Room
    parts: dict[str, int]
    driver_bytes: int = 0
    """What the driver takes besides; torch, and so ``predicted_bytes``, does not count it."""

    @property
    def predicted_bytes(self) -> int:
        """The peak that torch is expected to report."""
        return sum(self.parts.values())

    @property
    def needed_bytes(self) -> int:
        """What has to be free."""
        return self.predicted_bytes + self.driver_bytes

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.room.free_bytes


@dataclass(frozen=True)
class Offer:
    """A change of the form that would make the run fit, what it costs, and what each card would then need."""

    words: str
    knobs: dict[str, Any]
    cost: str
    placement: PlacementName
    needed_bytes: tuple[int, ...]


@dataclass(frozen=True)
class Fit:
    """The answer."""

    placement: str
    """one, data_parallel, sharded, layers; cpu, or unknown where the model's sizes are."""
    fits: bool | None
    """None where nobody can say."""
    sentence: str
    """How the cards would be used, and why; or what is missing to say it."""
    gpus: tuple[GpuFit, ...] = ()
    changes: tuple[Offer, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Knowledge:
    """What is known beside config, model and cards."""

    correction: Callable[[str], float] = lambda card: 1.0
    """By how much a card of this name has needed more than predicted, in earlier runs here."""
    longest_row: int | None = None
    """Tokens of the longest row of the dataset, where it was measured or can be bounded."""
    share_cut: Callable[[int], float] | None = None
    """The share of rows that a longest row would cut, where the lengths are known."""


def assess(
    config: RunConfig, model: ModelFacts, rooms: Sequence[Room], computer: Room, known: Knowledge | None = None
) -> Fit:
    """Say whether a run would fit into the cards, or without any into the computer's memory."""
    known = known or Knowledge()
    if config.gpus is not None:
        by_index = {room.index: room for room in rooms}
        missing = [str(index) for index in config.gpus if index not in by_index]
        if missing:
            sentence = f"There is no GPU {', '.join(missing)} here. Empty GPUs to use what there is."
            return Fit("unknown", False, sentence)
        rooms = [by_index[index] for index in config.gpus]
    asked = heavier(config, model, known)
    if not rooms:
        return _on_cpu(asked, model, computer)
    cards = [_as_card(room) for room in rooms]
    whole = _as_it_runs(asked, model, cards)
    return _on_cards(whole, model, cards, rooms, known)


def heavier(config: RunConfig, model: ModelFacts, known: Knowledge) -> RunConfig:
    """Return the config as memory sees it: rows no longer than they are, and of a chain the run that needs more."""
    if known.longest_row is not None and not config.packing and config.method != "pretrain":
        longest = max(8, min(config.max_length, known.longest_row))
        config = config.model_copy(update={"max_length": longest})
    if config.method not in CHAINS:
        return config
    steps = expand(config, Path(config.dataset))
    return max(steps, key=lambda step: predict(step, model)[0].total)


def _as_it_runs(config: RunConfig, model: ModelFacts, cards: Sequence[Card]) -> RunConfig:
    """Return the config with the micro-batches that a run which fills the card would find."""
    if not config.auto_batch:
        return config
    total = config.per_device_train_batch_size * config.gradient_accumulation_steps
    least = LEAST_ROWS.get(config.method, 1)
    for checkpointing in (False, True):
        for rows in (rows for rows in range(total, least - 1, -1) if total % rows == 0):
            cut = {
                "per_device_train_batch_size": rows,
                "gradient_accumulation_steps": total // rows,
                "gradient_checkpointing": checkpointing,
            }
            tried = config.model_copy(update=cut)
            way = best_way(tried, model, cards)
            if way.placement in ("one", "data_parallel") and way.load <= FULL_CARD:
                return tried
    return config.model_copy(update={"gradient_checkpointing": True})


def _on_cards(config: RunConfig, model: ModelFacts, cards: list[Card], rooms: Sequence[Room], known: Knowledge) -> Fit:
    way = _way(config, model, cards)
    notes = list[str]()
    if config.auto_batch:
        how = "with" if config.gradient_checkpointing else "without"
        notes.append(f"Fill the card: about {config.per_device_train_batch_size} rows at once {how} checkpointing.")
    try:
        decision = decide(config, model, cards)
        sentence, is_refused = decision.sentence, False
    except TrainerError as error:
        sentence, is_refused = error.sentence, True
        if error.code != "out_of_memory":
            return Fit(way.placement, False, f"{error.sentence} {error.hint}")
    if model.stored.startswith("fp8") and not is_four_bit(config, model):
        notes.append(FP8_IS_MOST)
    by_index = {room.index: room for room in rooms}
    gpus = tuple(
        _gpu(by_index[card.number], estimate, known) for card, estimate in zip(way.cards, way.estimates, strict=True)
    )
    used = {card.number for card in way.cards}
    idle = tuple(GpuFit(room, dict.fromkeys(PARTS, 0)) for room in rooms if room.index not in used)
    fits = all(gpu.fits for gpu in gpus)
    if not fits and not is_refused:
        notes.append("A start would try it, and go on with fewer rows at once when a card is full.")
    changes = () if fits else _changes(config, model, cards, by_index, known)
    if not fits and not changes:
        notes.append("No change of the knobs makes this model fit here: choose a smaller one.")
    ordered = sorted((*gpus, *idle), key=lambda gpu: gpu.room.index)
    return Fit(way.placement, fits, _short(way, sentence, config), tuple(ordered), changes, tuple(notes))


def _way(config: RunConfig, model: ModelFacts, cards: Sequence[Card]) -> Way:
    """Return how the launcher would use the cards, with all the rows at once that the config says."""
    chosen = best_way(least_rows(config), model, cards)
    return way_of(config, model, chosen.placement, chosen.cards)


def _short(way: Way, sentence: str, config: RunConfig) -> str:
    """Return why the cards are used so; the launcher's figures are for one row at once, so they stay out here."""
    if sentence.startswith("The run does not fit"):
        return "Even one row at once does not fit."
    count = len(way.cards)
    words = {
        "one": f"The run uses {way.cards[0]}.",
        "data_parallel": f"The model fits on each card, so {count} cards train a copy each.",
        "sharded": f"The weights are shared out over {count} cards.",
        "layers": f"The layers are split over {count} cards, which take turns.",
    }[way.placement]
    if way.placement in ("sharded", "layers") and config.placement == "auto":
        return f"The model is too big for one card. {words}"
    return words


def _gpu(room: Room, estimate: Estimate, known: Knowledge) -> GpuFit:
    parts = {name: int(getattr(estimate, name)) for name in PARTS}
    more = int((known.correction(room.name) - 1) * estimate.allocated)
    # What this machine was seen to need more or less has no name of its own.
    parts["overhead"] = max(0, parts["overhead"] + more)
    return GpuFit(room, parts, CONTEXT_BYTES)


def _changes(
    config: RunConfig, model: ModelFacts, cards: Sequence[Card], rooms: dict[int, Room], known: Knowledge
) -> tuple[Offer, ...]:
    def needs(changed: RunConfig) -> tuple[PlacementName, tuple[GpuFit, ...]]:
        way = _way(changed, model, cards)
        pairs = zip(way.cards, way.estimates, strict=True)
        return way.placement, tuple(_gpu(rooms[card.number], estimate, known) for card, estimate in pairs)

    offers = list[Offer]()
    for change in nearest(config, lambda changed: all(gpu.fits for gpu in needs(changed)[1]), len(cards)):
        placement, gpus = needs(config.model_copy(update=change.knobs))
        cost, length = change.cost, change.knobs.get("max_length")
        if length is not None and known.share_cut is not None:
            cost = f"cuts {known.share_cut(length):.0%} of the rows"
        offers.append(Offer(change.words, dict(change.knobs), cost, placement, tuple(gpu.needed_bytes for gpu in gpus)))
    return tuple(offers[:MOST_CHANGES])


def _on_cpu(config: RunConfig, model: ModelFacts, computer: Room) -> Fit:
    """On a CPU all layers' inputs stay in the same memory, and 8-bit optimizers give way to a whole one."""
    if config.placement in ("data_parallel", "split"):
        sentence = f"Use of the cards is {config.placement}, and there is no NVIDIA card here. Set it to auto."
        return Fit("cpu", False, sentence)
    if model.stored != "plain":
        model = replace(model, stored="fp8")  # whatever it is stored in, a processor has it in 16 bits

    def gpu(changed: RunConfig) -> GpuFit:
        if "8bit" in changed.optim or "paged" in changed.optim:
            changed = changed.model_copy(update={"optim": "adamw_torch_fused"})
        (estimate,) = predict(changed, model)
        parts = {name: int(getattr(estimate, name)) for name in PARTS}
        tokens = changed.per_device_train_batch_size * changed.max_length
        parts["activations"] += 2 * tokens * model.hidden * model.layers if changed.gradient_checkpointing else 0
        parts["overhead"] += CPU_LIBRARIES_BYTES
        return GpuFit(computer, parts)

    def offer(words: str, knobs: dict[str, Any], cost: str) -> Offer:
        return Offer(words, knobs, cost, "one", (gpu(config.model_copy(update=knobs)).needed_bytes,))

    here = gpu(config)
    found = () if here.fits else nearest(config, lambda changed: gpu(changed).fits)
    offers = tuple(offer(change.words, change.knobs, change.cost) for change in found)
    sentence = "There is no NVIDIA card here, so the run trains on the processor, out of the computer's memory."
    return Fit("cpu", here.fits, sentence, (here,), offers[:MOST_CHANGES])


def _as_card(room: Room) -> Card:
    return Card(room.index, room.index, room.name, "", room.total_bytes, room.free_bytes)


def unknown(why: str, rooms: Sequence[Room] = ()) -> Fit:
    """Return the answer where the sizes of the model are not known."""
    return Fit("unknown", None, why, tuple(GpuFit(room, dict.fromkeys(PARTS, 0)) for room in rooms))


def made_up(gib: Sequence[float]) -> list[Room]:
    """Return cards that are not here, empty ones of these sizes."""
    return [Room(index, f"{size:g} GiB card", int(size * GIB), int(size * GIB)) for index, size in enumerate(gib)]


def as_json(fit: Fit) -> dict[str, Any]:
    """Return the object of `tunedeck fit --json`."""
    return {
        "placement": fit.placement,
        "fits": fit.fits,
        "sentence": fit.sentence,
        "gpus": [
            {
                "index": gpu.room.index,
                "name": gpu.room.name,
                "total_bytes": gpu.room.total_bytes,
                "free_bytes": gpu.room.free_bytes,
                "predicted_bytes": gpu.predicted_bytes,
                "driver_bytes": gpu.driver_bytes,
                "parts": gpu.parts,
            }
            for gpu in fit.gpus
        ],
        "changes": [
            {
                "words": offer.words,
                "knobs": offer.knobs,
                "cost": offer.cost,
                "placement": offer.placement,
                "needed_bytes": list(offer.needed_bytes),
            }
            for offer in fit.changes
        ],
        "notes": list(fit.notes),
    }
