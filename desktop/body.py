"""What an engine says of a run's container or process: the one value that rules and engines share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EngineName = Literal["docker", "process"]
ENGINES: tuple[EngineName, ...] = ("docker", "process")


@dataclass(frozen=True)
class Body:
    """The container or process of a run; ``gone`` means that it has none."""

    state: Literal["running", "exited", "gone"]
    exit_code: int | None = None
    out_of_memory: bool = False
    handle: str = ""
    """The container's id, or the process's number."""


GONE = Body("gone")
