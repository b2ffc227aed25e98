"""The quick way for rows of any format: written as lines of JSON, by the hundred, they are taken apart as JSONL is."""

from __future__ import annotations

import json
from json.encoder import encode_basestring

import numpy as np

from desktop.core.dataset.lines import Lines
from desktop.core.dataset.skeletons import Skeletons
from desktop.core.dataset.tally import Tally
from trainer_image.formats import Row, RowProblem

_MOST_ROWS = 1000
_MOST_BYTES = 1 << 20
_TRIED = 4000
_WORTH_IT = 0.3
"""Where fewer than this share of so many rows can go the quick way, it costs more than it saves."""


class Batches:
    """Counts rows in their order as far as the order matters, and otherwise many at once."""

    def __init__(self, tally: Tally, skeletons: Skeletons, is_quick: bool) -> None:
        self._tally, self._skeletons, self._is_quick = tally, skeletons, is_quick
        self._waiting: list[Row] = []
        self._numbers: list[int] = []
        self._written: list[bytes] = []
        self._bytes = self._rows = self._tried = self._taken = 0

    def add(self, item: Row | RowProblem) -> None:
        """Take in the next row."""
        self._rows += 1
        self._tally.meet(item, self._rows)
        written = _written(item) if self._is_quick and isinstance(item, Row) and not item.taken else None
        if written is None or not isinstance(item, Row):
            # Those before it come first, so that what is kept of rows is kept in their order.
            self.close()
            self._tally.count(item)
            return
        self._waiting.append(item)
        self._numbers.append(self._rows)
        self._written.append(written)
        self._bytes += len(written)
        if len(self._waiting) == _MOST_ROWS or self._bytes > _MOST_BYTES:
            self.close()

    def close(self) -> None:
        """Count the rows that wait."""
        if not self._waiting:
            return
        data = b"".join(self._written)
        lines = Lines(0, data, len(data))
        left = np.ones(len(lines), bool)
        places = np.array([item.line for item in self._waiting], np.intp)
        numbers = np.array(self._numbers, np.intp)
        group = self._skeletons.take(lines)
        if group is not None:
            left[group.places] = False
            self._tally.add_group(numbers[group.places], places[group.places], group)
        for place in np.flatnonzero(left).tolist():
            self._tally.count(self._waiting[place])
        self._tried += len(lines)
        self._taken += len(lines) - int(np.count_nonzero(left))
        if self._tried >= _TRIED and self._taken < self._tried * _WORTH_IT:
            self._is_quick = False
        self._waiting, self._numbers, self._written, self._bytes = [], [], [], 0


def _written(row: Row) -> bytes | None:
    """Return a row as a line of JSON, or None where it holds what JSON does not."""
    try:
        if all(type(cell) is str for cell in row.value.values()):
            # As the rows of tables are, for which this is four times as fast.
            cells = ", ".join(
                [f"{encode_basestring(name)}: {encode_basestring(row.value[name])}" for name in row.value]
            )
            return f"{{{cells}}}\n".encode("utf-8", "surrogatepass")
        return json.dumps(row.value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"
    except (TypeError, ValueError, RecursionError):
        return None
