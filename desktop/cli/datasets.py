"""``data``, the words about the library: list, show, add, remove, make new versions, and fetch from the Hub."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import cast

from desktop.cli.dataset_sentences import (
    SHOWN_LETTERS,
    about,
    count_of_rows,
    dataset_as_json,
    hub_as_json,
    hub_in_words,
    state_words,
    use_as_json,
    version_as_json,
    version_in_words,
)
from desktop.cli.loop import assembled, wait_until
from desktop.cli.reading import read_options
from desktop.controllers.assembly import Assembly
from desktop.controllers.datasets import Change, Doing, HubDataset, HubHit, HubPreview, Prepared, Work
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset_making.plans import Dedupe, Merge, Sample, Split
from desktop.core.datasets import BadRows, DatasetVersion
from desktop.errors import AppError, ConfigError
from desktop.paths import Home
from trainer_image.contract import RunConfig


def list_all(arguments: argparse.Namespace, home: Home) -> int:
    """Print every dataset of the library."""
    with assembled(home) as assembly:
        datasets = assembly.datasets.all()
        if arguments.json:
            print(json.dumps({"datasets": [dataset_as_json(one) for one in datasets]}))
        elif not datasets:
            print("No dataset is registered yet: tunedeck data add NAME FILE.")
        for one in [] if arguments.json else datasets:
            newest = one.newest
            what = [count_of_rows(newest.rows), newest.shape or "", newest.origin.words]
            print(f"{newest.label}  {' · '.join(what)}{state_words(newest)}")
        return 0


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print one dataset with its versions, whether its file has changed, and what uses it."""
    with assembled(home) as assembly:
        version = assembly.datasets.find(arguments.name)
        change = cast(Change, wait_for(assembly.datasets.check(arguments.name)))
        dataset = assembly.datasets.get(version.dataset)
        assert dataset is not None
        uses = assembly.datasets.uses(arguments.name)
        if arguments.json:
            told = {**dataset_as_json(dataset), "version": version.number, "file_state": change.state}
            print(json.dumps({**told, "uses": [use_as_json(use) for use in uses]}))
        else:
            print("\n".join(about(dataset, version, change, uses)))
        return 0


def add(arguments: argparse.Namespace, home: Home) -> int:
    """Register a file under a name, or as the next version of a dataset, read as before unless something is said."""
    with assembled(home) as assembly:
        options, bad_rows = read_options(arguments), cast("BadRows | None", arguments.bad_rows)
        known = assembly.datasets.get(arguments.name)
        if known is not None:
            options = known.newest.options() if options == ScanOptions() else options
            bad_rows = bad_rows or known.newest.bad_rows
        work = assembly.datasets.add_file(arguments.name, Path(arguments.file), options, bad_rows or "stop")
        return _say(arguments, cast(DatasetVersion, wait_for(work, quiet=arguments.json)))


def rename(arguments: argparse.Namespace, home: Home) -> int:
    """Give a dataset another name."""
    with assembled(home) as assembly:
        assembly.datasets.rename(arguments.name, arguments.new_name)
        print(json.dumps({"name": arguments.new_name}) if arguments.json else f"Now called {arguments.new_name}.")
        return 0


def note(arguments: argparse.Namespace, home: Home) -> int:
    """Show the notes of a dataset, or change them."""
    with assembled(home) as assembly:
        if arguments.text is not None:
            assembly.datasets.set_notes(arguments.name, arguments.text)
        assembly.datasets.find(arguments.name)
        dataset = assembly.datasets.get(arguments.name)
        notes = dataset.notes if dataset else ""
        print(json.dumps({"name": arguments.name, "notes": notes}) if arguments.json else notes or "No notes.")
        return 0


def remove(arguments: argparse.Namespace, home: Home) -> int:
    """Forget a dataset or one of its versions, and say what used it."""
    with assembled(home) as assembly:
        uses = assembly.datasets.uses(arguments.name)
        gone = assembly.datasets.delete(arguments.name)
        labels = [version.label for version in gone.versions]
        if arguments.json:
            print(json.dumps({"removed": labels, "uses": [use_as_json(use) for use in uses]}))
        else:
            print(f"Removed {', '.join(reversed(labels))}.")
            for use in uses:
                print(f"  the {use.kind} {use.name} used it")
        return 0


def split(arguments: argparse.Namespace, home: Home) -> int:
    """Hold back a share of the rows as a dataset of its own; the rest is the next version."""
    plan = Split(arguments.share, arguments.seed, arguments.held_back)
    return _make(arguments, home, plan)


def sample(arguments: argparse.Namespace, home: Home) -> int:
    """Take some of the rows by chance, as the next version."""
    return _make(arguments, home, Sample(arguments.rows, arguments.share, arguments.seed))


