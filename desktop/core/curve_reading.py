"""Reads a million steps out of an events file by Arrow, in a process of its own: for where curve_parts cannot do it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import json as arrow_json

from desktop.core.completions import KEPT
from desktop.core.curves import COLUMNS, TOLD, Curves, counts_from_its_step, load, numbers_of, save
from desktop.core.series import STEP_COLUMNS, Floats
from desktop.errors import StoreError
from trainer_image.contract import Step, read_event

_PART = 32 * 1024 * 1024
_PIECE = 64 * 1024
_STEP = b'"kind":"step"'
_KIND = re.compile(rb'"kind":"([a-z_]+)"')
_MAY_BE_NONE = ("loss", "grad_norm")
_SCHEMA = pa.schema([(name, pa.timestamp("us") if name == "time" else pa.float64()) for name in STEP_COLUMNS[:COLUMNS]])


def build(path: str) -> Generator[int, None, None]:
    """Bring the curves beside an events file up to date; says the bytes read on the way."""
    events_file = Path(path)
    reading = _Reading(load(events_file) or Curves())
    with events_file.open("rb") as file:
        file.seek(reading.offset)
        for part in _whole_lines(file):
            reading.take(part)
            yield reading.offset
    try:
        save(events_file, reading.result())
    except OSError as error:
        hint = "Free some space in the home folder."
        raise StoreError(f"The curves of the run could not be kept: {error.strerror}.", hint) from error


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """Return the lines that are whole, many at a time; what stands behind the last line break is being written."""
    while data := file.read(_PART):
        data += file.readline()
        if end := data.rfind(b"\n") + 1:
            yield data if end == len(data) else data[:end]


class _Reading:
    """Puts together what the parts of a file say."""

    def __init__(self, known: Curves) -> None:
        self.offset = known.offset
        self._rows = known.steps.shape[1]
        self._steps = [known.steps]
        self._metrics: list[tuple[int, Mapping[str, Floats]]] = [(self._rows, known.metrics)]
        self._lines: list[tuple[int, bytes]] = []
        self._answers: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._told: deque[tuple[int, bytes]] = deque(maxlen=TOLD)
        self._last_with: dict[str, tuple[int, bytes]] = {}
        self._stretch: list[memoryview | bytes] = []
        """Lines of steps that were not parsed yet."""
        self._ahead = 0
        """How many they are."""
        for place, line in zip(known.places.tolist(), known.lines, strict=True):
            self._sort_in(place, line)

    def _sort_in(self, place: int, line: bytes) -> None:
        if _STEP in line:
            self._told.append((place, line))
            event = read_event(line)
            if isinstance(event, Step):
                for name in event.metrics:
                    self._last_with[name] = (place, line)
        elif b'"kind":"completion"' in line:
            self._answers.append((place, line))
        else:
            if _counts_from_its_step(line) and self._told:
                self._lines.append(self._told[-1])
            self._lines.append((place, line))

    def take(self, data: bytes) -> None:
        """Take in whole lines."""
        self.offset += len(data)
        begin, view = 0, memoryview(data)
        while begin < len(data):
            end = data.find(b"\n", min(len(data) - 1, begin + _PIECE)) + 1
            steps = data.count(_STEP, begin, end)
            if data.count(b"\n", begin, end) == steps:
                self._stretch.append(view[begin:end])
                self._ahead += steps
            else:
                self._take_lines(data[begin:end])
            begin = end
        self._take_steps()

    def _take_lines(self, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            if _STEP in line:
                self._stretch.append(line)
                self._ahead += 1
            elif line.strip():
                if _counts_from_its_step(line):
                    self._take_steps()
                self._sort_in(self._rows + self._ahead, line.rstrip(b"\n"))

    def _take_steps(self) -> None:
        if not self._stretch:
            return
        data = b"".join(self._stretch)
        self._stretch, self._ahead = [], 0
        parsed = _parsed(data)
        if parsed is None:
            self._take_slowly(data)
            return
        steps, metrics = parsed
        first, self._rows = self._rows, self._rows + steps.shape[1]
        self._steps.append(steps)
        self._metrics.append((steps.shape[1], metrics))
        self._keep_told(data, first, metrics)

    def _keep_told(self, data: bytes, first: int, metrics: Mapping[str, Floats]) -> None:
        """Keep the last steps as they were said, and of every metric the last step that had it."""
        count = self._rows - first
        for place, line in _last_lines(data, min(TOLD, count), self._rows):
            self._told.append((place, line))
        for name, values in metrics.items():
            said = np.flatnonzero(np.isfinite(values))
            if not len(said):
                continue
            row = int(said[-1])
            if row >= count - TOLD:
                self._last_with[name] = self._told[row - count]
            else:
                self._last_with[name] = (first + row + 1, data.split(b"\n", row + 1)[row])

    def _take_slowly(self, data: bytes) -> None:
        """Read line by line what the fast reader could not: each line that is no step is kept as it is."""
        for line in data.splitlines():
            event = read_event(line)
            if not isinstance(event, Step):
                self._lines.append((self._rows, line))
                continue
            self._steps.append(np.array([numbers_of(event)], dtype=float).T)
            values = {name: np.array([np.nan if v is None else v]) for name, v in event.metrics.items()}
            self._metrics.append((1, values))
            self._rows += 1
            self._told.append((self._rows, line))
            for name in event.metrics:
                self._last_with[name] = (self._rows, line)
        # What was counted as a step and is none must not stand before those who came after it.
        self._lines = [(min(place, self._rows), line) for place, line in self._lines]
        self._answers = deque(((min(place, self._rows), line) for place, line in self._answers), KEPT)

    def result(self) -> Curves:
        """Return everything, the lines in the order in which they were said."""
        lines = sorted(
            {*self._lines, *self._answers, *self._told, *self._last_with.values()},
            key=lambda placed: (placed[0], _seq(placed[1])),
        )
        names = list(dict.fromkeys(name for _, metrics in self._metrics for name in metrics))
        columns = {name: np.full(self._rows, np.nan) for name in names}
        row = 0
        for count, metrics in self._metrics:
            for name, values in metrics.items():
                columns[name][row : row + count] = values
            row += count
        steps = np.concatenate(self._steps, axis=1)
        places = np.array([place for place, _ in lines], dtype=np.int64)
        return Curves(self.offset, steps, columns, tuple(line for _, line in lines), places)


def _counts_from_its_step(line: bytes) -> bool:
    kind = _KIND.search(line)
    return kind is not None and counts_from_its_step(kind[1].decode(), line)


def _parsed(data: bytes) -> tuple[Floats, dict[str, Floats]] | None:
    """Return the columns of steps and their metrics, or None where a line is not as every other."""
    options = arrow_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="infer")
    try:
        table = arrow_json.read_json(
            pa.BufferReader(data), arrow_json.ReadOptions(block_size=1 << 20), parse_options=options
        )
        metrics = _metrics(table.column("metrics")) if "metrics" in table.schema.names else {}
    except (pa.ArrowException, ValueError, TypeError):
        return None
    steps = np.empty((COLUMNS, table.num_rows))
    for index, name in enumerate(STEP_COLUMNS[:COLUMNS]):
        column = table.column(name)
        if column.null_count and name not in _MAY_BE_NONE:
            return None
        if name == "time":
            steps[index] = column.cast(pa.int64()).to_numpy() / 1e6
        else:
            steps[index] = column.to_numpy()
    return steps, metrics


def _metrics(column: pa.ChunkedArray) -> dict[str, Floats]:
    if not pa.types.is_struct(column.type):
        return {}
    found: dict[str, Floats] = {}
    for field, values in zip(column.type, column.flatten(), strict=True):
        numbers = values.cast(pa.float64()).to_numpy()
        if np.isfinite(numbers).any():
            found[field.name] = numbers
    return found


def _last_lines(data: bytes, count: int, rows: int) -> list[tuple[int, bytes]]:
    begin = len(data) - 1
    for _ in range(count):
        begin = data.rfind(b"\n", 0, begin)
    lines = data[begin + 1 :].splitlines()
    return [(rows - count + 1 + index, line) for index, line in enumerate(lines)]


def _seq(line: bytes) -> int:
    """Return the number of an event, which only orders what was said between the same two steps."""
    digits = line[:32].removeprefix(b'{"seq":').partition(b",")[0]
    return int(digits) if digits.isdigit() else 0
