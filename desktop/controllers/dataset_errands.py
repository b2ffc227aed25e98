"""What the library of datasets does off the GUI thread: look files through, read back what was made, fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from desktop.controllers.work import Watch
from desktop.core import dataset_choice as choice
from desktop.core.dataset.report import Progress, Report, ScanOptions
from desktop.core.dataset_intake import Intake, take_in
from desktop.core.dataset_making import making
from desktop.core.dataset_making.plans import Dedupe, Merge, Sample, Split
from desktop.core.datasets import BadRows, DatasetVersion, Origin, OriginKind
from desktop.engine.hub_datasets import HubDatasets
from desktop.engine.hub_values import HubDataset
from desktop.errors import AppError
from trainer_image.formats import Shape

AS_FOUND = ScanOptions()
Made = list[tuple[str, Intake, Origin]]
"""The datasets that get a version, what was found in its file, and where it is from."""


def look_through(
    path: Path, options: ScanOptions, bad_rows: BadRows, watch: Watch, report: Report | None = None
) -> Intake:
    """Read a file that is to be registered; AppError where it will not do."""

    def tell(progress: Progress) -> None:
        watch.tell(f"Reading {path.name}", progress.share, progress.rows)

    return take_in(path, options, bad_rows, report, tell, watch.is_cancelled)


def make_version(
    version: DatasetVersion, plan: Split | Sample | Dedupe, names: Sequence[str], files: Sequence[Path], watch: Watch
) -> Made:
    """Make a file or two out of a version, and read them back."""
    _refuse_changed(version, watch)
    tell = _telling(f"Making {names[0]}", watch)
    kind: OriginKind
    if isinstance(plan, Split):
        kept = making.make_split(version, plan, (files[0], files[1]), tell)
        told: dict[str, Any] = {"share": plan.share, "seed": plan.seed}
        told |= {"copies": kept.exact, "near_copies": kept.near}
        kind, settings = "split", [{**told, "part": "rest"}, {**told, "part": "held_back"}]
    elif isinstance(plan, Sample):
        making.make_sample(version, plan, files[0], tell)
        kind, settings = "sample", [{"rows": plan.rows, "share": plan.share, "seed": plan.seed}]
    else:
        copies = making.make_deduped(version, plan, files[0], tell)
        kind, settings = "dedupe", [{"near": plan.near, "copies": copies}]
    origins = [Origin(kind, of=(version.label,), settings=one) for one in settings]
    return _read_back(names, files, origins, version.asked_shape or version.shape, watch)


def merge_versions(weights: Sequence[tuple[DatasetVersion, float]], plan: Merge, file: Path, watch: Watch) -> Made:
    """Make one file out of several versions, and read it back."""
    for version, _ in weights:
        _refuse_changed(version, watch)
    name = plan.into.strip()
    making.make_merged(weights, plan.seed, plan.mixed, file, _telling(f"Making {name}", watch))
    labels = {version.label: weight for version, weight in weights}
    origin = Origin("merge", of=tuple(labels), settings={"weights": labels, "seed": plan.seed, "mixed": plan.mixed})
    shapes = {version.asked_shape or version.shape for version, _ in weights}
    return _read_back([name], [file], [origin], shapes.pop() if len(shapes) == 1 else None, watch)


def fetch_split(
    hub: HubDatasets,
    found: HubDataset,
    config: str,
    split: str,
    file: Path,
    options: ScanOptions,
    bad_rows: BadRows,
    watch: Watch,
) -> tuple[Intake, Origin]:
    """Fetch a split of a dataset on the Hub into a file of ours, and read it."""
    paths = hub.fetch(found, config, split, watch.tell)
    if len(paths) == 1:
        kept = hub.keep(paths[0], file.with_suffix(_ending(paths[0])))
    else:
        making.join_files(paths, file, _telling(f"Joining {len(paths)} files", watch))
        kept = file
    try:
        intake = look_through(kept, options, bad_rows, watch)
    except AppError:
        kept.unlink(missing_ok=True)
        raise
    return intake, Origin("hub", repo=found.repo, config=config, split=split, revision=found.commit)


def _read_back(
    names: Sequence[str], files: Sequence[Path], origins: Sequence[Origin], shape: Shape | None, watch: Watch
) -> Made:
    """Read what was made; where a few rows alone look like another shape, the shape is kept with them."""
    try:
        intakes = []
        for file in files:
            intake = look_through(file, AS_FOUND, "leave_out", watch)
            if shape is not None and (intake.report.shape != shape or intake.report.bad_rows):
                intake = look_through(file, ScanOptions(shape=shape), "leave_out", watch)
            intakes.append(replace(intake, bad_rows="leave_out" if intake.report.bad_rows else "stop"))
    except AppError:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    return list(zip(names, intakes, origins, strict=True))


def _telling(words: str, watch: Watch) -> making.Tell:
    return lambda share, rows: watch.tell(words, share, rows)


def _ending(path: Path) -> str:
    """Return what a file's name ends in, with what it is packed as."""
    return "".join(path.suffixes[-2:]) if path.suffix in (".gz", ".zip") else path.suffix


def _refuse_changed(version: DatasetVersion, watch: Watch) -> None:
    state, _ = choice.compare(version, watch.is_cancelled)
    if state == "gone":
        raise choice.gone(version)
    if state == "changed":
        raise choice.lost(version, version)
