"""The few verbs that every engine answers. Each may be called twice; state is asked, never remembered."""

from __future__ import annotations

from typing import Literal, Protocol

from desktop.body import Body, EngineName
from desktop.engine.launch import LaunchSpec


class Engine(Protocol):
    """Where trainers and chats run. Every verb blocks: call it from a job."""

    @property
    def name(self) -> EngineName: ...

    def start(self, spec: LaunchSpec) -> str:
        """Start what ``spec`` says and return its handle; one that runs already is left alone."""
        ...

    def find(self) -> dict[str, Body]:
        """Return the bodies of everything that this home's app ever started and that is still there, by id."""
        ...

    def is_outdated(self, id: str) -> bool:
        """Say whether a body was made from something else than a new one would be now."""
        ...

    def signal(self, id: str, how: Literal["stop", "kill"]) -> None:
        """Ask the body to end (SIGTERM), or end it (SIGKILL); one that is gone is fine."""
        ...

    def remove(self, id: str) -> None:
        """Clear away a body that has ended; one that is gone is fine."""
        ...

    def output(self, id: str) -> str:
        """Return the tail of what the body itself printed, from before its log took over."""
        ...
