"""Write folders so that a kill, a full disk or a power cut never leaves half of one that looks whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def sync(path: Path) -> None:
    """Bring one file or folder from the cache to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Bring a folder and everything in it to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)


def make_readable(folder: Path) -> None:
    """Let everyone read what the trainer wrote; safetensors gives its files to their owner alone (0600)."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def publish_folder(aside: Path, folder: Path) -> None:
    """Give a finished folder its real name in one step, in the place of what bore it before."""
    sync_tree(aside)
    folder.parent.mkdir(parents=True, exist_ok=True)
    former = folder.with_name(f".{folder.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        folder.rename(former)
    aside.rename(folder)
    sync(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder by its name seen from there; large ones side by side."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(min(4, len(paths) or 1)) as pool:
        return {
            str(path.relative_to(folder)): found for path, found in zip(paths, pool.map(digest, paths), strict=True)
        }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
