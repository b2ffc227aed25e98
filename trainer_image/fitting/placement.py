"""How a run uses its cards: one, a copy on each, or one model over all of them; pure, with its reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trainer_image.cards.visible import Card
from trainer_image.contract import LEAST_ROWS, Method, PlacementName, RunConfig
from trainer_image.errors import TrainerError
from trainer_image.fitting import what_fits
from trainer_image.fitting.memory import CONTEXT_BYTES, GIB, Estimate, is_four_bit, predict
from trainer_image.fitting.split_speed import Speeds, faster_first
from trainer_image.model.facts import ModelFacts
from trainer_image.supervised import max_memory_variable

CLEARLY = 1.15
"""A prediction that is over by less than this may be wrong, so the run is tried."""
BY_LAYERS: tuple[PlacementName, ...] = ("layers",)
EITHER: tuple[PlacementName, ...] = ("sharded", "layers")
"""The better one first as long as nothing is measured: sharded keeps every card busy, layers let them take turns."""
SPLITS: Mapping[Method, tuple[PlacementName, ...]] = {
    "sft": EITHER,
    "pretrain": EITHER,
    "dpo": BY_LAYERS,
    "orpo": BY_LAYERS,
    "kto": BY_LAYERS,
    "reward": BY_LAYERS,
    "prm": BY_LAYERS,
}
"""How a method's model may be spread. Those that generate answers need it whole on every card."""


@dataclass(frozen=True)
class Decision:
    """What is started, and why."""

    placement: PlacementName
    cards: tuple[Card, ...]
    processes: int
    sentence: str
    predicted_bytes: tuple[int, ...] = ()
    """The peak that torch is expected to report of each card, with as many rows at once as the config says."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the trainer's processes need to know of it."""
    warning: str = ""


@dataclass(frozen=True)
class Way:
    """One way to use cards, and what each of them would need."""

    placement: PlacementName
    cards: tuple[Card, ...]
    estimates: tuple[Estimate, ...]

    @property
    def needs(self) -> tuple[int, ...]:
        return tuple(estimate.total for estimate in self.estimates)

    @property
    def loads(self) -> list[float]:
        """What each card needs, as a share of what it has free."""
        return [need / max(1, card.free_bytes) for need, card in zip(self.needs, self.cards, strict=True)]

    @property
    def load(self) -> float:
        return max(self.loads)

    @property
    def fullest(self) -> int:
        return self.loads.index(self.load)


def decide(
    config: RunConfig,
    model: ModelFacts | None,
    cards: Sequence[Card],
    cpu_processes: int = 1,
    speeds: Speeds | None = None,
) -> Decision:
    """Choose how the run uses the cards, or refuse with what would do.

    ``model`` is None where it is unknown, and so is ``speeds`` before the cards were measured.
    """
    if not cards:
        return _on_cpu(config, cpu_processes)
    if len(cards) == 1 and config.placement in ("data_parallel", "split"):
        raise TrainerError(
            "bad_config",
            f"Use of the cards is {config.placement}, and the run has one card.",
            "Set Use of the cards to auto, or choose more cards under GPUs.",
        )
    if config.placement == "split" and config.method not in SPLITS:
        raise TrainerError(
            "bad_config",
            f"A run of the method {config.method} cannot be split: it needs the whole model to generate answers.",
            "Set Use of the cards to auto; a 4-bit base takes a third of the memory.",
        )
    if model is None:
        return _unknown(config, cards)
    least = least_rows(config)
    order = faster_first(config, model, len(cards), speeds) if speeds and len(cards) > 1 else EITHER
    best = best_way(least, model, cards, order)
    if best.load > CLEARLY:
        raise out_of_memory(least, model, cards)
    return _decision(best, config, model, cards)


def least_rows(config: RunConfig) -> RunConfig:
    """Return the config with the fewest rows at once, which is what has to fit.

    A run whose cards are full goes on with fewer rows by itself.
    """
    least = config.model_copy(update={"per_device_train_batch_size": LEAST_ROWS.get(config.method, 1)})
    return least.model_copy(update={"gradient_checkpointing": True}) if config.auto_batch else least


def out_of_memory(config: RunConfig, model: ModelFacts | None, cards: Sequence[Card]) -> TrainerError:
    """Return the failure of a run that does not fit or did not fit, with the nearest changes that need clearly less."""
    if model is None or not cards:
        hint = "Lower Rows at once or Longest row, or switch on Gradient checkpointing or 4-bit base."
        return TrainerError("out_of_memory", "The memory is full.", hint)
    best = best_way(config, model, cards)
    need = f"about {_gib(best.needs[best.fullest])} on {best.cards[best.fullest]}"
    free, total = best.cards[best.fullest].free_bytes, best.cards[best.fullest].total_bytes
    if best.load > 1:
        sentence = f"The run does not fit: it needs {need}, which has {_gib(free)} of {_gib(total)} free."
    else:
        sentence = f"The memory of a card was full, though the run was expected to need {need}."
    # What was full in spite of the prediction needs more than predicted, and so would its neighbours.
    bound = min(1.0, best.load / CLEARLY)
    return TrainerError(
        "out_of_memory", sentence, what_fits.hint(config, lambda changed: best_way(changed, model, cards).load <= bound)
    )


def _on_cpu(config: RunConfig, processes: int) -> Decision:
    if config.placement in ("data_parallel", "split") and processes == 1:
        raise TrainerError(
            "gpu_missing",
            f"Use of the cards is {config.placement}, and the trainer sees no card.",
            "Set Use of the cards to auto to train on the CPU, or run the doctor to find the cards.",
        )
    if processes > 1:
        return Decision("data_parallel", (), processes, f"{processes} processes train together on the CPU.")
    return Decision("one", (), 1, "The run trains on the CPU.")


