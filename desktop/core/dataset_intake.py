"""What has to be so that a file becomes a version of a dataset: it was read as a whole, and its rows can be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from desktop.core.dataset.report import Progress, Report, ScanOptions
from desktop.core.dataset.scan import scan
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import BadRows, DatasetVersion, Origin
from desktop.errors import AppError
from trainer_image.formats import FEEDS

SHOWN = 3


@dataclass(frozen=True)
class Intake:
    """A file that has been looked through and may become a version."""

    report: Report
    options: ScanOptions
    bad_rows: BadRows
    size_bytes: int
    modified_ns: int


def take_in(
    path: Path,
    options: ScanOptions,
    bad_rows: BadRows,
    report: Report | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Intake:
    """Look a file through, or take the report on it if that still holds; AppError where it will not do."""
    # A dataset is counted by what its rows are meant for, whatever method a run takes it for later.
    options = replace(options, kind=None, evaluation=None)
    path = path.expanduser()
    facts = _stat(path)
    if report is None or not _holds(report, path, facts.st_size):
        report = scan(path, replace(options, near=False), on_progress, is_cancelled)
        after = _stat(path)
        if (after.st_size, after.st_mtime_ns) != (facts.st_size, facts.st_mtime_ns):
            raise AppError(f"{path.name} was written while it was read.", "Try again when it is whole.", "bad_data")
    if report.outcome in ("ask", "reject") or report.shape is None or not report.rows:
        raise AppError(report.sentence, report.hint, "bad_data")
    if report.bad_rows and bad_rows == "stop":
        raise AppError(
            f"{_rows(report.bad_rows)} of {report.rows_total:,} cannot be used. "
            + " ".join(str(problem) for problem in report.problems[:SHOWN]),
            "Mend them, or choose that they are left out (--bad-rows leave_out).",
            "bad_rows",
        )
    return Intake(report, options, bad_rows, facts.st_size, facts.st_mtime_ns)


def _holds(report: Report, path: Path, size: int) -> bool:
    """Say whether a report is on the whole of this file, by what its rows are meant for."""
    meant = report.shape is not None and report.kind in (None, FEEDS[report.shape][0])
    return meant and report.path == path and report.size == size and bool(report.sha256)


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except (OSError, ValueError) as error:
        raise AppError(f"There is no file {path}.", "Choose a file on this machine.", "dataset_missing") from error


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def register(registry: DatasetRegistry, name: str, intake: Intake, origin: Origin) -> tuple[DatasetVersion, bool]:
    """Keep a file as the next version of a dataset, and say whether it is new: the newest may be the same already."""
    fault = registry.why_not(name) if registry.get(name.strip()) is None else ""
    if fault:
        raise AppError(fault, "Choose another name.", "bad_name")
    report, options = intake.report, intake.options
    path = report.path.absolute()
    known = registry.get(name.strip())
    if known is not None and _is_same(known.newest, intake, path):
        registry.note_time(known.newest, intake.modified_ns)
        return registry.find(name), False

    def make(number: int) -> DatasetVersion:
        return DatasetVersion(
            dataset=name.strip(),
            number=number,
            origin=origin,
            path=path,
            sha256=report.sha256,
            size_bytes=intake.size_bytes,
            modified_ns=intake.modified_ns,
            rows=report.rows,
            rows_total=report.rows_total,
            shape=report.shape,
            mapping=dict(options.mapping) if options.mapping else None,
            reading=options.read,
            asked_shape=options.shape,
            bad_rows=intake.bad_rows,
            created=datetime.now(UTC),
        )

    return registry.add(name, make), True


def _is_same(newest: DatasetVersion, intake: Intake, path: Path) -> bool:
    ours = (newest.path, newest.sha256, newest.reading, newest.mapping or None, newest.asked_shape, newest.bad_rows)
    options = intake.options
    theirs = (path, intake.report.sha256, options.read, dict(options.mapping or {}) or None, options.shape)
    return ours == (*theirs, intake.bad_rows)
