"""The NVIDIA cards that this body may use, as the driver tells them; no torch, which would take seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer_image.contract import Launch, RunFolder


@dataclass(frozen=True)
class Card:
    """One card; sizes in bytes."""

    index: int
    """Its number for the driver here, which CUDA_VISIBLE_DEVICES takes."""
    number: int
    """Its number on the machine: a container counts the cards that it was given from 0."""
    name: str
    uuid: str
    total_bytes: int
    free_bytes: int

    def __str__(self) -> str:
        return f"card {self.number} ({self.name})"


def visible_cards(folder: RunFolder) -> tuple[Card, ...]:
    """Return the cards in their order; none where there is no driver, or no library that speaks with it."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return ()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        uuids = [_text(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
        chosen = choose(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))
        numbers = machine_numbers(len(handles), given_cards(folder))
        return tuple(_card(pynvml, handles[index], index, numbers[index], uuids[index]) for index in chosen)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def driver_version() -> str:
    """Return the driver's version; empty where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return _text(pynvml.nvmlSystemGetDriverVersion())
        finally:
            pynvml.nvmlShutdown()
    except ImportError:
        return ""
    except pynvml.NVMLError:
        return ""


def choose(uuids: Sequence[str], wish: str | None) -> list[int]:
    """Return the cards that CUDA_VISIBLE_DEVICES leaves, by number or by the beginning of a UUID, in its order.

    As CUDA does it: the first word that names no card ends the list.
    """
    if wish is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for word in (word.strip() for word in wish.split(",")):
        if word.isdigit() and int(word) < len(uuids):
            index = int(word)
        elif word and (found := [index for index, uuid in enumerate(uuids) if uuid.startswith(word)]):
            index = found[0]
        else:
            break
        if index not in chosen:
            chosen.append(index)
    return chosen


def machine_numbers(count: int, given: Sequence[int]) -> list[int]:
    """Return the machine's number of each card that the driver shows.

    A container shows the cards that it was given, from 0 in their order on the bus; elsewhere all are shown.
    """
    return sorted(given) if len(given) == count else list(range(count))


def given_cards(folder: RunFolder) -> Sequence[int]:
    """Return the cards that the app has given to this body."""
    try:
        return Launch.model_validate_json(folder.launch.read_bytes()).gpus
    except (FileNotFoundError, ValueError):
        return ()


def _card(pynvml: Any, handle: Any, index: int, number: int, uuid: str) -> Card:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = int(memory.total), int(memory.free)
    except pynvml.NVMLError:
        # A card that shares the machine's memory tells no figures of its own.
        total = free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Card(index, number, _text(pynvml.nvmlDeviceGetName(handle)), uuid, total, free)


def _text(answer: Any) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)
