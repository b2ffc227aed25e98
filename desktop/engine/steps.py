"""How far a build has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BuildStep:
    """Step ``number`` of ``total``, what it does, and how long the whole build has run."""

    number: int
    total: int
    text: str
    seconds: float
    size_bytes: int | None = None
    """Bytes on disk so far, where the builder can tell."""

    @property
    def sentence(self) -> str:
        return f"step {self.number} of {self.total}: {self.text}"
