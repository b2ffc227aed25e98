"""A config's dataset by its name in the library: found, compared with its file, and turned into what a run needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from desktop.core.dataset.report import Cancelled, ScanOptions
from desktop.core.dataset_registry import DatasetRegistry, parted
from desktop.core.datasets import DatasetVersion
from desktop.errors import AppError, ConfigError
from trainer_image.contract import DatasetRef, RunConfig
from trainer_image.formats import Told, read_told, words_of

ADD_AGAIN = "`tunedeck data add` with the same name takes the file as it is now as the next version."
Compared = Literal["same", "changed", "gone"]


def options_of(config: RunConfig) -> ScanOptions:
    """Return how the dataset of a config is scanned, previewed and browsed."""
    told = read_told(config.columns, config.read_as)
    return ScanOptions(read=told.read, mapping=told.mapping, shape=told.shape)


def knobs_of(options: ScanOptions) -> dict[str, Any]:
    """Return the knobs of a config that say the same as these options."""
    columns, read_as = words_of(Told(options.read, options.mapping, options.shape))
    return {"columns": columns, "read_as": read_as}


def chosen_version(registry: DatasetRegistry, config: RunConfig) -> DatasetVersion | None:
    """Return the version that a config names, or None where it names a file."""
    word = config.dataset
    if Path(word).is_absolute() or not registry.is_name(word):
        return None
    if config.columns or config.read_as:
        raise ConfigError(
            f"How the file of {word} is read is kept with the dataset.",
            "Take Columns and Read the file as out of the config.",
            "bad_config",
        )
    return registry.find(word)


def with_version(config: RunConfig, version: DatasetVersion) -> RunConfig:
    """Return the config with the file of a version, and all that was said of it."""
    bad_rows = "leave_out" if version.bad_rows == "leave_out" else config.bad_rows
    told = knobs_of(version.options())
    return config.model_copy(update={"dataset": str(version.path), "bad_rows": bad_rows, **told})


def ref_of(version: DatasetVersion) -> DatasetRef:
    """Return what a run folder keeps of a version."""
    return DatasetRef(name=version.dataset, number=version.number, sha256=version.sha256)


def resolved_at_once(registry: DatasetRegistry, config: RunConfig) -> tuple[RunConfig, DatasetVersion | None]:
    """Resolve a config's dataset by a look at size and time alone; ConfigError where that is not enough."""
    version = chosen_version(registry, config)
    if version is None:
        return config, None
    state = version.state()
    if state == "gone":
        raise gone(version)
    if state == "touched":
        raise ConfigError(
            f"The file of {version.label}, {version.path}, has changed since it was registered.",
            ADD_AGAIN,
            "dataset_changed",
        )
    return with_version(config, version), version


def gone(version: DatasetVersion) -> ConfigError:
    """Return the error for a version whose file is not there."""
    return ConfigError(
        f"The file of {version.label}, {version.path}, is not there any more.",
        "Put it back, or register another one under this name with `tunedeck data add`.",
        "dataset_missing",
    )


def compare(version: DatasetVersion, is_cancelled: Callable[[], bool] = lambda: False) -> tuple[Compared, int]:
    """Say whether a version's file is still the same, and when it was written: by size and time, then by its bytes."""
    state = version.state()
    if state != "touched":
        return ("gone" if state == "gone" else "same"), version.modified_ns
    facts = version.path.stat()
    if facts.st_size != version.size_bytes:
        return "changed", facts.st_mtime_ns
    is_same = sha256_of(version.path, is_cancelled) == version.sha256
    return ("same" if is_same else "changed"), facts.st_mtime_ns


def sha256_of(path: Path, is_cancelled: Callable[[], bool] = lambda: False) -> str:
    """Return the fingerprint of a file's bytes."""
    made = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                if is_cancelled():
                    raise Cancelled
                made.update(block)
    except OSError as error:
        raise AppError(f"{path} cannot be read: {error.strerror}.", "Give yourself the right to read it.") from error
    return made.hexdigest()


def lost(version: DatasetVersion, newest: DatasetVersion) -> ConfigError:
    """Return the error for a version that was asked for by its number, and whose rows are not there any more."""
    hint = f"Use {newest.label}." if newest.number != version.number else ADD_AGAIN
    return ConfigError(
        f"The file of {version.label} has changed since, so its rows are not there any more.", hint, "dataset_changed"
    )


def is_pinned(word: str) -> bool:
    """Say whether a word names one version, and not whatever is the newest."""
    return parted(word)[1] is not None
