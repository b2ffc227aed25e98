"""The SHA-256 of a file, taken beside the reading of its rows: it is a second of one core for a gigabyte."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from desktop.errors import AppError
from trainer_image.formats import UnreadableFileError
from trainer_image.formats.opening import open_regular

_BLOCK = 1 << 20


class FileHash:
    """A hash in the making, on a thread that holds up nobody: neither reading nor hashing needs the interpreter."""

    def __init__(self, path: Path) -> None:
        self._path, self._hex = path, ""
        self._error: OSError | UnreadableFileError | None = None
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def is_ready(self, seconds: float) -> bool:
        """Wait so long for it at most, and say whether it is there."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> str:
        """Return the hash in hexadecimal digits; AppError where the file could not be read to its end."""
        self._thread.join()
        if self._error is not None:
            raise AppError(f"{self._path.name} cannot be read to its end.", "Fetch or save it again.", "bad_data")
        return self._hex

    def stop(self) -> None:
        """Give it up; safe to call when it is done."""
        self._is_stopped.set()
        self._thread.join()

    def _work(self) -> None:
        made = hashlib.sha256()
        try:
            with open_regular(self._path) as file:
                while not self._is_stopped.is_set() and (block := file.read(_BLOCK)):
                    made.update(block)
        except (OSError, UnreadableFileError) as error:
            self._error = error
        self._hex = made.hexdigest()
