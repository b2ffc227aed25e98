"""A limit of time for the user's own function, so that an endless loop in it has a line instead of a silence."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeUpError(BaseException):
    """The time is up; no Exception, so that the user's own except does not take it for one of theirs."""


AGAIN_S = 1.0
"""It is raised again after so long: a bare except in the loop that does not end would swallow it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeUpError where the block takes longer; outside of the main thread there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeUpError

    former = signal.signal(signal.SIGALRM, end)
    waiting = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, *waiting)
