"""The models that the Hub's cache keeps: their sizes, when they were last used, and how to be rid of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from desktop.engine.hub_download import repository_folder
from desktop.errors import AppError


@dataclass(frozen=True)
class CachedModel:
    """One repository in a cache."""

    id: str
    folder: Path
    """The newest of its snapshots."""
    size_bytes: int
    last_used: datetime | None
    is_whole: bool
    """It has weights, and no part of a download is left over."""


def scan(cache: Path) -> list[CachedModel]:
    """Return the models of one cache, the largest first; a cache that is not there yet has none."""
    try:
        info = scan_cache_dir(cache)
    except CacheNotFound:
        return []
    found: list[CachedModel] = []
    for repo in info.repos:
        if repo.repo_type != "model" or not repo.revisions:
            continue
        parts = sum(path.stat().st_size for path in _parts(repo.repo_path))
        newest = max(repo.revisions, key=lambda one: one.last_modified)
        weights = any(file.file_name.endswith((".safetensors", ".bin")) for file in newest.files)
        used = datetime.fromtimestamp(repo.last_accessed, UTC) if repo.last_accessed else None
        found.append(
            CachedModel(repo.repo_id, newest.snapshot_path, repo.size_on_disk + parts, used, weights and not parts)
        )
    return sorted(found, key=lambda one: one.size_bytes, reverse=True)


def _parts(repository: Path) -> list[Path]:
    blobs = repository / "blobs"
    return [*blobs.glob("*.part"), *blobs.glob("*.incomplete")]


def free(cache: Path, id: str) -> int:
    """Delete a model from the cache, with what is left of an unfinished download, and return the bytes it gave back."""
    folder = repository_folder(cache, id)
    if not folder.is_dir() or folder.parent != cache:
        raise AppError(f"{id} is not in the cache.", "`tunedeck models cache` shows what is.", "no_model")
    known = next((one for one in scan(cache) if one.id == id), None)
    size = known.size_bytes if known else sum(path.stat().st_size for path in _parts(folder))
    # Its own way goes by commits, and would delete a copy of the repository under another name with it.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(cache / ".locks" / folder.name, ignore_errors=True)
    if folder.exists():
        raise AppError(f"{id} could not be deleted whole.", f"Look at the rights of {folder}.", "disk")
    return size
