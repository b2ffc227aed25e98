"""The SHA-256 of a file, taken beside the reading of its rows: it is a second of one core for a gigabyte."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from desktop.errors import AppError
from trainer_image.formats import UnreadableFileError
from trainer_image.formats.opening import open_regular

_BLOCK = 1 << 20
_PROCESS_FROM = 64 << 20
_DIGITS = 64


class FileHash:
    """A hash in the making, on a thread that holds up nobody: neither reading nor hashing needs the interpreter.

    A large file is mapped into memory, which saves the tenth of the time that copying its bytes takes. Whoever does
    that is ended where another program cuts the file short, so it is done by a process that nobody would miss.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._hex = path, ""
        self._error: OSError | UnreadableFileError | None = None
        self._is_stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
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
        with self._lock:
            self._is_stopped.set()
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _work(self) -> None:
        try:
            with open_regular(self._path) as file:
                is_large = os.fstat(file.fileno()).st_size >= _PROCESS_FROM
                self._hex = (self._by_process(file) if is_large else "") or self._by_reading(file)
        except (OSError, UnreadableFileError) as error:
            self._error = error

    def _by_process(self, file: BinaryIO) -> str:
        """Return the hash, or nothing where the process could not be started or has not come to its end."""
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("hash_process.py"))]
        with self._lock:
            if self._is_stopped.is_set():
                return ""
            try:
                process = subprocess.Popen(program, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            except OSError:
                return ""
            self._process = process
        said, _ = process.communicate()
        is_whole = process.returncode == 0 and len(said) == _DIGITS
        return said.decode() if is_whole else ""

    def _by_reading(self, file: BinaryIO) -> str:
        made = hashlib.sha256()
        while not self._is_stopped.is_set() and (block := file.read(_BLOCK)):
            made.update(block)
        return made.hexdigest()
