"""The words of ``data`` that are about the library, and what each takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from desktop.cli import datasets
from desktop.cli.reading import add_reading, count, share
from desktop.core.dataset_making.plans import SEED

NAME = "the name of a dataset, with @2 behind it for one of its versions"
Add = Callable[..., argparse.ArgumentParser]


def add_words(parent: Any, add: Add) -> None:
    """Add the words; ``add`` makes one of them under ``parent``."""
    add(parent, "list", "every registered dataset", datasets.list_all)
    _named(add(parent, "show", "one dataset: its versions, its file, what uses it", datasets.show))

    adding = add(parent, "add", "register a file under a name, or as the next version of a dataset", datasets.add)
    adding.add_argument("name", metavar="NAME")
    adding.add_argument("file", metavar="FILE")
    _intake(adding)

    renaming = _named(add(parent, "rename", "give a dataset another name", datasets.rename))
    renaming.add_argument("new_name", metavar="NEW_NAME")
    noting = _named(add(parent, "note", "show the notes of a dataset, or change them", datasets.note))
    noting.add_argument("text", nargs="?", metavar="TEXT")
    _named(add(parent, "remove", "forget a dataset or a version; a file of yours stays", datasets.remove))

    splitting = _seeded(_named(add(parent, "split", "hold rows back as a dataset of their own", datasets.split)))
    splitting.add_argument("--share", type=share, default=0.1, help="the share that is held back, as 0.1 or 10%%")
    splitting.add_argument("--held-back", default="", metavar="NAME", help="what to call the rows held back")

    sampling = _seeded(
        _named(add(parent, "sample", "some of the rows by chance, as the next version", datasets.sample))
    )
    much = sampling.add_mutually_exclusive_group(required=True)
    much.add_argument("--rows", type=count, metavar="N")
    much.add_argument("--share", type=share, help="as 0.1 or 10%%")

    deduping = _named(add(parent, "dedupe", "leave out copies, as the next version", datasets.dedupe))
    deduping.add_argument("--near", action="store_true", help="rows that are nearly the same, too")

    merging = _seeded(add(parent, "merge", "put datasets into one, each with its weight", datasets.merge))
    merging.add_argument("into", metavar="INTO", help="the dataset that is made, or gets its next version")
    merging.add_argument("parts", nargs="+", metavar="NAME[=WEIGHT]", help="0.5 is half of its rows, 2 each row twice")
    merging.add_argument("--in-order", action="store_true", help="one behind the other instead of mixed by chance")

    add(parent, "search", "search the Hub for datasets", datasets.search).add_argument("text", metavar="TEXT")
    fetching = add(parent, "hub", "register a dataset of the Hub; without a name, show what it holds", datasets.hub)
    fetching.add_argument("repo", metavar="REPO", help="as owner/name")
    fetching.add_argument("name", nargs="?", metavar="NAME", help="what to call it here")
    fetching.add_argument("--config", default="", help="where it has several")
    fetching.add_argument("--split", default="", help="train unless said")
    fetching.add_argument("--revision", default="", help="a branch, tag or commit; the newest unless said")
    _intake(fetching)


def _named(word: argparse.ArgumentParser) -> argparse.ArgumentParser:
    word.add_argument("name", metavar="NAME", help=NAME)
    return word


def _seeded(word: argparse.ArgumentParser) -> argparse.ArgumentParser:
    word.add_argument("--seed", type=int, default=SEED, help="the same seed chooses the same rows")
    return word


def _intake(word: argparse.ArgumentParser) -> None:
    add_reading(word)
    choices = ("stop", "leave_out")
    word.add_argument("--bad-rows", choices=choices, help="what to do with rows that cannot be used; stop unless said")
