"""A driver with one card, as long as the run's dataset file says that it is there."""

from __future__ import annotations

import json
import sys
from pathlib import Path


class NVMLError(Exception):
    """Bears the driver's words."""


def _card() -> str:
    config = json.loads((Path(sys.argv[-1]) / "config.json").read_text())
    return str(json.loads(Path(config["dataset"]).read_text()).get("card", ""))


def nvmlInit() -> None:
    if _card() != "there":
        raise NVMLError("Unknown Error")


def nvmlShutdown() -> None:
    pass


def nvmlDeviceGetCount() -> int:
    return 1


def nvmlDeviceGetHandleByIndex(index: int) -> int:
    return index


def nvmlDeviceGetHandleByUUID(uuid: str) -> int:
    return 0


def nvmlDeviceGetUUID(handle: int) -> str:
    return "GPU-1"


def nvmlDeviceGetName(handle: int) -> str:
    return "NVIDIA GeForce RTX 3060"


class _Memory:
    total = free = 12 << 30


def nvmlDeviceGetMemoryInfo(handle: int) -> _Memory:
    return _Memory()


def nvmlSystemGetDriverVersion() -> str:
    return "575"
