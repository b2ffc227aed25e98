"""Looks after the cards of a running trainer: a container may lose them without anyone telling it.

After a reload of systemd's units an engine that keeps its cgroups through systemd forgets which devices its containers
may open. What has a card open goes on for a while; whoever opens it anew hears "Unknown Error".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from trainer_image.contract import Failed

LOOK_S = 10.0
TIMES = 2
"""So many looks in a row have to fail: a driver may be busy once."""


class Watchdog:
    """Asks the driver now and then, on a thread of its own: a card that fell off the bus may keep the answer."""

    def __init__(self, uuids: Sequence[str]) -> None:
        self._uuids = tuple(uuids)
        self._end = threading.Event()
        self.lost = ""
        """Why the cards cannot be used any more, in the driver's words; empty while they are there."""
        if self._uuids:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._end.set()

    def ask(self) -> str:
        """Look now; return why the cards are not there, or nothing."""
        return self.lost or (missing(self._uuids) if self._uuids else "")

    def _watch(self) -> None:
        failures = 0
        while not self._end.wait(LOOK_S):
            why = missing(self._uuids)
            failures = failures + 1 if why else 0
            if failures >= TIMES:
                self.lost = why
                return


def missing(uuids: Sequence[str]) -> str:
    """Open the driver anew and look for each card; return why one is not there, or nothing."""
    try:
        import pynvml
    except ImportError:
        return ""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return f"Failed to initialize NVML: {error}"
    try:
        for uuid in uuids:
            if why := _asked(pynvml, partial(pynvml.nvmlDeviceGetHandleByUUID, uuid)):
                return f"{uuid}: {why}"
        return ""
    finally:
        _asked(pynvml, pynvml.nvmlShutdown)


def _asked(pynvml: Any, question: Callable[[], object]) -> str:
    try:
        question()
    except pynvml.NVMLError as error:
        return str(error)
    return ""


def gpu_lost(why: str) -> Failed:
    """Return the end of a run whose cards went away; the app makes its container anew and resumes it."""
    return Failed(
        code="gpu_lost",
        sentence=f"The trainer lost its GPU. {why}",
        hint="Resume makes its container anew and goes on from the last checkpoint. If it happens again: a reload of "
        'systemd takes the cards away; "exec-opts": ["native.cgroupdriver=cgroupfs"] in Docker\'s daemon.json helps.',
    )
