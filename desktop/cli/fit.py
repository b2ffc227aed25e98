"""``fit``: what a run would need of each card, and what would make it fit."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from desktop.cli.configs import read_config
from desktop.cli.loop import assembled
from desktop.controllers.fit import computer_room, rooms_of
from desktop.core.fit import PARTS, Fit, GpuFit, Knowledge, as_json, assess, made_up
from desktop.core.model_sizes import find_run_sizes
from desktop.engine.gpus import Gpus
from desktop.errors import AppError
from desktop.paths import Home
from trainer_image.fitting.memory import GIB
from trainer_image.model.files import longest_row

LARGEST_CARD_GIB = 100_000


def fit(arguments: argparse.Namespace, home: Home) -> int:
    """Print the prediction for each card; that a run does not fit is an answer, too."""
    with assembled(home) as assembly:
        config = assembly.datasets.with_file(read_config(assembly, arguments.config, arguments.set))
        sizes = find_run_sizes(config, [home.caches, home.caches / "hub"])
        if sizes.facts is None:
            hint = "Give a model folder, a config.json, a GGUF file or a Hub name that is on this machine."
            raise AppError(sizes.why_not, hint, "model_unknown")
        rooms = made_up(arguments.cards) if arguments.cards else rooms_of(Gpus().sample())
        # Of a file that is not here every row is taken to be as long as the longest row.
        known = Knowledge(
            correction=(lambda card: 1.0) if arguments.cards else assembly.fitting.correction,
            longest_row=longest_row(config),
        )
        answer = assess(config, sizes.facts, rooms, computer_room(), known)
    print(json.dumps(as_json(answer)) if arguments.json else "\n".join(_sentences(answer)))
    return 0


def cards(word: str) -> list[float]:
    """Read the sizes of cards in GiB, with commas between; argparse turns what is none into wrong usage."""
    sizes = [float(size) for size in word.split(",")]
    if not all(0 < size <= LARGEST_CARD_GIB for size in sizes):
        raise argparse.ArgumentTypeError("has to be sizes in GiB, such as 12,12")
    return sizes


def _sentences(answer: Fit) -> Iterator[str]:
    yield f"{'It fits.' if answer.fits else 'It does not fit.'} {answer.sentence}"
    for gpu in answer.gpus:
        yield from _card(gpu)
    yield from answer.notes
    if answer.changes:
        yield "It would fit with one of these:"
    for offer in answer.changes:
        where = " on the fullest card" if len(offer.needed_bytes) > 1 else ""
        yield f"  {offer.words} ({offer.cost}): {_gib(max(offer.needed_bytes))}{where}"


def _card(gpu: GpuFit) -> Iterator[str]:
    name = f"GPU {gpu.room.index} ({gpu.room.name})" if gpu.room.index >= 0 else gpu.room.name
    free = f"{_gib(gpu.room.free_bytes)} of {_gib(gpu.room.total_bytes)} free"
    if not gpu.predicted_bytes:
        yield f"{name}: not used; {free}"
        return
    driver = f" and {_gib(gpu.driver_bytes)} for the driver" if gpu.driver_bytes else ""
    yield f"{name}: needs {_gib(gpu.predicted_bytes)}{driver}; {free}"
    yield "  " + ", ".join(f"{name} {_gib(gpu.parts[name])}" for name in PARTS)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= 10 * GIB else f"{size / GIB:.2f} GiB"
