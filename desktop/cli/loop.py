"""The controllers under an event loop without a window."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer, SignalInstance

from desktop.controllers.assembly import Assembly, assemble
from desktop.errors import AppError
from desktop.paths import Home


class Interrupted(KeyboardInterrupt):
    """The user pressed Ctrl+C."""


@contextmanager
def assembled(home: Home) -> Iterator[Assembly]:
    """Give the controllers of a home, and clear up behind them."""
    application = QCoreApplication.instance() or QCoreApplication(sys.argv[:1])
    application.setApplicationName("tunedeck")
    assembly = assemble(home)
    crashes: list[BaseException] = []
    assembly.jobs.crashed.connect(crashes.append)
    try:
        yield assembly
    finally:
        leaves_build = assembly.close()
        if leaves_build:
            # Python would wait for the build's thread to end, for minutes; the engine gives up what nobody reads.
            print("tunedeck: the build was given up; the next start begins it again.", file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
    if crashes:
        raise crashes[0]


def wait_until(is_done: Callable[[], bool], *signals: SignalInstance) -> None:
    """Run the event loop until ``is_done``, asked whenever one of ``signals`` comes; Interrupted on Ctrl+C."""
    loop = QEventLoop()
    interrupted = False

    def look(*_: object) -> None:
        if interrupted or is_done():  # whoever pressed Ctrl+C before the loop ran is heard, too
            loop.quit()

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        loop.quit()

    before = signal.signal(signal.SIGINT, interrupt)
    awake = QTimer(interval=200)  # Python's signal handlers run between two lines of Python only
    awake.timeout.connect(look)
    awake.start()
    for one in signals:
        one.connect(look)
    try:
        if not is_done():
            loop.exec()
    finally:
        awake.stop()
        for one in signals:
            one.disconnect(look)
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise Interrupted


def call(start: Callable[[Callable[..., None], Callable[[AppError], None]], None]) -> object:
    """Call something that answers by callbacks and wait for it; return its result or raise its AppError."""
    outcome: list[object] = []
    start(lambda *result: outcome.append(result[0] if result else None), outcome.append)
    wait_until(lambda: bool(outcome))
    if isinstance(outcome[0], AppError):
        raise outcome[0]
    return outcome[0]


def load_runs(assembly: Assembly) -> None:
    """Read the runs, and let the engines say what became of the live ones; what waits is left alone for now."""
    assembly.runs.start_only([])
    looked: list[bool] = []
    assembly.runs.looked.connect(lambda: looked.append(True))
    assembly.runs.load()
    wait_until(lambda: bool(looked))
