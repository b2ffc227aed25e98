"""Datasets on the Hugging Face Hub: found, looked at, their first rows streamed, their files brought into the cache.

Everything is asked by a process of its own, which ends at once where nobody wants the answer any more. It runs no
code that comes with a dataset.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from desktop.engine.hub_values import HubDataset, HubHit, HubPreview, HubSplit
from desktop.errors import AppError
from desktop.workers import Worker

_READING = "desktop.engine.hub_reading"
ANSWER_S = 60.0
HITS = 30
MOST_ROWS = 200
Tell = Callable[[str, float | None, int], None]
"""What is fetched, the share that has come, and 0 rows."""
Leave = Callable[[], None]
"""Raises where nobody wants the answer any more."""
ALONE = "Check the network, or use a file on this machine."


class HubDatasets:
    """The Hub, for those who look for rows. Every call blocks, and asks ``leave`` several times a second."""

    def __init__(self, cache: Path, token: Callable[[], str | None] = lambda: None) -> None:
        """``cache`` is a home of the Hub's library; a token goes to the asking process by its input, nowhere else."""
        self._cache, self._token = cache / "hub", token

    def search(self, text: str, leave: Leave) -> list[HubHit]:
        """Return the datasets that a search finds."""
        found: list[HubHit] = self._ask(leave, "search", text, HITS)
        return found

    def look(self, repo: str, revision: str, leave: Leave) -> HubDataset:
        """Return the configs, splits and files of a repository."""
        found: HubDataset = self._ask(leave, "look", repo.strip(), revision.strip())
        return found

    def preview(self, found: HubDataset, config: str, split: str, rows: int, leave: Leave) -> HubPreview:
        """Return the first rows of a split."""
        files = chosen_split(found, config, split).files
        made: HubPreview = self._ask(leave, "preview", found.repo, found.commit, files, min(rows, MOST_ROWS))
        return made

    def fetch(self, found: HubDataset, config: str, split: str, tell: Tell) -> list[Path]:
        """Bring the files of a split into the cache; ``tell`` raises where nobody wants them any more."""
        chosen = chosen_split(found, config, split)
        worker = Worker()
        try:
            asked = (found.repo, found.commit, chosen.files, self._cache, self._token())
            said = worker.stream(f"{_READING}:fetch", *asked)
            while True:
                try:
                    come = next(said)
                except StopIteration as end:
                    paths: list[Path] = end.value
                    return paths
                share = min(1.0, come.bytes / chosen.bytes) if chosen.bytes else None
                tell(f"Fetching {Path(come.name).name} ({come.number} of {len(chosen.files)})", share, 0)
        finally:
            worker.close()

    def keep(self, fetched: Path, target: Path) -> Path:
        """Give a fetched file a second name outside the cache, which somebody may clear."""
        source = fetched.resolve()
        try:
            try:
                os.link(source, target)
            except OSError:  # another disk, or one without such links
                shutil.copyfile(source, target)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise AppError(f"{target} cannot be written: {error.strerror}.", "Free some space.", "disk") from error
        return target

    def _ask(self, leave: Leave, task: str, *arguments: Any) -> Any:
        worker, until = Worker(), time.monotonic() + ANSWER_S
        try:
            said = worker.stream(f"{_READING}:task", task, *arguments, self._token())
            while True:
                try:
                    next(said)
                except StopIteration as end:
                    return end.value
                leave()
                if time.monotonic() > until:
                    raise AppError("The Hub does not answer.", ALONE, "offline")
        finally:
            worker.close()


def chosen_split(found: HubDataset, config: str, split: str) -> HubSplit:
    """Return a split by name; without a name the only one, or train. AppError says what there is."""
    configs = {one.name: one for one in found.configs}
    if not config and len(configs) > 1 and "default" not in configs:
        raise AppError(f"{found.repo} has several configs: {_named(configs)}.", "Choose one of them.", "hub_choose")
    name = config or ("default" if "default" in configs else next(iter(configs)))
    if name not in configs:
        raise AppError(f"{found.repo} has no config {name}.", f"It has {_named(configs)}.", "hub_choose")
    splits = {one.name: one for one in configs[name].splits}
    wanted = split or ("train" if "train" in splits else next(iter(splits)) if len(splits) == 1 else "")
    if wanted not in splits:
        asked = f"no split {wanted}" if wanted else "several splits"
        raise AppError(f"{found.repo} has {asked}.", f"It has {_named(splits)}.", "hub_choose")
    return splits[wanted]


def _named(names: Any) -> str:
    shown = list(names)[:12]
    return ", ".join(shown) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
