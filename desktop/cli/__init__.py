"""The command line: everything that the window does, as words."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from desktop.cli.asked import Asked, common_words_apart, run

__all__ = ["Asked", "parse", "run"]

_QUICK = (["data", "check"], ["data", "preview"])


def parse(words: Sequence[str]) -> Asked:
    """Read the command line; wrong usage ends the program with exit code 2."""
    # To check a file takes less time than to load what all the other words need, so it does not wait for that.
    is_quick = common_words_apart(words)[1][:2] in _QUICK
    asked: Asked = import_module("desktop.cli.data_words" if is_quick else "desktop.cli.main").parse(words)
    return asked
