"""What the words on the command line ask for, and how that is done; the words themselves are in ``main``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.errors import AppError
from desktop.paths import Home

Command = Callable[[argparse.Namespace, Home], int]


@dataclass(frozen=True)
class Asked:
    """What the words on the command line ask for."""

    verb: str
    home: Home
    arguments: argparse.Namespace
    wants_window: bool


def common_words_first(words: Sequence[str]) -> list[str]:
    """Let --json and --home stand anywhere: argparse wants them where their parser is."""
    common, rest = common_words_apart(words)
    return common + rest


def common_words_apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that stand with every other, and those others."""
    common: list[str] = []
    rest: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        if word == "--json" or word.startswith("--home="):
            common.append(word)
        elif word == "--home" and remaining:
            common += [word, remaining.pop(0)]
        else:
            rest.append(word)
    return common, rest


def common_parser() -> argparse.ArgumentParser:
    """Return a parser that knows the words which stand with every other."""
    parser = argparse.ArgumentParser(
        prog="tunedeck",
        description="Fine-tune language models on your own machine. Without a word, opens the window.",
    )
    parser.add_argument("--home", help="the state folder; TUNEDECK_HOME and ~/.local/share/tunedeck otherwise")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


def add_word(parent: Any, name: str, help: str, command: Command | None = None) -> argparse.ArgumentParser:
    """Add a word under another, with the function that answers it."""
    made: argparse.ArgumentParser = parent.add_parser(name, help=help, description=help)
    if command is not None:
        made.set_defaults(command=command)
    return made


def run(asked: Asked) -> int:
    """Do what was asked; return 0 when done and 1 for what the user can mend."""
    command: Command = asked.arguments.command
    try:
        return command(asked.arguments, asked.home)
    except AppError as error:
        if asked.arguments.json:
            print(json.dumps({"error": {"code": error.code, "sentence": error.sentence, "hint": error.hint}}))
        print(f"tunedeck: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("tunedeck: interrupted.", file=sys.stderr)
        return 130
