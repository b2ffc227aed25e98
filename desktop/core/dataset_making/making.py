"""Makes the files of new versions out of others, by a worker process, as plans ask."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from desktop.core.dataset.report import Cancelled, Progress
from desktop.core.dataset.scan import scan
from desktop.core.dataset_making.groups import Together, together
from desktop.core.dataset_making.plans import Dedupe, Sample, Split
from desktop.core.dataset_making.writing import NOWHERE, Portion, part_of
from desktop.core.dataset_making.written import Source, common_kind
from desktop.core.datasets import DatasetVersion
from desktop.errors import AppError, ConfigError
from desktop.workers import Worker

_WRITING = "desktop.core.dataset_making.writing"
MOST_TIMES = 100
Tell = Callable[[float | None, int], None]
"""The share that is done, and the rows."""


def make_split(version: DatasetVersion, plan: Split, targets: tuple[Path, Path], tell: Tell) -> Together:
    """Write all but a share of the rows into the first file, and that share into the second; ``tell`` may raise.

    Rows that are copies of each other get into the same file, and so do near copies where they are looked for, which
    is in files of up to 256 MB; return which they are.
    """
    source = source_of(version)
    if not 0 < plan.share < 1:
        raise ConfigError("The share that is held back has to be between 0 and 1.", "0.1 is a tenth.")
    if source.rows < 2:
        raise ConfigError(f"{version.label} has one row, which cannot be split.", "Take a dataset with more.")
    count = min(max(round(source.rows * plan.share), 1), source.rows - 1)
    first_half, second_half = _halves(tell)
    found = scan(version.path, version.options(), first_half).duplicates
    kept = together(found, source.rows - count)
    if not kept.rows:
        places = _chosen(source.rows, count, plan.seed, chosen=1, others=0)
        _run(f"{_WRITING}:write_chosen", (source, places, False, targets), source.rows, targets, second_half)
        return kept
    if found.exact == source.rows - 1:
        raise ConfigError(
            f"The rows of {version.label} are all copies of one, which cannot be on both sides.", "Take other rows."
        )
    split = (source, kept.rows, kept.firsts, count, plan.seed, targets)
    _run(f"{_WRITING}:write_split", split, source.rows, targets, second_half)
    return kept


def make_sample(version: DatasetVersion, plan: Sample, target: Path, tell: Tell) -> None:
    """Write some rows, in the order in which they stand."""
    source = source_of(version)
    if (plan.rows is None) == (plan.share is None):
        raise ConfigError("A sample is a number of rows or a share of them.", "Name one of the two.")
    if plan.share is not None and not 0 < plan.share <= 1:
        raise ConfigError("The share of a sample has to be above 0 and at most 1.", "0.1 is a tenth.")
    count = plan.rows if plan.rows is not None else max(1, round(source.rows * (plan.share or 0)))
    if not 1 <= count <= source.rows:
        raise ConfigError(f"{version.label} has {source.rows:,} rows to take from.", "Ask for one to as many.")
    places = _chosen(source.rows, count, plan.seed, chosen=0, others=NOWHERE)
    _run(f"{_WRITING}:write_chosen", (source, places, False, [target]), source.rows, [target], tell)


def make_deduped(version: DatasetVersion, plan: Dedupe, target: Path, tell: Tell) -> int:
    """Write the first of every kind of row; return how many copies were left out."""
    source = source_of(version)
    first_half, second_half = _halves(tell)
    report = scan(version.path, replace(version.options(), near=plan.near), first_half)
    copies = {*report.duplicates.exact_rows, *(report.duplicates.near_rows if plan.near else ())}
    if not copies:
        what = "copies or near copies" if plan.near else "copies"
        raise ConfigError(f"{version.label} has no {what}.", "There is nothing to leave out.", "nothing_to_do")
    places = bytes(NOWHERE if number in copies else 0 for number in range(1, source.rows_total + 1))
    _run(f"{_WRITING}:write_chosen", (source, places, True, [target]), source.rows, [target], second_half)
    return len(copies)


def make_merged(
    weights: Sequence[tuple[DatasetVersion, float]], seed: int, mixed: bool, target: Path, tell: Tell
) -> None:
    """Write the rows of several versions, each as often as its weight says."""
    if not weights:
        raise ConfigError("There is nothing to merge.", "Name the datasets, with a weight for each.")
    portions = []
    for number, (version, weight) in enumerate(weights):
        if not math.isfinite(weight) or not 0 < weight <= MOST_TIMES:
            raise ConfigError(f"A weight is above 0 and at most {MOST_TIMES}.", "1 takes each row once.")
        source = source_of(version)
        more = round((weight - math.floor(weight)) * source.rows)
        chosen = _chosen(source.rows, more, seed + number, chosen=1, others=0) if more else b""
        portions.append(Portion(source, math.floor(weight), chosen))
    empty = next((version for (version, _), portion in zip(weights, portions, strict=True) if not portion.rows), None)
    if empty is not None:
        raise ConfigError(f"With this weight no row of {empty.label} is left.", "Raise its weight, or leave it out.")
    kind = common_kind({version.label: _shape_of(version) for version, _ in weights})
    rows = sum(portion.rows for portion in portions)
    _run(f"{_WRITING}:write_merged", (portions, kind, seed, mixed, target), rows, [target], tell)


def join_files(paths: Sequence[Path], target: Path, tell: Tell) -> None:
    """Write the rows of several files into one, as they are and in their order."""
    _run(f"{_WRITING}:write_joined", (paths, target), 0, [target], tell)


def source_of(version: DatasetVersion) -> Source:
    """Return a version's file as it is read here."""
    return Source(version.path, version.reading, version.mapping, _shape_of(version), version.rows, version.rows_total)


def _shape_of(version: DatasetVersion) -> Any:
    shape = version.asked_shape or version.shape
    if shape is None or not version.rows:
        raise AppError(f"{version.label} has no rows that can be used.", "Register another file.", "bad_data")
    return shape


def _halves(tell: Tell) -> tuple[Callable[[Progress], None], Tell]:
    """Return who tells of a scan as the first half of a work, and of what is written as the second."""

    def tell_scan(progress: Progress) -> None:
        tell(None if progress.share is None else progress.share / 2, progress.rows)

    def tell_writing(share: float | None, rows: int) -> None:
        tell(0.5 + (share or 0) / 2, rows)

    return tell_scan, tell_writing


def _chosen(rows: int, count: int, seed: int, *, chosen: int, others: int) -> bytes:
    """Return for each row which of two values it has; the same ones for the same seed."""
    places = bytearray([others]) * rows
    for place in random.Random(seed).sample(range(rows), count):
        places[place] = chosen
    return bytes(places)


def _run(task: str, arguments: tuple[Any, ...], rows: int, targets: Sequence[Path], tell: Tell) -> int:
    worker = Worker()
    try:
        said = worker.stream(task, *arguments)
        while True:
            try:
                done = next(said)
            except StopIteration as end:
                return int(end.value)
            tell(min(1.0, done / rows) if rows else None, done)
    except Cancelled:
        for target in targets:
            target.unlink(missing_ok=True)
        raise
    finally:
        worker.close()
        for target in targets:  # a worker that was ended cannot do it itself
            part_of(target).unlink(missing_ok=True)
