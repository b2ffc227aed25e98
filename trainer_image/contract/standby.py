"""A trainer that stands ready for a run: what the app writes down for it, and how the two agree on who goes first.

The folder of a coming run has ``standby.json`` for as long as the trainer waits. The app takes the trainer by renaming
the file to one name, and whoever ends the waiting renames it to another: only one of them can succeed.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from trainer_image.contract.config import RunConfig
from trainer_image.contract.run_folder import RunFolder

STANDBY_WORD = "--standby"
"""The word behind the run folder with which the launcher stands by."""


class Standby(BaseModel):
    """What a trainer stands ready for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    engine: str
    digest: str
    """Of everything that is fixed when the body is made: mounts, cards, variables."""
    config: RunConfig
    """What the run will most likely be; another one that needs the same body is as welcome."""
    idle_seconds: float = Field(900.0, gt=0)
    """A trainer that nobody takes for so long goes away by itself."""


def waiting_file(folder: RunFolder) -> Path:
    """Return the file that is there while the trainer waits: a Standby."""
    return folder.path / "standby.json"


def taken_file(folder: RunFolder) -> Path:
    return folder.path / ".standby-taken.json"


def left_file(folder: RunFolder) -> Path:
    return folder.path / ".standby-left.json"


def read_standby(path: Path) -> Standby | None:
    """Return what a file says of a trainer that stands by, or None where it is missing or unreadable."""
    try:
        return Standby.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def take_standby(folder: RunFolder) -> bool:
    """Tell the trainer to go; False where it does not wait any more."""
    with suppress(OSError):
        waiting_file(folder).rename(taken_file(folder))
        return True
    return False


def leave_standby(folder: RunFolder) -> bool:
    """End the waiting; False where a run has taken the trainer, or somebody has ended it before."""
    with suppress(OSError):
        waiting_file(folder).rename(left_file(folder))
        return True
    return False
