"""Where in the line of a row the fault lies, so that it can be marked for whoever mends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from trainer_image.formats import MARKS, RowProblem
from trainer_image.formats.shapes import TURN_COLUMNS

Span = tuple[int, int]
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s*")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_CHARACTER = re.compile(r"character (\d+)")
_TURN = re.compile(r"[Tt]urns? (\d+)(?: and (\d+))?")


def bad_spans(line: str, problem: RowProblem) -> list[Span]:
    """Return the parts of a line that a problem is about; none where it is the line as a whole."""
    if problem.kind == "broken_json":
        told = _CHARACTER.search(problem.sentence)
        at = min(int(told.group(1)) - 1, max(0, len(line) - 1)) if told else 0
        return [(at, min(len(line), at + 1))] if told and line else []
    start = len(line) - len(line.lstrip("\ufeff \t"))
    try:
        places = list(_places(line, start, problem))
    except (ValueError, StopIteration, IndexError, RecursionError):
        return []
    if problem.kind == "template_mark":
        marked = [
            (at, at + len(mark)) for mark in MARKS for begin, end in places if (at := line.find(mark, begin)) >= 0
        ]
        return marked or places
    return places


def _places(line: str, start: int, problem: RowProblem) -> Iterator[Span]:
    if problem.column:
        span = _descend(line, (start, len(line)), problem.column)
        if span is not None:
            yield span
        return
    turns = next((one for key, one in _members(line, start) if key in TURN_COLUMNS), None)
    if turns is None:
        return
    spans = [span for _, span in _elements(line, turns[0])]
    if problem.kind == "no_answer_at_end" and spans:
        yield spans[-1]
    elif told := _TURN.search(problem.sentence):
        yield from (spans[int(number) - 1] for number in told.groups() if number and int(number) <= len(spans))


def _descend(line: str, span: Span, path: str) -> Span | None:
    """Return where ``messages[2]`` or ``label.steps[1]`` stands; numbers count from 1."""
    at: Span | None = span
    for name, number in _STEP.findall(path):
        if at is None:
            return None
        if name:
            found = [value for key, value in _members(line, at[0]) if key == name]
        else:
            found = [value for place, value in _elements(line, at[0]) if place == int(number)]
        at = found[-1] if found else None
    return at


def _members(line: str, at: int) -> Iterator[tuple[str, Span]]:
    """Yield the members of the object that begins here, each with the place of its value."""
    if line[at] != "{":
        return
    at = _skip(line, at + 1)
    while line[at : at + 1] == '"':
        key, at = _DECODER.raw_decode(line, at)
        at = _skip(line, at)
        at = _skip(line, at + 1)
        end = _end_of_value(line, at)
        yield key, (at, end)
        at = _skip(line, end)
        at = _skip(line, at + 1)


def _elements(line: str, at: int) -> Iterator[tuple[int, Span]]:
    """Yield the elements of the list that begins here, counted from 1, each with its place."""
    if line[at] != "[":
        return
    at, number = _skip(line, at + 1), 0
    while line[at : at + 1] not in ("]", ""):
        number += 1
        end = _end_of_value(line, at)
        yield number, (at, end)
        at = _skip(line, end)
        at = _skip(line, at + 1) if line[at] == "," else at


def _end_of_value(line: str, at: int) -> int:
    _value: Any
    _value, end = _DECODER.raw_decode(line, at)
    return end


def _skip(line: str, at: int) -> int:
    found = _SPACE.match(line, at)
    return found.end() if found else at