def dedupe(arguments: argparse.Namespace, home: Home) -> int:
    """Leave out copies of earlier rows, as the next version."""
    return _make(arguments, home, Dedupe(arguments.near))


def merge(arguments: argparse.Namespace, home: Home) -> int:
    """Put several datasets into one, each with its weight."""
    weights = {}
    for word in arguments.parts:
        name, equals, number = word.rpartition("=")
        name = name if equals else word
        if name in weights:
            raise ConfigError(f"{name} is named twice.", f"Give it a weight instead: {name}=2.")
        weights[name] = _weight(number) if equals else 1.0
    with assembled(home) as assembly:
        plan = Merge(weights, arguments.into, arguments.seed, not arguments.in_order)
        return _say_all(arguments, wait_for(assembly.datasets.merge(plan), quiet=arguments.json))


def search(arguments: argparse.Namespace, home: Home) -> int:
    """Print the datasets that the Hub finds."""
    with assembled(home) as assembly:
        hits = cast("list[HubHit]", wait_for(assembly.datasets.search_hub(arguments.text)))
        if arguments.json:
            print(json.dumps({"datasets": [hit.__dict__ for hit in hits]}))
        elif not hits:
            print(f"The Hub has no dataset for {arguments.text}.")
        for hit in [] if arguments.json else hits:
            gated = " · asks for its terms to be accepted" if hit.is_gated else ""
            print(f"{hit.repo}  {hit.downloads:,} downloads{gated}  {hit.summary[:SHOWN_LETTERS]}".rstrip())
        return 0


def hub(arguments: argparse.Namespace, home: Home) -> int:
    """Register a split of a dataset on the Hub; without a name, show what it holds and its first rows."""
    with assembled(home) as assembly:
        datasets = assembly.datasets
        found = cast(HubDataset, wait_for(datasets.look_at_hub(arguments.repo, arguments.revision)))
        if arguments.name is None:
            rows = cast(HubPreview, wait_for(datasets.preview_hub(found, arguments.config, arguments.split, 5)))
            print(json.dumps(hub_as_json(found, rows), default=str) if arguments.json else hub_in_words(found, rows))
            return 0
        if found.note and not arguments.json:
            print(found.note, file=sys.stderr)
        options, bad_rows = read_options(arguments), cast(BadRows, arguments.bad_rows or "stop")
        work = datasets.add_hub(arguments.name, found, arguments.config, arguments.split, options, bad_rows)
        return _say(arguments, cast(DatasetVersion, wait_for(work, quiet=arguments.json)))


def prepared_config(assembly: Assembly, config: RunConfig) -> Prepared:
    """Resolve the dataset of a config before a start, and say on stderr where its file has changed."""
    prepared = cast(Prepared, wait_for(assembly.datasets.prepare(config)))
    if prepared.warning:
        print(f"tunedeck: {prepared.warning}", file=sys.stderr)
    return prepared


def wait_for(work: Work, *, quiet: bool = True) -> object:
    """Wait for a work and return what came of it, or raise its AppError; Ctrl+C stops it."""
    outcome: list[object] = []
    errors: list[AppError] = []
    work.finished.connect(outcome.append)
    work.failed.connect(errors.append)
    shows = not quiet and sys.stderr.isatty()
    if shows:
        work.progressed.connect(_show)
    try:
        wait_until(lambda: bool(outcome or errors))
    except KeyboardInterrupt:
        work.cancel()
        raise
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if errors:
        raise errors[0]
    return outcome[0]


def _show(doing: Doing) -> None:
    done = f"{doing.share:.0%}" if doing.share is not None else f"{doing.rows:,} rows" if doing.rows else ""
    print(f"\r\x1b[K{doing.words} {done}", end="", file=sys.stderr, flush=True)


def _make(arguments: argparse.Namespace, home: Home, plan: Split | Sample | Dedupe) -> int:
    with assembled(home) as assembly:
        return _say_all(arguments, wait_for(assembly.datasets.make(arguments.name, plan), quiet=arguments.json))


def _weight(word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise ConfigError(f"{word!r} is no weight.", "Write NAME=0.5, or NAME alone for 1.") from error


def _say(arguments: argparse.Namespace, version: DatasetVersion) -> int:
    if arguments.json:
        print(json.dumps(version_as_json(version)))
    else:
        print(version_in_words(version))
    return 0


def _say_all(arguments: argparse.Namespace, made: object) -> int:
    versions = cast("tuple[DatasetVersion, ...]", made)
    if arguments.json:
        print(json.dumps({"versions": [version_as_json(version) for version in versions]}))
    else:
        print("\n".join(version_in_words(version) for version in versions))
        if versions[0].origin.together:
            print(versions[0].origin.together)
    return 0
