"""The keeper: a small process that does what an open window would, for runs whose window is closed or was killed.

It starts what waits in the queue, brings back runs that lost their cards, watches for stalls and heat, and tells the
desktop how runs end. While a window is open it stands by and does nothing at all.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from desktop.controllers.assembly import Assembly
from desktop.controllers.desktop_words import DesktopWords
from desktop.core.queue import PROCESSOR, lanes
from desktop.core.run import Run, RunState
from desktop.paths import PROJECT, Home

PATIENCE_S = 3.0
"""So long it lets an open window start a run first, which can show what is being made ready."""
PLATFORM, SCREEN = "QT_QPA_PLATFORM", "TUNEDECK_SCREEN"
"""What tells Qt where to draw, and where it is kept for a window that this process may open."""
LOOK_S = 0.5
"""How often a keeper that stands by looks whether a window is still open."""


def ensure(home: Home) -> bool:
    """Start the keeper of a home unless there is one, and return whether it was; it ends once nothing is left to do.

    On a full disk, or one without locks, there is none; who needs one may ask again.
    """
    try:
        with only_one(home) as is_free:
            if not is_free:
                return False
        with (home.path / "keeper.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, "-m", "desktop", "--home", str(home.path), "queue", "run"],
                cwd=PROJECT,
                env=without_screen(dict(os.environ)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it outlives the window and the terminal
            )
    except OSError:
        return False
    return True


def without_screen(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which nothing is drawn, and which remembers where it would be."""
    kept = environment.get(SCREEN, environment.get(PLATFORM, ""))
    return {**environment, PLATFORM: "offscreen", SCREEN: kept}


def with_screen(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment of a program that draws where the user sees it."""
    kept = environment.get(SCREEN, environment.get(PLATFORM, ""))
    rest = {name: value for name, value in environment.items() if name not in (PLATFORM, SCREEN)}
    return {**rest, PLATFORM: kept} if kept else rest


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


@contextmanager
def window_open(home: Home) -> Iterator[None]:
    """Let the keeper know that a window is open; several may be, and the kernel ends it for one that died."""
    with ExitStack() as held:
        with suppress(OSError):  # no keeper comes up there either
            file = held.enter_context((home.path / "window.lock").open("w"))
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def has_window(home: Home) -> bool:
    """Say whether a window is open on a home."""
    with (home.path / "window.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def stand_by(home: Home) -> None:
    """Wait until no window is open."""
    while has_window(home):
        time.sleep(LOOK_S)


def has_work(assembly: Assembly, words: DesktopWords) -> bool:
    """Say whether a keeper is needed: something waits, is to be brought back, or lives and may need somebody."""
    runs = assembly.runs
    known = runs.all()
    if any(run.state is RunState.FAILED and runs.goes_on_by_itself(run.id) for run in known):
        return True
    if runs.queue.has_prospects:
        return True
    live = [run for run in known if run.state.is_live]
    return any(_may_need_somebody(assembly, run, words) for run in live)


def _may_need_somebody(assembly: Assembly, run: Run, words: DesktopWords) -> bool:
    is_on_card = PROCESSOR not in lanes(run.config, assembly.machine.gpu_indices)
    return is_on_card or assembly.troubles.reaction("stall") != "tell" or words.may_be_heard
