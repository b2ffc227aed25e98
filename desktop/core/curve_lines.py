"""What the parts of an events file say put together: the columns of all steps, and the lines that are kept."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from desktop.core.completions import KEPT
from desktop.core.curves import COLUMNS, TOLD, Curves, counts_from_its_step, numbers_of
from desktop.core.series import Floats
from desktop.core.step_columns import COMPLETION, StepLines
from trainer_image.contract import Completion, Step, read_event

_ORDINARY = re.compile(rb'\{"seq":\d+,"time":"[^"\\]*","kind":"(?!step")([a-z_]+)"')
MOST_STRANGE = 4000
"""With more lines than that which only Python can read, a process of its own had better read them."""

Line = tuple[int, int, bytes]
"""Where a line stands in the file, how many steps there are up to it, itself included, and what it says."""


class NotOrdinary(Exception):
    """The events are not as our trainer writes them, and have to be read another way."""


@dataclass
class Part:
    """What some bytes of the file say; steps are counted from its own beginning."""

    steps: Floats
    metrics: dict[str, Floats]
    strange: int = 0
    """How many lines only Python could read."""
    lines: list[Line] = field(default_factory=list)
    """Those that are neither steps nor answers, and the step before each that counts from it."""
    answers: list[Line] = field(default_factory=list)
    told: list[Line] = field(default_factory=list)
    """The last steps."""
    last_with: dict[str, Line] = field(default_factory=dict)
    """The last step that says a metric."""
    looks_back: bool = False
    """A line before the first of the steps counts from the step before this part."""


@dataclass(frozen=True)
class _OddStep:
    """A step that only Python could read."""

    row: int
    """How many of the others come before it."""
    begin: int
    end: int
    step: Step


def part_of(found: StepLines, text_of: Callable[[int, int], bytes]) -> Part:
    """Return what lines say; ``text_of`` reads what stands in the file between two bytes.

    Raises NotOrdinary where Python would have to read too many of them.
    """
    part, odd = Part(found.columns, found.metrics), list[_OddStep]()
    spans, said = found.spans, found.said
    others: list[tuple[int, int, bytes, str]] = []
    looked_at = _worth_a_look(found.others)
    at_hand = _steps_at_hand(found, looked_at)
    for first, last, row, what, text, _ in looked_at.tolist():
        line = found.texts[text : text + last - first].tobytes()
        if what == COMPLETION:
            others.append((first, row, line, "completion"))
        elif ordinary := _ORDINARY.match(line):
            others.append((first, row, line, ordinary[1].decode()))
        else:
            part.strange += 1
            if part.strange > MOST_STRANGE:
                raise NotOrdinary
            event = read_event(line)
            if isinstance(event, Step):
                odd.append(_OddStep(row, first, last, event))
                at_hand[first] = line
            else:
                others.append((first, row, line, event.kind))
    if odd:
        spans, said = _put_in(part, odd, spans, said)

    rows = part.steps.shape[1]
    tail = int(spans[max(0, rows - TOLD), 0]) if rows else 0
    latest = text_of(tail, int(spans[-1, 1])) if rows else b""

    @cache
    def step(row: int) -> Line:
        first, last = spans[row].tolist()
        if first >= tail:
            return first, row + 1, latest[first - tail : last - tail]
        return first, row + 1, at_hand.get(first) or text_of(first, last)

    odd_begins = [one.begin for one in odd]
    for first, row, line, kind in others:
        place = row + bisect_left(odd_begins, first)
        if counts_from_its_step(kind, line):
            part.looks_back |= place == 0
            part.lines += [step(place - 1)] if place else []
        (part.answers if kind == "completion" else part.lines).append((first, place, line))
    part.told = [step(row) for row in range(max(0, rows - TOLD), rows)]
    part.last_with = {name: step(last) for name, (_, last) in said.items()}
    return part


def _steps_at_hand(found: StepLines, others: NDArray[np.int64]) -> dict[int, bytes]:
    """Return the steps before other lines that were kept with these, by where they begin."""
    kept = others[others[:, 5] >= 0]
    spans, texts = found.spans[kept[:, 2] - 1], kept[:, 5]
    return {
        first: found.texts[text : text + last - first].tobytes()
        for (first, last), text in zip(spans.tolist(), texts.tolist(), strict=True)
    }


def _worth_a_look(others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out the answers that are not among the latest."""
    answers = np.flatnonzero(others[:, 3] == COMPLETION)
    return np.delete(others, answers[:-KEPT], axis=0) if len(answers) > KEPT else others


