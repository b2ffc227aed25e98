"""Points of a run's curves that the user has pinned, kept in a small file of its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from desktop.errors import StoreError

NAME = "pins.json"


@dataclass(frozen=True)
class Pin:
    """A value at a step, and what the user wrote beside it."""

    name: str
    """The number that is pinned: loss, learning_rate or a metric."""
    step: int
    note: str = ""


def load(folder: Path) -> list[Pin]:
    """Return the pins of a run; none where there is no file, or none that can be read."""
    try:
        found = json.loads((folder / NAME).read_text("utf-8"))
        return [Pin(str(pin["name"]), int(pin["step"]), str(pin["note"])) for pin in found["pins"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def save(folder: Path, pins: list[Pin]) -> None:
    """Keep the pins of a run; with none of them the file goes."""
    path = folder / NAME
    try:
        if not pins:
            path.unlink(missing_ok=True)
            return
        aside = path.with_name(f".{NAME}")
        aside.write_text(json.dumps({"pins": [asdict(pin) for pin in pins]}, ensure_ascii=False, indent=1), "utf-8")
        aside.replace(path)
    except OSError as error:
        hint = "Free some space in the home folder."
        raise StoreError(f"The pins could not be kept: {error.strerror}.", hint) from error
