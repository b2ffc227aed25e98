"""Folders of runs that are yet to come, in which a trainer stands ready.

Such a folder has no config, so it is no run. Whoever writes the config first has the trainer; who made the folder
holds a lock on its note, so that others know whether anybody still looks after it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from desktop.core.folders import is_locked
from desktop.errors import StoreError
from trainer_image.contract import Launch, RunConfig, RunFolder
from trainer_image.contract.standby import Standby, left_file, read_standby, waiting_file


class Reservation:
    """A folder that this app has made for a run to come."""

    def __init__(self, folder: Path, note: Standby, gpus: tuple[int, ...]) -> None:
        """Make it; StoreError where the disk will not have it."""
        self.files = RunFolder(folder)
        self.note = note
        now = datetime.now(UTC)
        launch = Launch(engine=note.engine, gpus=list(gpus), created=now, started=now)
        aside = folder / ".standby-new.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.files.launch.write_text(launch.model_dump_json(indent=2) + "\n")
            aside.write_text(note.model_dump_json(indent=2) + "\n")
            self._handle = os.open(aside, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.rename(waiting_file(self.files))
        except OSError as error:
            sentence = f"The folder {folder} cannot be written: {error.strerror}."
            raise StoreError(sentence, "Free some space, or choose another home with --home.") from error

    @property
    def is_claimed(self) -> bool:
        """Say whether a run has the folder by now."""
        return self.files.config.exists()

    def close(self) -> None:
        """Look after the folder no longer."""
        os.close(self._handle)


def waiting(runs: Path) -> list[tuple[RunFolder, Standby]]:
    """Return the folders in which a trainer stands ready, or is about to, and that no run has."""
    found = []
    for path in runs.glob(f"*/{waiting_file(RunFolder(Path())).name}"):
        files, note = RunFolder(path.parent), read_standby(path)
        # The log is the first that a trainer writes: from then on its body is there.
        if note is not None and files.log.exists() and not files.config.exists():
            found.append((files, note))
    return found


def claim(files: RunFolder, config: RunConfig) -> bool:
    """Make a folder in which a trainer stands ready the run's own; False where another was first, or it has left."""
    aside = files.path / f".config-{secrets.token_hex(4)}.json"
    try:
        aside.write_text(config.model_dump_json(indent=2) + "\n")
        os.link(aside, files.config)  # whole, or not at all where there is one
    except OSError:
        return False
    finally:
        with suppress(OSError):
            aside.unlink()
    if waiting_file(files).exists():
        return True
    # Whoever has ended the waiting looks for the config after that, so that one of the two sees the other.
    with suppress(OSError):
        files.config.unlink()
    return False


def abandoned(runs: Path) -> list[tuple[RunFolder, Standby]]:
    """Return the folders that were made for a run to come, that none has, and that nobody looks after any more."""
    found = []
    for folder in runs.iterdir():
        files = RunFolder(folder)
        for path in (waiting_file(files), left_file(files)):
            note = read_standby(path)
            if note is not None and not files.config.exists() and not is_locked(path):
                found.append((files, note))
                break
    return found
