"""The knobs of a preset as they come together, and the words for why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from desktop.core.auto_memory import GIB, Machine, Room, find_room
from desktop.core.models import KnownModel, size_words
from desktop.core.packing import is_packed, sequences
from desktop.core.presets import PresetKey
from trainer_image.contract import LEAST_ROWS, Method


@dataclass(frozen=True)
class DataFacts:
    """What is known of the rows; no lengths means that nobody has counted them yet."""

    rows: int | None = None
    lengths: Sequence[int] = ()
    """Tokens of the rows, or of a fair sample of them; of prompts alone where the method writes the answers."""
    longest: int | None = None
    """Tokens that no row exceeds, as "Will it fit?" counts them."""

    def length_of(self, share: float) -> int | None:
        """Return the length that this share of the rows does not exceed."""
        if not len(self.lengths):
            return None
        ordered = sorted(self.lengths)
        return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]

    def share_within(self, length: int) -> float:
        return sum(one <= length for one in self.lengths) / max(1, len(self.lengths))


@dataclass(frozen=True)
class Reason:
    """One choice in words, and the knob where it can be changed."""

    knob: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.what}, because {self.why}" if self.why else self.what


@dataclass(frozen=True)
class Chosen:
    """A preset worked out: every knob that it sets, and why; what matters most first."""

    preset: PresetKey
    values: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    fits: bool = True
    guess_s: float | None = None
    """How long the run may well take, where the reasons say so; nothing was measured for it."""

    @property
    def sentence(self) -> str:
        """All of it in one or two lines."""
        return "; ".join(map(str, self.reasons)) + "."


@dataclass
class Draft:
    """The knobs as they come together."""

    preset: PresetKey
    machine: Machine
    model: KnownModel
    data: DataFacts
    kept: Mapping[str, Any]
    values: dict[str, Any]
    reasons: list[Reason] = field(default_factory=list)
    room: Room = field(default_factory=lambda: Room("none", 1, 0, 0))
    guess_s: float | None = None
    """Seconds that the run may well take, where a reason says so."""

    @property
    def method(self) -> Method:
        method: Method = self.kept["method"]
        return method

    @property
    def least(self) -> int:
        return LEAST_ROWS.get(self.method, 1)

    def tried(self, *, may_split: bool = True, **knobs: Any) -> Room:
        """Return how these knobs would go into the machine."""
        values = {**self.values, **self.kept, **knobs}
        return find_room(values, self.model, self.machine, may_split=may_split)

    @property
    def sequences(self) -> int | None:
        """What a step counts: the rows, or where they are packed the sequences that they fill; None is not known."""
        rows, values = self.data.rows, {**self.values, **self.kept}
        if rows is None or not is_packed(values) or not len(self.data.lengths):
            return rows
        return sequences(rows, self.data.lengths, values["max_length"], is_cut=self.method != "pretrain")

    def as_it_runs(self, **knobs: Any) -> Room:
        """Return the same as "Will it fit?" tells it: no row counts as longer than it is."""
        longest, values = self.data.longest, {**self.values, **self.kept, **knobs}
        if longest is None or is_packed(values):
            return self.tried(**knobs)
        return self.tried(**knobs, max_length=max(8, min(values["max_length"], longest)))

    def forget(self, knob: str) -> None:
        """Take back what was said of a knob."""
        self.reasons = [reason for reason in self.reasons if reason.knob != knob]

    def say(self, knob: str, what: str, why: str = "") -> None:
        self.reasons.append(Reason(knob, what, why))


def called(model: KnownModel) -> str:
    return size_words(model.size) if model.size else model.name


def gb(size: float) -> str:
    return f"{size / GIB:.1f} GB" if size < 100 * GIB else f"{size / GIB:.0f} GB"
