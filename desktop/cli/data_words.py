"""The words ``data check`` and ``data preview``, which are read without the others: to load those takes far longer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from desktop.cli import data
from desktop.cli.asked import Asked, add_word, common_parser, common_words_first
from desktop.cli.reading import add_reading, count, count_or_all
from desktop.core.dataset.fits import KIND_OF
from desktop.paths import find_home
from trainer_image.chat_templates import OWN, TEMPLATES


def parse(words: Sequence[str]) -> Asked:
    """Read a command line that begins with one of the two; wrong usage ends the program with exit code 2."""
    parser = common_parser()
    verbs = parser.add_subparsers(dest="verb", metavar="WORD")
    add_words(add_word(verbs, "data", "").add_subparsers(metavar="WORD"))
    arguments = parser.parse_args(common_words_first(words))
    return Asked(arguments.verb, find_home(arguments.home), arguments, wants_window=False)


def add_words(parent: Any) -> None:
    """Add the two words."""
    check = add_word(parent, "check", "say what a file holds, and which of its rows cannot be used", data.check)
    preview = add_word(parent, "preview", "show rows as a model sees them, token by token", data.preview)
    for word in (check, preview):
        _add_file(word)
    check.add_argument("--model", help="a model, to count the tokens of the rows")
    near = "look for near duplicates; without a word, in files of up to 256 MB"
    check.add_argument("--near", action=argparse.BooleanOptionalAction, help=near)
    check.add_argument("--evaluation", metavar="FILE", help="a second file whose rows should not be in the first")
    check.add_argument(
        "--problems",
        type=count_or_all,
        metavar="N",
        help="name so many rows of each kind of problem, or all; without it 10, and 200 of each kind with --json",
    )
    preview.add_argument("--model", required=True, help="a model folder, or a Hub name that is on this machine")
    preview.add_argument("--rows", type=count, default=1, metavar="N", help="how many rows")
    preview.add_argument("--row", type=count, default=1, metavar="NUMBER", help="the first of them")


def _add_file(word: argparse.ArgumentParser) -> None:
    """Add what both words take: a file, and what a person can say of it."""
    word.add_argument("file", metavar="FILE", help="a file, or the name of a registered dataset")
    word.add_argument("--method", choices=tuple(KIND_OF), help="the method that the rows are for")
    add_reading(word)
    word.add_argument("--max-length", type=count, default=2048, metavar="N", help="the longest row, in tokens")
    word.add_argument("--loss-on", choices=("answers", "last_answer", "everything"), default="answers")
    word.add_argument(
        "--chat-template", choices=(OWN, *TEMPLATES), default=OWN, help="for a model without one; its own otherwise"
    )
