"""A wish to see a run in the window: an open one takes it up within a second, else one is opened for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress

from desktop.controllers import keeper
from desktop.paths import PROJECT, Home

COMES_UP_S = 20.0
"""How long a window may take until it is seen to be open; meanwhile no second one is started."""


class Showing:
    """Brings the window of a home up at a run."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._started = float("-inf")

    def show(self, run_id: str, token: str = "") -> None:
        """Show a run; ``token`` is the desktop's leave for a window to come to the front. On a full disk nothing."""
        with suppress(OSError):
            ask(self._home, run_id)
            if keeper.has_window(self._home) or time.monotonic() - self._started < COMES_UP_S:
                return
            self._started = time.monotonic()
            open_window(self._home, token)


def ask(home: Home, run_id: str) -> None:
    """Leave word that a run is to be shown; the latest wish counts."""
    aside = home.path / f"show-run.{os.getpid()}"
    aside.write_text(run_id)
    aside.replace(home.path / "show-run")


def take(home: Home) -> str | None:
    """Return the id of the run that is to be shown, once; None where nobody asked."""
    path = home.path / "show-run"
    with suppress(OSError, UnicodeDecodeError):
        run_id = path.read_text().strip()
        path.unlink()
        return run_id or None
    return None


def open_window(home: Home, token: str = "") -> None:
    """Start the window as a program of its own, on the screen that the user has."""
    environment = keeper.with_screen(dict(os.environ))
    if token:
        environment["XDG_ACTIVATION_TOKEN"] = token
    with (home.path / "window.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "desktop", "--home", str(home.path)],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
