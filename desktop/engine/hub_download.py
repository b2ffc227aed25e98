"""Fetches a model from the Hub into the cache, in a process of its own; what is there of a file is not fetched again.

huggingface_hub begins a file anew after a break, and weights come in files of 5 GB. So the large files are fetched
here, by ranges, under the names that its cache has for them; it then finds them there and does the rest.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import TransportError
from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url, snapshot_download

from desktop.engine.hub_models import HubFile, HubModels, explained
from desktop.errors import AppError

AT_ONCE = 3
CHUNK = 1 << 20
TELL_S = 0.25
TRIES = 4
RESERVE = 1 << 30
"""So much of the disk stays free."""


@dataclass(frozen=True)
class Fetched:
    """How far a download is, in bytes."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class _Source:
    """The commit of a model that is fetched."""

    id: str
    commit: str
    token: str | None
    endpoint: str | None

    def url(self, file: HubFile) -> str:
        return hf_hub_url(self.id, file.name, revision=self.commit, endpoint=self.endpoint)


@dataclass
class _Counter:
    total: int
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count


def repository_folder(cache: Path, id: str) -> Path:
    """Return where the cache keeps a model."""
    return cache / f"models--{id.replace('/', '--')}"


def fetch(
    id: str, revision: str | None, cache: Path, token: str | None, endpoint: str | None = None
) -> Generator[Fetched, None, str]:
    """Fetch a model and say from time to time how far it is; return its folder. Kill the process to stop it."""
    model = HubModels(cache, lambda: token, endpoint).show(id, revision)
    source = _Source(id, model.commit, token, endpoint)
    large = [file for file in model.files if file.sha256]
    counter = _Counter(sum(file.size_bytes for file in model.files))
    blobs = repository_folder(cache, id) / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    _check_disk(cache, counter.total - _there(blobs, large), id)

    def work() -> str:
        with explained(id, revision):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for part in [pool.submit(_fetch_large, source, one, blobs, counter) for one in large]:
                    part.result()
            names = [file.name for file in model.files]
            # By the name that was asked for, so that the cache knows which commit it was.
            return snapshot_download(
                id,
                revision=revision,
                cache_dir=cache,
                allow_patterns=names,
                token=token or False,
                endpoint=endpoint,
            )

    with ThreadPoolExecutor(1) as lane:
        working = lane.submit(work)
        while not working.done():
            yield Fetched(min(counter.done, counter.total), counter.total)
            wait([working], timeout=TELL_S)
    folder = working.result()
    yield Fetched(counter.total, counter.total)
    return folder


def _there(blobs: Path, files: Sequence[HubFile]) -> int:
    return sum(path.stat().st_size for file in files for path in blobs.glob(f"{file.sha256}*"))


def _check_disk(cache: Path, needed: int, id: str) -> None:
    free = shutil.disk_usage(cache).free
    if needed + RESERVE > free:
        sentence = f"{id} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free at {cache}."
        raise AppError(sentence, "Free the cache of models that you no longer use.", "disk_full")


def _fetch_large(source: _Source, file: HubFile, blobs: Path, counter: _Counter) -> None:
    target, part = blobs / file.sha256, blobs / f"{file.sha256}.part"
    if target.is_file():
        counter.add(file.size_bytes)
        return
    counter.add(part.stat().st_size if part.is_file() else 0)
    for trial in range(TRIES):
        try:
            _append(source, file, part, counter)
            break
        except (TransportError, EOFError):  # a stream of hours may break: it goes on from where it is
            if trial == TRIES - 1:
                raise
            time.sleep(2**trial)
    if _sha256(part) != file.sha256:
        counter.add(-part.stat().st_size)
        part.unlink()
        raise AppError(f"{file.name} of {source.id} has come damaged.", "Download it once more.", "damaged")
    part.replace(target)


def _append(source: _Source, file: HubFile, part: Path, counter: _Counter) -> None:
    """Fetch what is missing of a file; a server that knows no ranges sends all of it."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= file.size_bytes:
        return
    url = source.url(file)
    metadata = get_hf_file_metadata(url, token=source.token or False, endpoint=source.endpoint)
    headers: dict[str, Any] = {"Range": f"bytes={have}-"} if have else {}
    if source.token and metadata.location == url:  # the Hub itself sends it; another host must not see the token
        headers["Authorization"] = f"Bearer {source.token}"
    headers["Accept-Encoding"] = "identity"
    with get_session().stream("GET", metadata.location, headers=headers, follow_redirects=True) as answer:
        answer.raise_for_status()
        if have and answer.status_code != 206:
            counter.add(-have)
            part.unlink()
        with part.open("ab") as out:
            for chunk in answer.iter_bytes(CHUNK):
                out.write(chunk)
                counter.add(len(chunk))
    if part.stat().st_size < file.size_bytes:
        raise EOFError(f"{file.name} ended early")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
