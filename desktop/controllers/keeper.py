"""The keeper: a small process of its own that starts what waits in the queue, whoever put it there and then left."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from desktop.paths import PROJECT, Home

PATIENCE_S = 3.0
"""So long it lets an open window start a run first, which can show what is being made ready."""


def ensure(home: Home) -> None:
    """Start the keeper of a home unless there is one; it ends by itself once nothing waits any more."""
    with only_one(home) as is_free:
        if not is_free:
            return
    with (home.path / "keeper.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "desktop", "--home", str(home.path), "queue", "run"],
            cwd=PROJECT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it outlives the window and the terminal
        )


@contextmanager
def only_one(home: Home) -> Iterator[bool]:
    """Be the keeper of a home; gives False where another process is. The kernel frees the place of one that died."""
    with (home.path / "keeper.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
