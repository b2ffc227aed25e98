"""What there is to know of datasets on the Hub, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer_image.formats import Shape


@dataclass(frozen=True)
class HubHit:
    """One find of a search."""

    repo: str
    summary: str
    downloads: int
    likes: int
    is_gated: bool


@dataclass(frozen=True)
class HubSplit:
    """One split of a config: the files that hold its rows."""

    name: str
    files: tuple[str, ...]
    bytes: int | None


@dataclass(frozen=True)
class HubConfig:
    """One config of a dataset, often the only one."""

    name: str
    splits: tuple[HubSplit, ...]


@dataclass(frozen=True)
class HubDataset:
    """A dataset repository at one commit."""

    repo: str
    revision: str
    """What was asked for; empty for the main branch."""
    commit: str
    configs: tuple[HubConfig, ...]
    is_gated: bool
    summary: str
    note: str
    """What a person should know of how its rows are read."""


@dataclass(frozen=True)
class HubPreview:
    """The first rows of a split, read without fetching the rest."""

    rows: tuple[Mapping[str, Any], ...]
    columns: tuple[str, ...]
    shape: Shape | None
    bytes_read: int
