"""The history of a run's cards, as its trainer keeps it: read as it grows, in columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desktop.core.run_log import LineTail

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CardLine:
    """A card of the history; its memory in bytes."""

    number: int
    name: str
    total_bytes: int


class GpuHistory:
    """Times and readings of every card; NaN where a card did not know, or was not there."""

    def __init__(self, path: Path) -> None:
        self._tail = LineTail(path)
        self._columns: tuple[str, ...] = ()
        self._order: tuple[int, ...] = ()
        """The numbers of the cards in the lines that come."""
        self._count = 0
        self._times: Floats = np.empty(0)
        self._values: dict[tuple[int, str], Floats] = {}
        self.cards: dict[int, CardLine] = {}
        """By the machine's number of the card."""

    def __len__(self) -> int:
        return self._count

    @property
    def times(self) -> Floats:
        """Seconds since the epoch by the clock as it is now, a number for each line."""
        return self._times[: self._count]

    def column(self, card: int, name: str) -> Floats:
        """Return one reading of one card, as long as ``times``: load_percent, used_mib, temperature_c and so on."""
        values = self._values.get((card, name))
        return np.full(self._count, np.nan) if values is None else values[: self._count]

    def poll(self) -> bool:
        """Take in what is new; return whether there was something."""
        before = self._count
        while lines := self._tail.poll():
            block: list[bytes] = []
            for line in lines:
                if line.startswith(b"{"):
                    self._take(block)
                    block = []
                    self._begin(line)
                else:
                    block.append(line)
            self._take(block)
        return self._count > before

    def _begin(self, line: bytes) -> None:
        """A trainer has come up, and may have been given other cards; or somebody has set the clock."""
        try:
            head = json.loads(line)
            cards = [CardLine(int(card["number"]), str(card["name"]), int(card["total"])) for card in head["cards"]]
            self._columns = tuple(str(name) for name in head["columns"])
            # Not in place: what is drawn of the times before stays as it is.
            self._times = self._times + float(head.get("clock_set_s", 0.0))
        except (ValueError, KeyError, TypeError):
            self._order = ()  # what follows cannot be told apart
            return
        self._order = tuple(card.number for card in cards)
        self.cards |= {card.number: card for card in cards}

    def _take(self, lines: list[bytes]) -> None:
        if not lines or not self._order:
            return
        rows = _parse(lines, len(self._order), len(self._columns))
        self._grow(len(rows))
        end = self._count + len(rows)
        self._times[self._count : end] = rows[:, 0]
        for at, card in enumerate(self._order):
            for offset, name in enumerate(self._columns):
                self._values[card, name][self._count : end] = rows[:, 1 + at * len(self._columns) + offset]
        self._count = end

    def _grow(self, more: int) -> None:
        wanted = self._count + more
        if wanted > len(self._times):
            size = max(wanted, 2 * len(self._times), 1024)
            self._times = _longer(self._times, size)
            self._values = {key: _longer(values, size) for key, values in self._values.items()}
        for card in self._order:
            for name in self._columns:
                self._values.setdefault((card, name), np.full(len(self._times), np.nan))


def _parse(lines: list[bytes], cards: int, columns: int) -> Floats:
    """Return a row for each line that is whole: the time, then the readings of each card one after the other."""
    width = 1 + cards * columns
    # One long list of numbers is parsed many times faster than a list of lists, where every line has them all.
    if all(line.count(b",") == width - 1 for line in lines):
        text = b",".join(lines).translate(None, b"[]").replace(b"null", b"NaN")
        try:
            return np.array(json.loads(b"[" + text + b"]"), dtype=np.float64).reshape(len(lines), width)
        except (ValueError, TypeError):
            pass
    silent = [float("nan")] * columns
    rows: list[list[float]] = []
    for parsed in _load(lines):
        if not isinstance(parsed, list) or len(parsed) != cards + 1:
            continue
        row = [parsed[0]]
        for card in parsed[1:]:
            row += card if isinstance(card, list) and len(card) == columns else silent
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _load(lines: list[bytes]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line.replace(b"null", b"NaN"))
        except ValueError:
            continue


def _longer(values: Floats, size: int) -> Floats:
    longer = np.full(size, np.nan)
    longer[: len(values)] = values
    return longer
