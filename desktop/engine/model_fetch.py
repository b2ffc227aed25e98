"""Brings a model of the Hub here before a run starts, so that its container needs neither network nor token."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from desktop.engine.hub_download import Fetched, repository_folder
from desktop.workers import Worker


class ModelFetch:
    """Fetches into the cache that trainers see, with the user's token, in a process of its own."""

    def __init__(self, cache: Path, token: Callable[[], str | None]) -> None:
        self._cache = cache
        self._token = token

    def is_here(self, id: str, revision: str | None) -> bool:
        """Say whether everything that a run needs of a model is in the cache; looks at the disk only."""
        folder = snapshot_folder(self._cache, id, revision)
        return folder is not None and is_whole(folder)

    def bring(
        self, id: str, revision: str | None, tell: Callable[[str], object], is_wanted: Callable[[], bool]
    ) -> None:
        """Fetch what is missing of a model, or return at once; give up when nobody wants it any more. Blocks."""
        if self.is_here(id, revision):
            return
        tell(f"fetching {id}")
        worker = Worker()
        try:
            # The token goes through the worker's input, and nowhere else.
            for said in worker.stream("desktop.engine.hub_download:fetch", id, revision, self._cache, self._token()):
                if not is_wanted():
                    return
                tell(f"fetching {id}: {_amount(said)}")
        finally:
            worker.close()


def snapshot_folder(cache: Path, id: str, revision: str | None) -> Path | None:
    """Return where the cache has a model at a branch, tag or commit, as far as it was fetched."""
    kept = repository_folder(cache, id)
    wanted = revision or "main"
    with contextlib.suppress(OSError):  # a commit has no file of its own
        wanted = (kept / "refs" / wanted).read_text("utf-8").strip()
    folder = kept / "snapshots" / wanted
    return folder if folder.is_dir() else None


def is_whole(folder: Path) -> bool:
    """Say whether a model folder has its config and all of its weights."""
    if not (folder / "config.json").is_file():
        return False
    for kind in ("model.safetensors", "pytorch_model.bin"):
        try:
            parts = set(json.loads((folder / f"{kind}.index.json").read_bytes())["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError):
            parts = {kind}
        if all((folder / part).is_file() for part in parts):
            return True
    return False


def _amount(fetched: Fetched) -> str:
    return f"{fetched.done_bytes / 1e9:.1f} of {fetched.total_bytes / 1e9:.1f} GB"
