"""The library of datasets: registered by name, watched for changes, made into new versions, fetched from the Hub."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from desktop.controllers import dataset_errands as errands
from desktop.controllers.jobs import Jobs
from desktop.controllers.library import LAST_USED
from desktop.controllers.work import Doing, Watch, Work
from desktop.core import dataset_choice as choice
from desktop.core.dataset.report import Report, ScanOptions
from desktop.core.dataset_intake import Intake, register
from desktop.core.dataset_making.plans import Dedupe, Merge, Sample, Split
from desktop.core.dataset_registry import DatasetRegistry
from desktop.core.datasets import BadRows, Dataset, DatasetVersion, Origin, Use
from desktop.core.store import Store
from desktop.engine.hub_datasets import HubDatasets
from desktop.engine.hub_values import HubConfig, HubDataset, HubHit, HubPreview, HubSplit
from desktop.errors import ConfigError
from desktop.paths import Home
from trainer_image.contract import RunConfig

__all__ = [
    "Change",
    "Datasets",
    "Doing",
    "HubConfig",
    "HubDataset",
    "HubHit",
    "HubPreview",
    "HubSplit",
    "Prepared",
    "Work",
]


@dataclass(frozen=True)
class Change:
    """What became of a version's file since it was registered."""

    version: DatasetVersion
    state: Literal["same", "changed", "gone"]
    sentence: str


@dataclass(frozen=True)
class Prepared:
    """A config whose dataset is a file with all that was said of it."""

    config: RunConfig
    version: DatasetVersion | None
    """None where the config names a file that is not in the library."""
    warning: str = ""


