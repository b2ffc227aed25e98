"""What the launcher and the trainer's processes know of each other: names of variables and files, nothing else."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from trainer_image.contract import PlacementName, RunFolder

SUPERVISED = "TUNEDECK_SUPERVISED"
"""Set for a process of the trainer that start.py has started: its failure goes to ``RunFolder.trouble``."""
PLACEMENT = "TUNEDECK_PLACEMENT"
"""How the cards are used: one, data_parallel, sharded or layers."""
MAX_MEMORY = "TUNEDECK_MAX_MEMORY"
"""For layers: bytes that the model may take of each visible card, as JSON: {"0": 12884901888, "1": ...}."""
CACHES = "TUNEDECK_CACHES"
"""The folder of what is kept between runs."""
CPU_PROCESSES = "TUNEDECK_CPU_PROCESSES"
"""So many processes train together on a CPU; for tests of data_parallel without cards."""
LAUNCHER = "TUNEDECK_LAUNCHER"
"""The number of the launcher's process."""
HANG_S = "TUNEDECK_HANG_S"
"""Seconds without a heartbeat after which a run counts as hung, whatever its rhythm was."""

STANDBY = "TUNEDECK_STANDBY"
"""Set for a process that imports everything for this method, and then waits for a line on its input."""

PROBE = "TUNEDECK_PROBE"
"""Set to try the longest batch first on a CPU too; on a card it always is."""

_PR_SET_PDEATHSIG = 1


def is_supervised() -> bool:
    """Say whether start.py has started this process and waits for its end."""
    return os.environ.get(SUPERVISED) == "1"


def placement() -> PlacementName:
    """Return how this process's run uses the cards; a trainer started by hand has one."""
    return cast(PlacementName, os.environ.get(PLACEMENT, "one"))


def max_memory() -> dict[int, int] | None:
    """Return the bytes that the model may take of each visible card, where its layers are split."""
    text = os.environ.get(MAX_MEMORY)
    return {int(card): int(size) for card, size in json.loads(text).items()} if text else None


def max_memory_variable(sizes: Mapping[int, int]) -> dict[str, str]:
    """Return the variable that ``max_memory`` reads."""
    return {MAX_MEMORY: json.dumps(dict(sizes))}


def heartbeat(folder: RunFolder, rank: int) -> Path:
    """Return the file whose time says when this process last got on."""
    return folder.path / f".heartbeat.{rank}"


def ready_mark(folder: RunFolder, rank: int) -> Path:
    """Return the file that says that this process has imported everything and waits."""
    return folder.path / f".ready.{rank}"


def obey_launcher() -> None:
    """Write the stacks of all threads when told by SIGUSR1, and end when the launcher does."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # Else a trainer whose launcher was killed would go on beside the one that resumes the run.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get(LAUNCHER, str(os.getppid())) != str(os.getppid()):
        # It died before that was said.
        os._exit(1)
