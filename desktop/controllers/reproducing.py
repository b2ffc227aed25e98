"""Starts a run again as it was, and says what cannot be the same as soon as its trainer tells."""

from __future__ import annotations

from PySide6.QtCore import QObject

from desktop.controllers.notices import Notices
from desktop.controllers.runs import Runs
from desktop.core import folders
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import DatasetVersion
from desktop.core.passport import Passport, differences, passport
from desktop.core.run import Run
from desktop.core.store import Store
from desktop.errors import AppError

AGAIN = " (again)"
SAID_AT_MOST = 4
"""So many differences are said in the notice; the passports have them all."""


class Reproducing(QObject):
    """The repetitions whose trainers have not spoken yet."""

    def __init__(self, runs: Runs, store: Store, notices: Notices, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs = runs
        self._datasets = DatasetRegistry(store)
        self._notices = notices
        self._before: dict[str, tuple[str, Passport]] = {}
        """The name and the passport of what each repeats, by the id of the repetition."""
        runs.advanced.connect(lambda run_id, _events: self._look(run_id))
        runs.run_removed.connect(lambda run_id: self._before.pop(run_id, None))

    def passport(self, run_id: str) -> Passport:
        """Return what a run was made of, as far as its folder tells."""
        return _passport(self._runs.refresh(run_id))

    def start(self, run_id: str) -> str:
        """Start a run with the same config on the same engine and return its id; raises as Runs.start does."""
        run = self._runs.refresh(run_id)
        name = run.name.removesuffix(AGAIN) + AGAIN
        again = self._runs.start(run.config, name=name, engine=run.engine, dataset=self._version(run))
        self._before[again] = (run.name, _passport(run))
        return again

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


def _passport(run: Run) -> Passport:
    return passport(run, folders.read_dataset(run.files))
