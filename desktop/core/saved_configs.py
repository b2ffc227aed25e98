"""The configs that are kept by name, in the database, and as files that can be given to others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select

from desktop.body import ENGINES, EngineName
from desktop.core.config_values import read_config_file, read_values
from desktop.core.inputs import with_full_paths
from desktop.core.store import Store
from desktop.core.tables import ConfigRow
from desktop.errors import StoreError
from trainer_image.contract import CONTRACT, RunConfig

KIND = "tunedeck config"
"""What a file says of itself that was exported."""


@dataclass(frozen=True)
class SavedConfig:
    """A config under the name that the user gave it."""

    name: str
    values: Mapping[str, Any]
    """As they were saved; knobs of a newer version are among them."""
    contract: int
    saved: datetime
    notes: str = ""
    engine: EngineName | None = None
    """The engine that it was saved with, if any."""


class SavedConfigs:
    """The table of configs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[SavedConfig]:
        """Return every config by name."""
        with self._store.session() as session:
            return [_from_row(row) for row in session.scalars(select(ConfigRow).order_by(ConfigRow.name))]

    def get(self, name: str) -> SavedConfig:
        """Return one config; StoreError where there is none of that name."""
        saved = self.find(name)
        if saved is None:
            raise StoreError(f"There is no saved config called {name}.", "`tunedeck config list` shows them.")
        return saved

    def find(self, name: str) -> SavedConfig | None:
        """Return one config, or None where there is none of that name."""
        with self._store.session() as session:
            row = session.get(ConfigRow, name)
            return _from_row(row) if row else None

    def save(self, name: str, config: RunConfig, engine: EngineName | None = None) -> SavedConfig:
        """Save a config over an older one of that name, whose notes stay, and its knobs that only a newer one knows."""
        before = self.find(name)
        values: dict[str, Any] = config.model_dump(mode="json")
        saved = SavedConfig(name, values, CONTRACT, datetime.now(UTC), engine=engine)
        if before is not None:
            unknown = unknown_knobs(before.values)
            saved = replace(
                saved,
                values={**unknown, **values},
                contract=max(before.contract, CONTRACT) if unknown else CONTRACT,
                notes=before.notes,
                engine=engine or before.engine,
            )
        self.put(saved)
        return saved

    def put(self, saved: SavedConfig) -> None:
        """Write a config down as it is, such as one that was deleted by mistake."""
        with self._store.session() as session:
            session.merge(ConfigRow(**{**saved.__dict__, "values": dict(saved.values)}))

    def rename(self, name: str, new_name: str) -> None:
        """Give a config another name; StoreError where that is taken."""
        with self._store.session() as session:
            row = session.get(ConfigRow, name)
            if row is None:
                raise StoreError(f"There is no saved config called {name}.", "`tunedeck config list` shows them.")
            if name == new_name:
                return
            if session.get(ConfigRow, new_name) is not None:
                raise StoreError(f"There is already a config called {new_name}.", "Choose another name.")
            row.name = new_name

    def annotate(self, name: str, notes: str) -> None:
        """Set the notes of a config."""
        self.put(replace(self.get(name), notes=notes.strip()))

    def delete(self, name: str) -> None:
        """Delete a config; one that is not there is gone already."""
        with self._store.session() as session:
            row = session.get(ConfigRow, name)
            if row is not None:
                session.delete(row)

    def free_name(self, wanted: str) -> str:
        """Return ``wanted``, or with a number behind it where that is taken."""
        taken = {saved.name for saved in self.all()}
        number, name = 1, wanted
        while name in taken:
            number += 1
            name = f"{wanted} {number}"
        return name


def unknown_knobs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of knobs that this version does not have."""
    return {name: value for name, value in values.items() if name not in RunConfig.model_fields}


def what_is_kept_aside(values: Mapping[str, Any]) -> str:
    """Say in one sentence which knobs have no effect here; nothing where all have."""
    unknown = list(unknown_knobs(values))
    if not unknown:
        return ""
    if len(unknown) == 1:
        return f"This version has no knob called {unknown[0]}: it has no effect here, and stays in the saved config."
    names = f"{', '.join(unknown[:-1])} and {unknown[-1]}"
    return f"This version has no knobs called {names}: they have no effect here, and stay in the saved config."


def write_file(saved: SavedConfig, path: Path) -> None:
    """Write a config into a file that ``read_file`` reads, on this machine or another."""
    content = {
        "kind": KIND,
        "contract": saved.contract,
        "name": saved.name,
        "engine": saved.engine,
        "notes": saved.notes,
        "config": dict(saved.values),
    }
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise StoreError(f"The file {path} cannot be written: {error.strerror}.", "Choose another place.") from error


def read_file(path: Path, is_dataset: Callable[[str], bool] = lambda _: False) -> SavedConfig:
    """Read a config from a file: one that was exported, or plain knobs, which then have the file's name.

    ``is_dataset`` says which words are names of datasets in the library, and no files.
    """
    content = read_config_file(path)
    if content.get("kind") != KIND:
        content = with_full_paths(content, [path.parent], is_dataset)
        read_values(content)
        return SavedConfig(path.stem, content, CONTRACT, datetime.now(UTC))
    values, contract, engine = content.get("config"), content.get("contract"), content.get("engine")
    if not isinstance(values, dict) or not isinstance(contract, int):
        raise StoreError(f"The config file {path} has lost its config.", "Export it again.")
    read_values(values)
    return SavedConfig(
        name=str(content.get("name") or path.stem),
        values=values,
        contract=contract,
        saved=datetime.now(UTC),
        notes=str(content.get("notes") or ""),
        engine=engine if engine in ENGINES else None,
    )


def _from_row(row: ConfigRow) -> SavedConfig:
    return SavedConfig(
        name=row.name,
        values=row.values,
        contract=row.contract,
        saved=row.saved.replace(tzinfo=UTC),  # SQLite keeps no time zone
        notes=row.notes,
        engine=cast("EngineName | None", row.engine),
    )