def _put_in(
    part: Part, odd: list[_OddStep], spans: NDArray[np.int64], said: dict[str, tuple[int, int]]
) -> tuple[NDArray[np.int64], dict[str, tuple[int, int]]]:
    """Put in the steps that Python has read; return where all steps stand, and who says each metric."""
    rows = [one.row for one in odd]
    part.steps = np.insert(part.steps, rows, np.array([numbers_of(one.step) for one in odd], dtype=float).T, axis=1)
    spans = np.insert(spans, rows, [(one.begin, one.end) for one in odd], axis=0)
    said = {
        name: (first + bisect_right(rows, first), last + bisect_right(rows, last))
        for name, (first, last) in said.items()
    }
    places = {name: (first, place) for place, (name, (first, _)) in enumerate(said.items())}
    for number, one in enumerate(odd):
        row = one.row + number
        for place, name in enumerate(one.step.metrics):
            first, last = said.get(name, (row, row))
            said[name] = min(first, row), max(last, row)
            places[name] = min(places.get(name, (row, place)), (row, place))
    said = {name: said[name] for name in sorted(said, key=places.__getitem__)}
    gap = np.full(part.steps.shape[1] - len(odd), np.nan)
    metrics = part.metrics
    part.metrics = {}
    for name in said:
        values = [one.step.metrics.get(name) for one in odd]
        numbers = [np.nan if value is None else value for value in values]
        part.metrics[name] = np.insert(metrics.get(name, gap), rows, numbers)
    return spans, said


class Kept:
    """What is known of a run, part after part, beginning with what was kept of it."""

    def __init__(self, known: Curves) -> None:
        self._rows = self._room = known.steps.shape[1]
        self._steps = known.steps
        self._metrics = dict(known.metrics)
        self._strange = 0
        self._lines: dict[int, tuple[int, bytes]] = {}
        self._answers: deque[Line] = deque(maxlen=KEPT)
        self._told: deque[Line] = deque(maxlen=TOLD)
        self._last_with: dict[str, Line] = {}
        for where, (place, text) in enumerate(zip(known.places.tolist(), known.lines, strict=True), -len(known.lines)):
            self._sort_in((where, place, text))

    def _sort_in(self, line: Line) -> None:
        match event := read_event(line[2]):
            case Step():
                self._told.append(line)
                self._last_with.update(dict.fromkeys(event.metrics, line))
            case Completion():
                self._answers.append(line)
            case _:
                if counts_from_its_step(event.kind, line[2]) and self._told:
                    self._keep([self._told[-1]])
                self._keep([line])

    def _keep(self, lines: Iterable[Line]) -> None:
        self._lines.update({where: (place, text) for where, place, text in lines})

    def add(self, part: Part, share: float) -> None:
        """Take in what comes next, which makes it such a share of all that is to come.

        Raises NotOrdinary where Python has read too many lines of it all.
        """
        before, more = self._rows, part.steps.shape[1]
        self._strange += part.strange
        if self._strange > MOST_STRANGE:
            raise NotOrdinary

        def counted(line: Line) -> Line:
            return line[0], before + line[1], line[2]

        if part.looks_back and self._told:
            self._keep([self._told[-1]])
        self._keep(map(counted, part.lines))
        self._answers.extend(map(counted, part.answers))
        self._told.extend(map(counted, part.told))
        self._last_with.update({name: counted(line) for name, line in part.last_with.items()})
        if before + more > self._room:
            self._make_room(max(int(1.05 * (before + more / share)), before + before // 2 + more))
        self._rows += more
        self._steps[:, before : self._rows] = part.steps
        for name in part.metrics:
            if name not in self._metrics:
                self._metrics[name] = np.empty(self._room)
                self._metrics[name][:before] = np.nan
        for name, column in self._metrics.items():
            column[before : self._rows] = part.metrics.get(name, np.nan)

    def _make_room(self, room: int) -> None:
        """Take room for so many steps; it costs nothing before they come."""
        steps, self._steps = self._steps, np.empty((COLUMNS, room))
        self._steps[:, : self._rows] = steps[:, : self._rows]
        for name, column in self._metrics.items():
            self._metrics[name] = np.empty(room)
            self._metrics[name][: self._rows] = column[: self._rows]
        self._room = room

    def result(self, offset: int) -> Curves:
        """Return everything that is known, which is what the first ``offset`` bytes of the file say."""
        self._keep([*self._answers, *self._told, *self._last_with.values()])
        lines = [line for _, line in sorted(self._lines.items())]
        metrics = {name: column[: self._rows] for name, column in self._metrics.items()}
        places = np.array([place for place, _ in lines], dtype=np.int64)
        return Curves(offset, self._steps[:, : self._rows], metrics, tuple(text for _, text in lines), places)
