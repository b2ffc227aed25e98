"""Runs a program whose lines are heard as they come, and that can be given up in between."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

LOOK_S = 0.5


def follow(
    command: Sequence[str],
    environment: Mapping[str, str],
    hear: Callable[[str], None] = lambda _: None,
    look: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Run a program to its end and return its exit code and its lines, of both outputs.

    ``hear`` gets each line; ``look`` is called whenever half a second has passed without one. What either of
    them raises ends the program.
    """
    lines = list[str]()
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",  # names of files and answers of servers come in any encoding
        env=dict(environment),
    ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=_read, args=(process.stdout, said), daemon=True)
        reader.start()
        try:
            while (line := _next(said, look)) is not None:
                lines.append(line)
                hear(line)
        except BaseException:
            process.kill()
            raise
        finally:
            reader.join()
    return process.returncode, lines


def _read(output: IO[str], said: queue.SimpleQueue[str | None]) -> None:
    try:
        for line in output:
            said.put(line.rstrip())
    finally:  # who listens would wait for ever
        said.put(None)


def _next(said: queue.SimpleQueue[str | None], look: Callable[[], None]) -> str | None:
    while True:
        try:
            return said.get(timeout=LOOK_S)
        except queue.Empty:
            look()
