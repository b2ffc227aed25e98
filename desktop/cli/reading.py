"""What a person says of a file on the command line: how it is read, and which of its columns is which."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

from desktop.core.dataset.fits import KIND_OF
from desktop.core.dataset.report import ScanOptions
from desktop.errors import ConfigError
from trainer_image.formats import ENCODING_WORDS, SHAPES, ReadOptions, TextBy

_BY_TOKENS = "tokens"


def add_reading(word: argparse.ArgumentParser) -> None:
    """Add what can be said of a file."""
    word.add_argument("--shape", choices=SHAPES, help="the shape of the rows, where they do not say it")
    word.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS", help="the file's name of a column")
    word.add_argument(
        "--text-by",
        choices=(*get_args(TextBy), _BY_TOKENS),
        help="what is a row of a plain text; file and tokens are the same: the whole file, cut by tokens",
    )
    word.add_argument("--delimiter", help="what parts the cells of a table")
    word.add_argument("--header", action=argparse.BooleanOptionalAction, help="whether a table begins with a header")
    word.add_argument("--encoding", choices=ENCODING_WORDS, help="how the letters are written")
    word.add_argument("--array", metavar="KEY", help="the key of the rows in a JSON object with several arrays")
    word.add_argument(
        "--part", metavar="FILE", help="the file of an archive that is meant, or its split in shards, such as train"
    )


def read_options(arguments: argparse.Namespace) -> ScanOptions:
    """Return what was said of a file."""
    told = dict(pair.partition("=")[::2] for pair in arguments.map)
    if not all(told.values()) or len(told) != len(arguments.map):
        raise ConfigError("--map wants OURS=THEIRS, each once.", "For example --map completion=reply.")
    read = ReadOptions(
        delimiter="\t" if arguments.delimiter in ("tab", "\\t") else arguments.delimiter,
        has_header=arguments.header,
        encoding=arguments.encoding,
        array=arguments.array,
        part=arguments.part,
    )
    if arguments.text_by:
        read = replace(read, text_by="file" if arguments.text_by == _BY_TOKENS else arguments.text_by)
    other, method = getattr(arguments, "evaluation", None), getattr(arguments, "method", None)
    kind = KIND_OF[method] if method else None
    return ScanOptions(read, told or None, arguments.shape, kind, Path(other).expanduser() if other else None)


def count(word: str) -> int:
    """Read a number from 1 on; argparse turns what is none into wrong usage."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be 1 or more")
    return number


def count_or_all(word: str) -> int:
    """Read a number from 1 on, or all."""
    return sys.maxsize if word == "all" else count(word)


def share(word: str) -> float:
    """Read a share, as 0.1 or 10%."""
    number = float(word.removesuffix("%")) / (100 if word.endswith("%") else 1)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError("has to be above 0 and at most 1")
    return number
