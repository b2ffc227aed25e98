"""What has to be known before the trainer's processes start: the cards, how they are used, and their variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from trainer_image.cards.visible import Card, given_cards, visible_cards
from trainer_image.cards.watchdog import gpu_lost
from trainer_image.configs import adjusted, read_adjustments
from trainer_image.contract import RunConfig, RunFolder
from trainer_image.errors import TrainerError
from trainer_image.fitting.placement import Decision, decide
from trainer_image.fitting.split_speed import Speeds
from trainer_image.model.facts import ModelFacts
from trainer_image.model.files import longest_row, model_folder, read_facts
from trainer_image.supervised import CPU_PROCESSES, LAUNCHER, PLACEMENT, SUPERVISED


@dataclass(frozen=True)
class Prepared:
    """What has to be known to start the trainer's processes, as often as it takes."""

    config: RunConfig
    model: ModelFacts | None
    cards: Sequence[Card]
    decision: Decision
    environment: dict[str, str]
    files: Path | None
    """The model's folder, where it is on this machine."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """With which the cards talk to each other; they are in the environment already."""


def placed(
    config: RunConfig, folder: RunFolder, held: Mapping[str, int] | None = None, speeds: Speeds | None = None
) -> Prepared:
    """Choose how the cards are used, and return what the processes need for that.

    ``held`` is what processes that stand ready for this very run hold of each card by its UUID: it counts as free.
    ``speeds`` were measured of the cards.
    """
    visible = visible_cards(folder)
    if held:
        visible = tuple(replace(card, free_bytes=card.free_bytes + held.get(card.uuid, 0)) for card in visible)
    if not visible and config.gpus != () and given_cards(folder):
        # Training on the CPU instead would take days, unasked.
        lost = gpu_lost("The driver shows none of the cards that this run was given.")
        raise TrainerError(lost.code, lost.sentence, lost.hint)
    cards = chosen_cards(config, visible)
    files = model_folder(config)
    model = read_facts(files) if files else None
    sized = as_it_comes(config, folder)
    decision = decide(sized, model, cards, int(os.environ.get(CPU_PROCESSES, "1")), speeds)
    variables = {
        **os.environ,
        SUPERVISED: "1",
        LAUNCHER: str(os.getpid()),
        PLACEMENT: decision.placement,
        **decision.variables,
    }
    if decision.cards:
        # By default CUDA puts the fastest card first, which is another order than the driver's.
        variables["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(str(card.index) for card in decision.cards)
    return Prepared(config, model, cards, decision, variables, files)


def chosen_cards(config: RunConfig, visible: Sequence[Card]) -> tuple[Card, ...]:
    """Return the cards that the config names, in its order; all that are visible where it names none."""
    if config.gpus is None:
        return tuple(visible)
    by_number = {card.number: card for card in visible}
    missing = [str(number) for number in config.gpus if number not in by_number]
    if missing:
        hint = "Run the doctor, or empty GPUs to train on what there is."
        raise TrainerError("gpu_missing", f"The run wants GPU {', '.join(missing)}, and the trainer sees none.", hint)
    return tuple(by_number[number] for number in config.gpus)


def as_it_comes(config: RunConfig, folder: RunFolder) -> RunConfig:
    """Return the config as the memory will see it: with its adjustments, and rows no longer than they are."""
    found = adjusted(config, read_adjustments(folder))
    return found.model_copy(update={"max_length": longest_row(found)})
