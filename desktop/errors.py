"""What can go wrong in a way that the user can mend.

AppError            one plain sentence, and a hint that says what to do
├── EngineError     the engine, the image or a container
├── ConfigError     a config that cannot be run as it is
└── StoreError      the database or a run folder

Everything else is our own mistake and flies on to the crash dialog.
"""

from __future__ import annotations


class AppError(Exception):
    """Something that the user can act on."""

    def __init__(self, sentence: str, hint: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".strip()


class EngineError(AppError):
    """The engine, its image or a container cannot do what was asked."""


class ConfigError(AppError):
    """A config that cannot be run as it is."""


class StoreError(AppError):
    """The database or a run folder cannot be read or written."""
