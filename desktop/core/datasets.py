"""The library of datasets as values: a name, its versions, where each is from and how its file is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from desktop.core.dataset.report import ScanOptions
from trainer_image.formats import ReadOptions, Shape

BadRows = Literal["stop", "leave_out"]
OriginKind = Literal["file", "hub", "split", "sample", "dedupe", "merge"]
FileState = Literal["as_registered", "touched", "gone"]


@dataclass(frozen=True)
class Origin:
    """Where a version is from: a file, the Hub, or other versions and what was done with them."""

    kind: OriginKind
    path: str = ""
    repo: str = ""
    config: str = ""
    split: str = ""
    revision: str = ""
    """The commit of the Hub's repository."""
    of: tuple[str, ...] = ()
    """The versions that it was made of, as name@2."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Say it in plain words, as a part of a sentence."""
        if self.kind == "file":
            return f"from the file {Path(self.path).name}"
        if self.kind == "hub":
            parts = [part for part in (self.config, self.split) if part]
            return f"from the Hub: {', '.join([self.repo, *parts])} at {self.revision[:8]}"
        return _made_words(self)

    @property
    def together(self) -> str:
        """Say how many copies a split has kept on the side of their first, or nothing where there were none."""
        if self.kind != "split":
            return ""
        told = [(self.settings.get("copies", 0), "exact"), (self.settings.get("near_copies", 0), "near")]
        said = [f"{count:,} {how} {'copy' if count == 1 else 'copies'}" for count, how in told if count]
        is_one = sum(count for count, _ in told) == 1
        return f"{' and '.join(said)} {'is' if is_one else 'are'} on the same side as the first." if said else ""


def _made_words(origin: Origin) -> str:
    of, told = " and ".join(origin.of), origin.settings
    if origin.kind == "split":
        share, part = float(told["share"]), told["part"]
        kept = f"{share:.0%} of {of}, held back" if part == "held_back" else f"{of} without the {share:.0%} held back"
        return f"{kept} (seed {told['seed']})"
    if origin.kind == "sample":
        much = (
            ("1 row" if told["rows"] == 1 else f"{told['rows']:,} rows")
            if told.get("rows")
            else f"{float(told['share']):.0%}"
        )
        return f"{much} of {of}, by chance (seed {told['seed']})"
    if origin.kind == "dedupe":
        return f"{of} without copies{' and near copies' if told['near'] else ''}"
    weights = " and ".join(f"{weight:g} x {label}" for label, weight in told["weights"].items())
    return f"{weights}, {'mixed by chance' if told['mixed'] else 'one behind the other'} (seed {told['seed']})"


@dataclass(frozen=True)
class DatasetVersion:
    """One state of a dataset: a file that we never change, and what was found in it."""

    dataset: str
    number: int
    origin: Origin
    path: Path
    sha256: str
    size_bytes: int
    modified_ns: int
    rows: int
    """Rows that can be used."""
    rows_total: int
    shape: Shape | None
    mapping: Mapping[str, str] | None
    """Our name of a column -> the file's."""
    reading: ReadOptions
    asked_shape: Shape | None
    """The shape that a person has said the rows have."""
    bad_rows: BadRows
    created: datetime

    @property
    def label(self) -> str:
        return f"{self.dataset}@{self.number}"

    @property
    def rows_left_out(self) -> int:
        return self.rows_total - self.rows

    def options(self) -> ScanOptions:
        """Return how its file is scanned, previewed and browsed."""
        return ScanOptions(read=self.reading, mapping=self.mapping, shape=self.asked_shape)

    def state(self) -> FileState:
        """Say by size and time alone whether the file may have changed."""
        try:
            facts = self.path.stat()
        except OSError:
            return "gone"
        same = (facts.st_size, facts.st_mtime_ns) == (self.size_bytes, self.modified_ns)
        return "as_registered" if same else "touched"


@dataclass(frozen=True)
class Dataset:
    """A dataset under its name, with its versions, the newest first; there is always one."""

    name: str
    notes: str
    created: datetime
    versions: tuple[DatasetVersion, ...]

    @property
    def newest(self) -> DatasetVersion:
        return self.versions[0]


@dataclass(frozen=True)
class Use:
    """A run or a saved config that uses a dataset; without a version it takes the newest."""

    kind: Literal["run", "config"]
    id: str
    name: str
    version: int | None
    is_live: bool = False