class Datasets(QObject):
    """The datasets of one home."""

    datasets_changed = Signal()
    version_added = Signal(str)
    """The new version, as name@3."""

    def __init__(
        self,
        home: Home,
        store: Store,
        jobs: Jobs,
        token: Callable[[], str | None] = lambda: None,
        need_network: Callable[[str], None] = lambda _: None,
        parent: QObject | None = None,
    ) -> None:
        """``token`` is asked for off the GUI thread, as a keyring may take its time; ``need_network`` may raise."""
        super().__init__(parent)
        self._home = home
        self._jobs = jobs
        self._registry = DatasetRegistry(store)
        self._token, self._need_network = token, need_network
        self._works: dict[Work, bool] = {}
        """What is under way, and whether it asks the Hub."""

    def close(self) -> None:
        """End whatever is under way."""
        for work in list(self._works):
            work.cancel()

    def follow_offline(self, is_offline: bool) -> None:
        """Stop what asks the Hub when Tunedeck goes offline."""
        for work in [work for work, asks_hub in self._works.items() if is_offline and asks_hub]:
            work.cancel()

    # What there is

    def all(self) -> list[Dataset]:
        """Return every dataset by name."""
        return self._registry.all()

    def get(self, name: str) -> Dataset | None:
        return self._registry.get(name)

    def find(self, word: str) -> DatasetVersion:
        """Return the version that ``name`` (the newest) or ``name@3`` means; StoreError where there is none."""
        return self._registry.find(word)

    def is_name(self, word: str) -> bool:
        """Say whether a word names a dataset of the library, with or without a version."""
        return self._registry.is_name(word)

    def with_file(self, config: RunConfig) -> RunConfig:
        """Return a config with the file of its dataset, for those who only look and start nothing."""
        version = choice.chosen_version(self._registry, config)
        return config if version is None else choice.with_version(config, version)

    def uses(self, word: str) -> list[Use]:
        """Return the saved configs and runs that use a dataset, or one version of it."""
        return [use for use in self._registry.uses(word) if use.name != LAST_USED]

    def free_name(self, path_or_repo: str) -> str:
        return self._registry.free_name(path_or_repo)

    def check_name(self, name: str) -> str:
        """Return the sentence that says why a dataset cannot be called so, or nothing."""
        return self._registry.why_not(name)

    # Changes

    def rename(self, name: str, new_name: str) -> None:
        """Give a dataset another name; the saved configs that name it go along."""
        self._registry.rename(name, new_name)
        self.datasets_changed.emit()

    def set_notes(self, name: str, notes: str) -> None:
        self._registry.set_notes(name, notes)
        self.datasets_changed.emit()

    def delete(self, word: str) -> Dataset:
        """Forget a dataset or one version, and delete the files that we made for it; a file of the user's stays."""
        live = [use for use in self._registry.uses(word) if use.is_live]
        if live:
            raise ConfigError(f"{live[0].name} trains on {word}.", "Cancel that run first.", "dataset_in_use")
        gone = self._registry.delete(word)
        kept = {version.path for dataset in self._registry.all() for version in dataset.versions}
        for version in gone.versions:
            if version.path.parent == self._home.datasets and version.path not in kept:
                version.path.unlink(missing_ok=True)
        self.datasets_changed.emit()
        return gone

    # Files

    def add_file(
        self,
        name: str,
        path: Path,
        options: ScanOptions | None = None,
        bad_rows: BadRows = "stop",
        report: Report | None = None,
    ) -> Work:
        """Register a file as a new dataset, or as the next version of one; finishes with a DatasetVersion."""
        asked = options or errands.AS_FOUND
        path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  resolve() would not notice that a link leads elsewhere
        return self._work(
            lambda watch: errands.look_through(path, asked, bad_rows, watch, report),
            lambda intake: self._keep(name, intake, Origin("file", path=str(path))),
        )

    def check(self, word: str) -> Work:
        """See whether a version's file has changed since; finishes with a Change."""
        version = self.find(word)

        def settle(found: tuple[choice.Compared, int]) -> Change:
            state, modified_ns = found
            sentence = ""
            if state == "same":
                self._registry.note_time(version, modified_ns)
            elif state == "gone":
                sentence = choice.gone(version).sentence
            else:
                sentence = f"The file of {version.label} has changed since it was registered."
            return Change(version, state, sentence)

        return self._work(lambda watch: choice.compare(version, watch.is_cancelled), settle)

    def renew(self, word: str) -> Work:
        """Take a changed file in as the next version, read as the one before; finishes with a DatasetVersion."""
        version = self.find(word)
        return self._work(
            lambda watch: errands.look_through(version.path, version.options(), version.bad_rows, watch),
            lambda intake: self._keep(version.dataset, intake, Origin("file", path=str(version.path))),
        )

    def prepare(self, config: RunConfig) -> Work:
        """Resolve the dataset of a config before a run; a changed file becomes the next version. Finishes Prepared."""
        version = choice.chosen_version(self._registry, config)
        if version is None:
            return self._work(lambda _: None, lambda _: Prepared(config, None))
        newest, is_pinned = self._registry.find(version.dataset), choice.is_pinned(config.dataset)

        def do(watch: Watch) -> Intake | int:
            state, modified_ns = choice.compare(version, watch.is_cancelled)
            if state == "gone":
                raise choice.gone(version)
            if state == "same":
                return modified_ns
            if is_pinned:
                raise choice.lost(version, newest)
            return errands.look_through(version.path, version.options(), version.bad_rows, watch)

        def settle(found: Intake | int) -> Prepared:
            if not isinstance(found, Intake):
                self._registry.note_time(version, found)
                return Prepared(choice.with_version(config, version), version)
            now = self._keep(version.dataset, found, Origin("file", path=str(version.path)))
            warning = (
                f"{version.path.name} has changed since it was registered as {version.label}: it is {now.label} now, "
                f"its rows that can be used were {version.rows:,} and are {now.rows:,}, and the run trains on these."
            )
            return Prepared(choice.with_version(config, now), now, warning)

        return self._work(do, settle)

    # New versions of others

    def make(self, word: str, plan: Split | Sample | Dedupe) -> Work:
        """Make a new version of one; finishes with a tuple of DatasetVersion, two for a split: the rest, held back."""
        version = self.find(word)
        held_back = (plan.held_back.strip() or f"{version.dataset} held back") if isinstance(plan, Split) else ""
        if held_back == version.dataset:
            raise ConfigError("The rows held back need a dataset of their own.", "Choose another name.", "bad_name")
        names = [version.dataset, *([held_back] if held_back else [])]
        self._check_names(names)
        files = [self._new_file(name) for name in names]

        return self._work(
            lambda watch: errands.make_version(version, plan, names, files, watch),
            self._keep_made,
        )

    def merge(self, plan: Merge) -> Work:
        """Put several versions into one dataset, new or the next version; finishes with a tuple of one version."""
        weights = [(self.find(word), weight) for word, weight in plan.weights.items()]
        name = plan.into.strip()
        self._check_names([name])
        file = self._new_file(name)
        return self._work(lambda watch: errands.merge_versions(weights, plan, file, watch), self._keep_made)

    # The Hub

    def search_hub(self, text: str) -> Work:
        """Search the Hub for datasets; finishes with a list of HubHit."""
        hub = self._hub()
        return self._work(lambda watch: hub.search(text, watch.leave), asks_hub=True)

    def look_at_hub(self, repo: str, revision: str = "") -> Work:
        """See which configs, splits and files a repository has; finishes with a HubDataset."""
        hub = self._hub()
        return self._work(lambda watch: hub.look(repo, revision, watch.leave), asks_hub=True)

    def preview_hub(self, found: HubDataset, config: str, split: str, rows: int = 20) -> Work:
        """Read the first rows of a split without fetching the rest; finishes with a HubPreview."""
        hub = self._hub()
        return self._work(lambda watch: hub.preview(found, config, split, rows, watch.leave), asks_hub=True)

    def add_hub(
        self,
        name: str,
        found: HubDataset,
        config: str,
        split: str,
        options: ScanOptions | None = None,
        bad_rows: BadRows = "stop",
    ) -> Work:
        """Fetch a split and register it; finishes with a DatasetVersion."""
        self._check_names([name.strip()])
        hub, asked = self._hub(), options or errands.AS_FOUND
        file = self._new_file(name.strip())

        return self._work(
            lambda watch: errands.fetch_split(hub, found, config, split, file, asked, bad_rows, watch),
            lambda made: self._keep(name, *made),
            asks_hub=True,
        )

    def _hub(self) -> HubDatasets:
        self._need_network("Asking the Hub")
        return HubDatasets(self._home.caches / "hub", self._token)

    # How it is done

    def _work(
        self, do: Callable[[Watch], Any], settle: Callable[[Any], Any] = lambda made: made, *, asks_hub: bool = False
    ) -> Work:
        work = Work(self._jobs, do, settle)
        self._works[work] = asks_hub
        for signal in (work.finished, work.failed):
            signal.connect(lambda _: self._works.pop(work, None))
        return work

    def _keep(self, name: str, intake: Intake, origin: Origin) -> DatasetVersion:
        version, is_new = register(self._registry, name, intake, origin)
        if is_new:
            self.version_added.emit(version.label)
        self.datasets_changed.emit()
        return version

    def _keep_made(self, made: errands.Made) -> tuple[DatasetVersion, ...]:
        return tuple(self._keep(*one) for one in made)

    def _check_names(self, names: list[str]) -> None:
        """Say before the work that a name will not do; one that is taken gets its next version."""
        for name in names:
            fault = self._registry.why_not(name)
            if fault and self._registry.get(name) is None:
                raise ConfigError(fault, "Choose another name.", "bad_name")

    def _new_file(self, name: str) -> Path:
        """Return a place for a file of ours, with the dataset's name in it for people who look there."""
        plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "dataset"
        return self._home.datasets / f"{plain}-{secrets.token_hex(3)}.jsonl"
