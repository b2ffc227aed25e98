"""Usable rows of a dataset as lines of JSONL that read back to the same examples."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from desktop.core.dataset.sources import facts_of_file, rows_of_file
from desktop.errors import AppError
from trainer_image.formats import (
    FEEDS,
    Example,
    Kind,
    Labelled,
    Made,
    Message,
    Preference,
    RankMeaning,
    ReadOptions,
    Row,
    RowProblem,
    Shape,
    Steps,
    convert,
    mapped,
    survey,
)
from trainer_image.formats.opening import HEAD, open_regular
from trainer_image.formats.shapes import CHECKS, KNOWN_COLUMNS, RANKS

_HAVE_NO_ANSWER: frozenset[Shape] = frozenset(("preference", "labelled", "ranking"))
"""As tasks they are questions alone, which no file can hold by itself."""


@dataclass(frozen=True)
class Source:
    """A version's file, and how it is read."""

    path: Path
    read: ReadOptions
    mapping: Mapping[str, str] | None
    shape: Shape
    rows: int
    rows_total: int

    @property
    def kind(self) -> Kind:
        """What rows of this shape are meant for, which is what they were counted as."""
        return FEEDS[self.shape][0]


@dataclass(frozen=True)
class Usable:
    """One row that can be used."""

    number: int
    value: Mapping[str, Any]
    """Its columns under our names."""
    row: Row


def usable_rows(source: Source) -> Iterator[Usable]:
    """Yield the rows of a file that make examples; those that cannot be used are passed over."""
    meaning = meaning_of(source)
    all_are_good = source.rows == source.rows_total
    for item in rows_of_file(source.path, source.read):
        if isinstance(item, RowProblem):
            continue
        row = mapped(item, source.mapping) if source.mapping else item
        if all_are_good or not any(
            isinstance(one, RowProblem) for one in convert(row, source.shape, source.kind, meaning)
        ):
            yield Usable(row.number, spelled_out(row.value, source.shape, meaning), row)


def usable_lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each row that can be used, and its line of JSONL; lines that are so already, as they are."""
    if not _has_lines(source):
        yield from ((usable.number, line_of(usable.value)) for usable in usable_rows(source))
        return
    with open_regular(source.path) as file:
        number = 0
        for line in file:
            if not line.isspace():
                number += 1
                yield number, line.rstrip(b"\r\n") + b"\n"


def _has_lines(source: Source) -> bool:
    """Say whether every line of a file is a usable row as it stands: then none has to be taken apart."""
    if source.mapping or source.shape == "ranking" or source.rows != source.rows_total:
        return False
    with open_regular(source.path) as file:
        head = file.read(HEAD)
    if head.lstrip()[:1] != b"{" or b"\n" not in head:
        return False
    form, facts = facts_of_file(source.path, source.read)
    return form == "jsonl" and facts.encoding == "utf-8"


def meaning_of(source: Source) -> RankMeaning:
    """Return how the rankings of a file are meant, which its rows decide together."""
    if source.shape != "ranking":
        return "ranks"
    return survey(rows_of_file(source.path, source.read), source.mapping).ranks.meaning


def spelled_out(value: Mapping[str, Any], shape: Shape, meaning: RankMeaning) -> Mapping[str, Any]:
    """Return a row whose ranking says itself how it is meant: a few rows of a file may not be enough to tell."""
    column = next((name for name in RANKS if name in value), None)
    if shape != "ranking" or "responses" not in value or column in (None, "scores"):
        return value
    rest = {name: cell for name, cell in value.items() if name not in RANKS}
    return {**rest, ("ranks" if meaning == "ranks" else "order"): value[column]}


def examples_of_row(usable: Usable, source: Source, kind: Kind, meaning: RankMeaning) -> list[Made]:
    """Return what a row makes for a kind; nothing where it has no use for it."""
    return [made for made in convert(usable.row, source.shape, kind, meaning) if isinstance(made, Made)]


def plain_row(made: Made) -> dict[str, Any]:
    """Return a row of our own that makes this example and no other."""
    if isinstance(made, Example):
        if made.text:
            return {"text": made.text}
        tools = {"tools": list(made.tools)} if made.tools else {}
        return {"messages": _turns(made.messages), **tools}
    prompt = {"prompt": _turns(made.prompt)}
    if isinstance(made, Preference):
        return {**prompt, "chosen": _turns(made.chosen), "rejected": _turns(made.rejected)}
    if isinstance(made, Labelled):
        return {**prompt, "completion": _turns(made.completion), "label": made.label}
    if isinstance(made, Steps):
        return {**prompt, "completions": list(made.steps), "labels": list(made.labels)}
    others = {name: cell for name, cell in made.fields.items() if name in CHECKS or name not in KNOWN_COLUMNS}
    return {**others, **prompt, **({"answer": made.answer} if made.answer else {})}


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [message.as_turn() for message in messages]


def line_of(value: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSONL."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_json)
    except ValueError:  # a table may hold a number that is none, which JSON does not know
        text = json.dumps(_without_nan(value), ensure_ascii=False, default=_as_json)
    return text.encode() + b"\n"


def _as_json(value: Any) -> Any:
    """Return what Parquet holds and JSON does not know as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _without_nan(cell) for name, cell in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(cell) for cell in value]
    return value


def common_kind(shapes: Mapping[str, Shape]) -> Kind | None:
    """Return what rows of several shapes can all be made into; None where they are alike and stay as they are."""
    (first_name, first), *others = shapes.items()
    if all(shape == first for _, shape in others):
        return None
    kinds = [kind for kind in FEEDS[first] if all(kind in FEEDS[shape] for _, shape in others)]
    if not _HAVE_NO_ANSWER.isdisjoint(shapes.values()):
        kinds = [kind for kind in kinds if kind != "task"]
    # A text that stands for itself and a conversation are learned in different ways.
    if not kinds or "text" in shapes.values():
        name, shape = next((name, shape) for name, shape in others if shape != first)
        raise AppError(
            f"{first_name} ({first}) and {name} ({shape}) hold rows that cannot be put into one dataset.",
            "Merge datasets that one method can learn from.",
            "bad_data",
        )
    return kinds[0]
