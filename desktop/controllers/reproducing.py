"""Starts a run again as it was, and says what cannot be the same: before the start, and once its trainer tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject

from desktop.controllers.jobs import Jobs
from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core import folders
from desktop.core.dataset_choice import sha256_of
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import DatasetVersion
from desktop.core.passport import Passport, differences, passport
from desktop.core.run import Run
from desktop.core.store import Store
from desktop.engine.image import TrainerImage
from desktop.engine.named_image import name_image
from desktop.errors import AppError, ConfigError

AGAIN = " (again)"
SAID_AT_MOST = 4
"""So many differences are said in the notice; the passports have them all."""
LARGE_BYTES = 1_000_000_000
"""It takes seconds to read a dataset of that size: whoever waits is told."""


@dataclass(frozen=True)
class Findings:
    """What is known of a repetition before it starts."""

    run_id: str
    image: str
    """The id of the image to start from; empty for the one in use."""
    doubts: tuple[str, ...]
    """What cannot be as it was, a sentence each."""


class Reproducing(QObject):
    """The repetitions whose trainers have not spoken yet."""

    def __init__(
        self,
        runs: Runs,
        store: Store,
        notices: Notices,
        jobs: Jobs,
        image: Callable[[], TrainerImage],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runs = runs
        self._jobs = jobs
        self._image = image
        """Opens the engine for one question, on the thread that asks."""
        self._checking: set[str] = set()
        self._closed = threading.Event()
        self._datasets = DatasetRegistry(store)
        self._notices = notices
        self._before: dict[str, tuple[str, Passport]] = {}
        """The name and the passport of what each repeats, by the id of the repetition."""
        runs.advanced.connect(lambda run_id, _events: self._look(run_id))
        runs.run_removed.connect(lambda run_id: self._before.pop(run_id, None))

    def passport(self, run_id: str) -> Passport:
        """Return what a run was made of, as far as its folder tells."""
        return _passport(self._runs.refresh(run_id))

    def check(self, run_id: str, done: Callable[[Findings], None], failed: Callable[[AppError], None]) -> None:
        """Look, off this thread, whether the data and the image of a run are still what they were.

        ``done`` gets what was found. Asked again meanwhile, as by a second click, nothing more happens.
        """
        if run_id in self._checking:
            return
        run = self._runs.refresh(run_id)
        then, image, is_closed = _passport(run), self._image, self._closed.is_set
        if then.dataset_sha256 and _size(run.config.dataset) > LARGE_BYTES:
            self._notices.post("info", f"The dataset of {run.name} is compared with what it was.", run_id=run_id)
        self._checking.add(run_id)

        def found(findings: Findings) -> None:
            self._checking.discard(run_id)
            done(findings)

        def not_found(error: AppError) -> None:
            self._checking.discard(run_id)
            failed(error)

        self._jobs.run("pool", lambda: _look(run, then, image, is_closed), found, not_found)

    def close(self) -> None:
        """Give up what is being compared."""
        self._closed.set()

    def start(self, findings: Findings) -> str:
        """Start a run with the same config on the same engine and return its id; raises as Runs.start does."""
        if self._runs.get(findings.run_id) is None:
            raise ConfigError("The run was deleted meanwhile.", "There is nothing left to reproduce.")
        run = self._runs.refresh(findings.run_id)
        name = run.name.removesuffix(AGAIN) + AGAIN
        # A trainer that stands ready was made from the image in use.
        again = self._runs.start(
            run.config, name=name, engine=run.engine, dataset=self._version(run), standing=not findings.image
        )
        if findings.image:
            name_image(self._folder(again), findings.image)
        self._before[again] = (run.name, _passport(run))
        return again

    def _folder(self, run_id: str) -> Path:
        run = self._runs.get(run_id)
        assert run is not None
        return run.folder

    def _version(self, run: Run) -> DatasetVersion | None:
        """Return the version of the library that a run trained on, where it is still what it was."""
        ref = folders.read_dataset(run.files)
        if ref is None:
            return None
        try:
            version = self._datasets.find(f"{ref.name}@{ref.number}")
        except AppError:
            return None
        return version if (version.sha256, str(version.path)) == (ref.sha256, run.config.dataset) else None

    def _look(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        if run is None or run_id not in self._before or run.progress.plan is None:
            return
        name, then = self._before.pop(run_id)
        found = differences(then, _passport(run))
        said = [one.sentence for one in found[:SAID_AT_MOST]]
        if len(found) > SAID_AT_MOST:
            said.append(f"And {len(found) - SAID_AT_MOST} more.")
        if not found:
            sentence = f"{run.name} is made of the same as {name}."
            self._notices.post("info", sentence, "On a CPU the losses are the same to the last bit.", run_id)
        elif any(one.matters for one in found):
            sentence = f"{run.name} cannot be quite the same as {name}."
            self._notices.post("warning", sentence, " ".join(said), run_id)
        else:
            sentence = f"{run.name} is made of the same as {name}, in other surroundings."
            self._notices.post("info", sentence, " ".join(said), run_id)


def _look(run: Run, then: Passport, image: Callable[[], TrainerImage], is_cancelled: Callable[[], bool]) -> Findings:
    """Compare a run's dataset and image with what is here now; reads the whole file, and asks the engine."""
    doubts = []
    path = Path(run.config.dataset)
    # A file that is not there is said by the start.
    if then.dataset_sha256 and path.is_file() and (now := sha256_of(path, is_cancelled)) != then.dataset_sha256:
        doubts.append(
            f"The dataset {path.name} has changed: its SHA-256 was {then.dataset_sha256[:12]} and is {now[:12]} now."
        )
    named = then.image if run.engine == "docker" else ""
    if named and (why_not := image().why_not(named)):
        doubts.append(f"Its image {named[:19]} cannot be used. {why_not} The image in use now would be taken.")
        named = ""
    return Findings(run.id, named, tuple(doubts))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _passport(run: Run) -> Passport:
    return passport(run, folders.read_dataset(run.files))