def _unknown(config: RunConfig, cards: Sequence[Card]) -> Decision:
    if config.placement == "split":
        # It has to be assumed too big for a card, and a 4-bit base can be loaded part by part only so.
        way: PlacementName = "layers" if config.load_in_4bit else SPLITS[config.method][0]
        reason = "The model is split over the cards, as asked; its size is not known yet."
        return _started(way, cards, reason, (), config, None)
    used = cards[:1] if config.placement == "one" else cards
    reason = "The size of the model is not known before it is fetched; it is taken to fit on one card."
    return _started("data_parallel" if len(used) > 1 else "one", used, reason, (), config, None)


def best_way(
    config: RunConfig, model: ModelFacts, cards: Sequence[Card], order: Sequence[PlacementName] = EITHER
) -> Way:
    """Return the first way in which the run fits, or the one that comes nearest.

    ``order`` has the ways to split a model, the faster one first.
    """
    ways = _ways(config, model, tuple(cards), order)
    return next((way for way in ways if way.load <= 1), min(ways, key=lambda way: way.load))


def way_of(config: RunConfig, model: ModelFacts, placement: PlacementName, cards: Sequence[Card]) -> Way:
    """Return what each of the cards would need if they were used in this way."""
    return Way(placement, tuple(cards), tuple(predict(config, model, placement, [card.free_bytes for card in cards])))


def _ways(config: RunConfig, model: ModelFacts, cards: tuple[Card, ...], order: Sequence[PlacementName]) -> list[Way]:
    """Return the ways that the config allows, the fastest first."""

    def way(placement: PlacementName, *used: Card) -> Way:
        return way_of(config, model, placement, used)

    if config.placement == "one" or len(cards) == 1:
        return [way("one", cards[0])]
    copies = way("data_parallel", *cards)
    if config.placement == "data_parallel":
        return [copies]
    splits = [
        way(placement, *cards)
        for placement in order
        if placement in SPLITS.get(config.method, ())
        if placement == "layers" or _can_load_sharded(config, model, cards)
    ]
    if config.placement == "split":
        return splits
    enough = [card for card, load in zip(cards, copies.loads, strict=True) if load <= 1]
    largest = max(cards, key=lambda card: card.free_bytes)
    alone = [way("data_parallel", *enough)] if len(enough) > 1 else [way("one", largest)]
    return [*alone, *splits, copies]


def _can_load_sharded(config: RunConfig, model: ModelFacts, cards: Sequence[Card]) -> bool:
    """Say whether every card can hold what it does while the model loads: 4-bit weights come whole at first."""
    if not is_four_bit(config, model):
        return True
    (whole,) = predict(config, model)
    return all(whole.weights + CONTEXT_BYTES <= card.free_bytes for card in cards)


def _decision(way: Way, config: RunConfig, model: ModelFacts, cards: Sequence[Card]) -> Decision:
    need, tightest = _gib(max(way.needs)), min(way.cards, key=lambda card: card.free_bytes)
    room = f"about {need} with one row at once, and {tightest} has {_gib(tightest.free_bytes)} free"
    if way.placement == "data_parallel":
        sentence = f"The model fits on each card ({room}), so {len(way.cards)} cards train a copy each."
    elif way.placement == "one":
        sentence = f"The run uses {way.cards[0]}: it needs {room}."
    elif way.placement == "sharded":
        sentence = f"The weights are shared out over {len(way.cards)} cards: each needs {room}."
    else:
        sentence = f"The layers are split over {len(way.cards)} cards: the fullest needs {room}."
    if way.placement in ("sharded", "layers") and config.placement == "auto":
        sentence = f"The model is too big for one card. {sentence}"
    idle = [str(card) for card in cards if card not in way.cards]
    if idle and config.placement == "auto":
        too_small = "is too small and stays idle" if len(idle) == 1 else "are too small and stay idle"
        sentence += f" {' and '.join(idle)} {too_small}.".replace(" card", " Card", 1)
    warning = ""
    if way.load > 1:
        warning = f"The run may not fit: it is expected to need {need}, and {tightest} has less free."
    used = way_of(config, model, way.placement, way.cards)
    predicted = [estimate.allocated for estimate in used.estimates]
    return _started(way.placement, way.cards, sentence, predicted, config, model, warning)


def _started(
    placement: PlacementName,
    cards: Sequence[Card],
    sentence: str,
    predicted_bytes: Sequence[int],
    config: RunConfig,
    model: ModelFacts | None,
    warning: str = "",
) -> Decision:
    variables: dict[str, str] = {}
    if placement == "sharded":
        variables["UNSLOTH_FSDP2"] = "1"
        is_quantized = is_four_bit(config, model) if model is not None else config.load_in_4bit
        if not config.use_dora and not is_quantized:
            # Each process reads only its own part of the files; 4-bit weights cannot be read so, nor can DoRA's.
            variables["UNSLOTH_FSDP2_SHARDED_LOAD"] = "1"
    if placement == "layers":
        variables |= max_memory_variable({index: card.free_bytes - CONTEXT_BYTES for index, card in enumerate(cards)})
    processes = len(cards) if placement in ("data_parallel", "sharded") else 1
    return Decision(placement, tuple(cards), processes, sentence, tuple(predicted_bytes), variables, warning)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
