"""The image that a run starts from where it is not simply the one in use: its id, in the run's folder."""

from __future__ import annotations

from pathlib import Path

from desktop.errors import EngineError

NAME = ".image"


def name_image(folder: Path, image: str) -> None:
    """Let every start of the run in this folder, the first and each resume, go from the image with this id."""
    try:
        (folder / NAME).write_text(f"{image}\n")
    except OSError as error:
        raise EngineError(f"{folder / NAME} cannot be written: {error.strerror}.", "Free some space.") from error


def named_image(folder: Path) -> str:
    """Return the id of the image that a run is to start from; empty for the one in use."""
    try:
        return (folder / NAME).read_text().strip()
    except (OSError, ValueError):
        return ""
