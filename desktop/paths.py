"""Where Tunedeck keeps things: one home folder, and the names inside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
"""The folder that holds desktop/, trainer_image/ and Dockerfile.trainer."""

EXAMPLE_DATASET = HERE / "example" / "sea_captain.jsonl"


@dataclass(frozen=True)
class Home:
    """The state folder: database, run folders, models and caches."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "tunedeck.sqlite3"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def chats(self) -> Path:
        return self.path / "chats"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def datasets(self) -> Path:
        """The files of datasets that we made or fetched; the user's own stay where they lie."""
        return self.path / "datasets"

    @property
    def caches(self) -> Path:
        return self.path / "caches"

    @property
    def trainer_environment(self) -> Path:
        """The virtual environment of the process engine."""
        return self.path / "trainer-venv"

    @property
    def window_settings(self) -> Path:
        return self.path / "window.ini"

    def make(self) -> None:
        """Create the folders that are missing; safe to call twice."""
        for folder in (self.runs, self.chats, self.models, self.datasets, self.caches):
            folder.mkdir(parents=True, exist_ok=True)


def find_home(explicit: str | None = None) -> Home:
    """Return the home folder: ``explicit``, else TUNEDECK_HOME, else the user's data folder."""
    chosen = explicit or os.environ.get("TUNEDECK_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().resolve())
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Home(Path(data).expanduser().resolve() / "tunedeck")
