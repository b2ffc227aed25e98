"""What the methods learn from, whatever the file looked like: six kinds of example, and their turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["conversation", "text", "preference", "labelled", "task", "steps"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Message:
    """One turn, with one of our four roles; what it calls stands beside its text."""

    role: Role
    content: str
    tool_calls: tuple[Mapping[str, Any], ...] = ()

    def as_turn(self) -> dict[str, Any]:
        """Return it as chat templates take it."""
        turn: dict[str, Any] = {"role": self.role, "content": self.content}
        return turn | {"tool_calls": list(self.tool_calls)} if self.tool_calls else turn


@dataclass(frozen=True)
class Example:
    """A conversation that ends in an answer, or plain text; ``tools`` are what the model could call."""

    line: int
    row: int
    messages: tuple[Message, ...] = ()
    text: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Preference:
    """A better and a worse way to go on from the same turns."""

    line: int
    row: int
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


@dataclass(frozen=True)
class Labelled:
    """One way to go on, and whether it was good."""

    line: int
    row: int
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool


@dataclass(frozen=True)
class Task:
    """A question that the model answers itself; ``fields`` are the other columns, which rewards may look at."""

    line: int
    row: int
    prompt: tuple[Message, ...]
    answer: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Steps:
    """A solution in steps, and for each whether it is right."""

    line: int
    row: int
    prompt: tuple[Message, ...]
    steps: tuple[str, ...]
    labels: tuple[bool, ...]


Made = Example | Preference | Labelled | Task | Steps
"""What a row is made into."""
