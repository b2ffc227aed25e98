"""The library of datasets in the catalogue: names, versions and what uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from desktop.core.datasets import BadRows, Dataset, DatasetVersion, Origin, Use
from desktop.core.folders import read_dataset
from desktop.core.store import Store
from desktop.core.tables import ConfigRow, DatasetRow, DatasetVersionRow
from desktop.errors import StoreError
from trainer_image.contract import RunFolder
from trainer_image.formats import ReadOptions, Shape

LONGEST_NAME = 80
TRIES = 3
_WORD = re.compile(r"(?P<name>[^@]+)(@(?P<number>[1-9][0-9]{0,8}))?")
_SEPARATORS = ("@", "/", "\\")

T = TypeVar("T")


class DatasetRegistry:
    """The datasets of one home; used on the thread that made the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # What there is

    def all(self) -> list[Dataset]:
        """Return every dataset by name."""
        with self._store.session() as session:
            rows = session.scalars(select(DatasetRow).order_by(DatasetRow.name)).all()
            versions = session.scalars(select(DatasetVersionRow).order_by(DatasetVersionRow.number.desc())).all()
        of_name: dict[str, list[DatasetVersion]] = {}
        for version in versions:
            of_name.setdefault(version.dataset, []).append(_as_version(version))
        return [_as_dataset(row, of_name[row.name]) for row in rows if row.name in of_name]

    def get(self, name: str) -> Dataset | None:
        return next((dataset for dataset in self.all() if dataset.name == name), None)

    def find(self, word: str) -> DatasetVersion:
        """Return the version that ``name`` (the newest) or ``name@3`` means."""
        name, number = parted(word)
        dataset = self.get(name)
        if dataset is None:
            raise StoreError(
                f"There is no dataset called {name}.", "`tunedeck data list` shows them.", "dataset_unknown"
            )
        if number is None:
            return dataset.newest
        found = next((version for version in dataset.versions if version.number == number), None)
        if found is None:
            there = ", ".join(str(version.number) for version in reversed(dataset.versions))
            raise StoreError(f"{name} has no version {number}.", f"Its versions are {there}.", "dataset_unknown")
        return found

    def is_name(self, word: str) -> bool:
        """Say whether a word names a dataset, with or without a version."""
        match = _WORD.fullmatch(word.strip())
        return match is not None and self.get(match["name"].strip()) is not None

    def why_not(self, name: str) -> str:
        """Return the sentence that says why a dataset cannot be called so, or nothing."""
        if not name.strip():
            return "A dataset needs a name."
        if len(name.strip()) > LONGEST_NAME:
            return f"A name has at most {LONGEST_NAME} letters."
        if any(mark in name for mark in _SEPARATORS) or not name.isprintable():
            return "A name holds no @, no slash and no line break: name@2 means a version, and a slash a file."
        if self.get(name.strip()) is not None:
            return f"There is already a dataset called {name.strip()}."
        return ""

    def free_name(self, path_or_repo: str) -> str:
        """Return a name to offer that no dataset has yet."""
        last = re.split(r"[/\\]", path_or_repo.rstrip("/\\"))[-1]
        stem = last.split(".")[0] if Path(last).suffix else last
        plain = "".join(letter for letter in stem.replace("@", " ") if letter.isprintable()).strip() or "dataset"
        plain = plain[: LONGEST_NAME - 4].strip()
        taken = {dataset.name for dataset in self.all()}
        names = (plain, *(f"{plain} {number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def uses(self, word: str) -> list[Use]:
        """Return the saved configs and the runs that use a dataset, or one version of it; runs newest first."""
        name, number = parted(word)
        versions = {version.number: version.sha256 for version in self._versions(name)}
        names = {dataset.name for dataset in self.all()}
        found = list[Use]()
        with self._store.session() as session:
            configs = session.scalars(select(ConfigRow).order_by(ConfigRow.name)).all()
        for config in configs:
            word_there = str(config.values.get("dataset", ""))
            if not _WORD.fullmatch(word_there) or parted(word_there)[0] != name:
                continue
            version = parted(word_there)[1]
            if number in (None, version) or (version is None and number == max(versions)):
                found.append(Use("config", config.name, config.name, version))
        for record in self._store.run_records():
            ref = read_dataset(RunFolder(record.folder))
            if ref is None:
                continue
            # A run's folder keeps the name of its day; under a new one a version is known by its bytes.
            is_ours = ref.name == name or (ref.name not in names and versions.get(ref.number) == ref.sha256)
            if is_ours and number in (None, ref.number):
                found.append(Use("run", record.id, record.name, ref.number, record.state.can_cancel))
        return found

    def _versions(self, name: str) -> tuple[DatasetVersion, ...]:
        self.find(name)
        dataset = self.get(name)
        assert dataset is not None
        return dataset.versions

    # Changes

    def add(self, name: str, make: Callable[[int], DatasetVersion]) -> DatasetVersion:
        """Keep a version under its name, the first one or the next; ``make`` is given its number."""
        name = name.strip()
        for left in reversed(range(TRIES)):
            try:
                return self._add_once(name, make)
            except (IntegrityError, OperationalError):  # another app has just added to the same dataset
                if not left:
                    raise
        raise AssertionError("a last try returns or raises")

    def _add_once(self, name: str, make: Callable[[int], DatasetVersion]) -> DatasetVersion:
        with self._store.session() as session:
            if session.get(DatasetRow, name) is None:
                session.add(DatasetRow(name=name, notes="", created=datetime.now(UTC)))
                session.flush()
            version = make(_next_number(session, name))
            session.add(_as_row(version))
        return version

    def note_time(self, version: DatasetVersion, modified_ns: int) -> None:
        """Keep when a file was written whose bytes are as they were."""
        chosen = (DatasetVersionRow.dataset == version.dataset, DatasetVersionRow.number == version.number)
        with self._store.session() as session:
            session.execute(update(DatasetVersionRow).where(*chosen).values(modified_ns=modified_ns))

    def rename(self, name: str, new_name: str) -> None:
        """Give a dataset another name; its versions go along."""
        self.find(name)
        new_name = new_name.strip()
        fault = "" if new_name == name else self.why_not(new_name)
        if fault:
            raise StoreError(fault, "Choose another name.", "bad_name")
        with self._store.session() as session:
            session.execute(update(DatasetRow).where(DatasetRow.name == name).values(name=new_name))
            for config in session.scalars(select(ConfigRow)):
                word = str(config.values.get("dataset", ""))
                if word == name or word.startswith(f"{name}@"):
                    config.values = {**config.values, "dataset": new_name + word.removeprefix(name)}

    def set_notes(self, name: str, notes: str) -> None:
        self.find(name)
        with self._store.session() as session:
            session.execute(update(DatasetRow).where(DatasetRow.name == name).values(notes=notes))

    def delete(self, word: str) -> Dataset:
        """Forget a dataset, or one version of it; return it with the versions that are gone."""
        name, number = parted(word)
        version = self.find(word)
        dataset = self.get(name)
        assert dataset is not None
        gone = dataset.versions if number is None else (version,)
        with self._store.session() as session:
            row = session.get(DatasetRow, name)
            assert row is not None
            for one in gone:
                session.delete(_row_of(session, one))
            if len(gone) == len(dataset.versions):
                session.flush()
                session.delete(row)
        return Dataset(name, dataset.notes, dataset.created, gone)


def parted(word: str) -> tuple[str, int | None]:
    """Return name and version number of a word such as name@3; without a number the newest is meant."""
    match = _WORD.fullmatch(word.strip())
    if match is None:
        raise StoreError(
            f"{word!r} names no dataset.", "Write it as NAME, or NAME@2 for one of its versions.", "dataset_unknown"
        )
    return match["name"].strip(), int(match["number"]) if match["number"] else None


def _next_number(session: Session, name: str) -> int:
    numbers = session.scalars(select(DatasetVersionRow.number).where(DatasetVersionRow.dataset == name)).all()
    return max(numbers, default=0) + 1


def _row_of(session: Session, version: DatasetVersion) -> DatasetVersionRow:
    chosen = (DatasetVersionRow.dataset == version.dataset, DatasetVersionRow.number == version.number)
    return session.scalars(select(DatasetVersionRow).where(*chosen)).one()


def _as_dataset(row: DatasetRow, versions: list[DatasetVersion]) -> Dataset:
    return Dataset(row.name, row.notes, row.created.replace(tzinfo=UTC), tuple(versions))


def _as_row(version: DatasetVersion) -> DatasetVersionRow:
    reading: dict[str, Any] = {**asdict(version.reading), "shape": version.asked_shape}
    return DatasetVersionRow(
        dataset=version.dataset,
        number=version.number,
        source=asdict(version.origin),
        path=str(version.path),
        sha256=version.sha256,
        size_bytes=version.size_bytes,
        modified_ns=version.modified_ns,
        rows=version.rows,
        rows_total=version.rows_total,
        shape=version.shape,
        mapping=dict(version.mapping) if version.mapping else None,
        reading=reading,
        bad_rows=version.bad_rows,
        created=version.created,
    )


def _as_version(row: DatasetVersionRow) -> DatasetVersion:
    return DatasetVersion(
        dataset=row.dataset,
        number=row.number,
        origin=_as_origin(row.source),
        path=Path(row.path),
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        modified_ns=row.modified_ns,
        rows=row.rows,
        rows_total=row.rows_total,
        shape=cast("Shape | None", row.shape),
        mapping=row.mapping,
        reading=_known(ReadOptions, row.reading),
        asked_shape=row.reading.get("shape"),
        bad_rows=cast(BadRows, row.bad_rows),
        created=row.created.replace(tzinfo=UTC),
    )


def _as_origin(source: Mapping[str, Any]) -> Origin:
    origin = _known(Origin, source)
    return Origin(**{**origin.__dict__, "of": tuple(origin.of)})


def _known(kind: type[T], values: Mapping[str, Any]) -> T:
    """Make a value of what was kept of it; what a newer app has kept beside it is left alone."""
    fields: Mapping[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return kind(**{name: value for name, value in values.items() if name in fields})
