"""Keeps the history of a run's cards: once a second, a line in ``gpus.jsonl`` of its folder, app or no app.

The first line of each start names the cards and the columns; every other is ``[seconds since the epoch, card, ...]``
with a list for each card, or null for one that did not answer. Where somebody has set the clock, the first line comes
again and says in ``clock_set_s`` by how much: the times before are by the clock as it was.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

from trainer_image.cards.readings import COLUMNS, as_list, read_card
from trainer_image.cards.visible import Card
from trainer_image.contract import Clock, RunFolder

EVERY_S = 1.0


class Sampler:
    """A thread that asks the driver; where there are no cards it does nothing."""

    def __init__(self, folder: RunFolder, cards: Sequence[Card], every_s: float = EVERY_S) -> None:
        self._path = folder.gpus
        self._cards = tuple(cards)
        self._every_s = every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)
        if self._cards:
            self._thread.start()

    def stop(self) -> None:
        """End, after the line that is being written."""
        self._end.set()
        if self._cards:
            self._thread.join(2 * self._every_s)

    def _sample(self) -> None:
        try:
            import pynvml

            pynvml.nvmlInit()
        except ImportError:
            return
        except pynvml.NVMLError:
            return
        try:
            cards = [{"number": card.number, "name": card.name, "total": card.total_bytes} for card in self._cards]
            head, clock = {"cards": cards, "columns": list(COLUMNS)}, Clock()
            self._write(head)
            while not self._end.wait(self._every_s):
                if by := clock.set_by():
                    self._write({**head, "clock_set_s": round(by, 1)})
                self._write([round(time.time(), 1), *(self._read(pynvml, card) for card in self._cards)])
        except OSError:
            # A full disk is the trainer's to tell; without this history the run is none the worse.
            return

    def _read(self, pynvml: Any, card: Card) -> list[float | None] | None:
        try:
            return as_list(read_card(pynvml, pynvml.nvmlDeviceGetHandleByUUID(card.uuid), _is_ours))
        except pynvml.NVMLError:
            return None

    def _write(self, line: object) -> None:
        """Append a whole line with one call, so that a reader never sees a half."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(data)


def _is_ours(pid: int) -> bool:
    """Say whether a process belongs to this run: the launcher leads a session, and all of the trainer's are in it."""
    try:
        return os.getsid(pid) == os.getsid(0)
    except (ProcessLookupError, PermissionError):
        return False
