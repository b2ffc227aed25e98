"""The models that a run can start from: the list, the Hub, the cache, and what is found out of the chosen one.

And those that runs have made, on their way to the Hub.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.body import EngineName
from desktop.controllers.downloads import Download, Downloads
from desktop.controllers.jobs import Jobs
from desktop.controllers.pushing import Push, Pushes
from desktop.core.models import KnownModel, known_model, model_list, needed_repository
from desktop.core.passport import Passport
from desktop.core.run import Run
from desktop.engine import hub_cache
from desktop.engine.gguf_import import import_gguf
from desktop.engine.hub_cache import CachedModel
from desktop.engine.hub_models import HubModel, HubModels
from desktop.engine.launch import Machine
from desktop.engine.model_check import ModelCheck, ModelReport, Remark, Supported
from desktop.engine.model_fetch import is_whole, snapshot_folder
from desktop.engine.verbs import Engine
from desktop.errors import AppError, ConfigError
from desktop.paths import Home
from trainer_image.contract import Problem, RunConfig

__all__ = [
    "CachedModel",
    "Download",
    "Downloads",
    "HubModel",
    "LocalModel",
    "ModelReport",
    "Models",
    "Push",
    "Pushes",
    "Remark",
    "needed_repository",
    "refusals",
]


@dataclass(frozen=True)
class LocalModel:
    """A whole model on this machine."""

    value: str
    """What the knob ``model`` takes: its name on the Hub, or its folder."""
    name: str
    size_bytes: int
    where: str


class Models(QObject):
    """Answers come by signals, on the GUI thread; of two wishes of one kind the later one counts."""

    examined = Signal(object)
    """A ModelReport: of the model that was asked for last."""
    found = Signal(str, list)
    """The words of a search, and HubModels."""
    search_failed = Signal(str, object)
    """The words of a search, and an AppError."""
    cached = Signal(list)
    """CachedModels."""
    local_found = Signal(list)
    """LocalModels."""
    freed = Signal(str, object)
    """The id of a model that has left the cache, and its bytes."""
    importing = Signal(str)
    """The GGUF file that is being turned into a folder; empty when that has ended."""
    imported = Signal(str, str)
    """A GGUF file, and the folder that it has become."""
    failed = Signal(object)
    """An AppError of freeing or importing."""

    def __init__(
        self,
        home: Home,
        jobs: Jobs,
        token: Callable[[], str | None],
        engines: Mapping[EngineName, Engine] | None = None,
        machine: Machine | None = None,
        is_offline: Callable[[], bool] = lambda: False,
        in_use: Callable[[], set[str]] = set,
        endpoint: str | None = None,
        parent: QObject | None = None,
    ) -> None:
        """``in_use`` says which models live runs have open; ``endpoint`` is another Hub than the public one."""
        super().__init__(parent)
        self._home = home
        self._jobs = jobs
        self._engines = engines or {}
        self._machine = machine
        self._in_use = in_use
        self._wanted: tuple[str, str | None, bool] | None = None
        self._look = 0
        self._words = ""
        self.is_offline = is_offline
        self.cache = home.caches / "hub" / "hub"
        listed = model_list()
        hub = HubModels(self.cache, token, endpoint, listed.not_trainable)
        self._hub = hub
        self._check = ModelCheck(hub, home.caches / "hub", Supported(listed.trainable, listed.not_trainable))
        self.downloads = Downloads(jobs, self.cache, token, endpoint, self)
        self.pushes = Pushes(jobs, token, endpoint, self)
        self._given_up = threading.Event()
        self.report: ModelReport | None = None
        """What was found out of the model that was asked for last; None while it is looked at."""

    # The chosen one

    def examine(self, model: str, revision: str | None = None, *, offline: bool = False) -> None:
        """Look a model over; ``examined`` brings what was found."""
        offline = offline or self.is_offline()
        self._wanted, self.report = (model, revision, offline), None
        self.look_again()

    def check(self, model: str, revision: str | None, offline: bool) -> ModelReport:
        """Return what there is to know of a model; blocks."""
        return self._check.check(model, revision, offline=offline or self.is_offline())

    def _take(self, look: int, report: ModelReport) -> None:
        if look == self._look:
            self.report = report
            self.examined.emit(report)

    def look_again(self) -> None:
        """Look the same model over once more; until that has ended, what was found of it stays."""
        wanted = self._wanted
        self._look += 1
        look = self._look
        if wanted is not None and wanted[0]:
            self._jobs.run("pool", lambda: self.check(*wanted), lambda found: self._take(look, found))

    def needed(self, model: str, *, four_bit: bool, revision: str | None = None) -> str:
        """Return which repository a run would load: the model itself where it is here, else what it would fetch."""
        needed = needed_repository(model, four_bit=four_bit, revision=revision)
        here = snapshot_folder(self.cache, model, revision) if needed != model else None
        return model if here is not None and is_whole(here) else needed

    def examined_as(self, values: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the name or folder, and the revision, under which the model of these knobs is looked over."""
        revision = values["model_revision"] or None
        needed = self.needed(str(values["model"]).strip(), four_bit=bool(values["load_in_4bit"]), revision=revision)
        return str(Path(needed).expanduser()) if needed.startswith("~") else needed, revision

    def refusals(self, values: Mapping[str, Any]) -> list[Problem]:
        """Return why a run with these knobs would fail, by what was found of its model; none while nobody knows."""
        report = self.report
        is_his = report is not None and (report.model, report.revision) == self.examined_as(values)
        return refusals(report) if report is not None and is_his else []

    def known(self, model: str) -> KnownModel:
        """Return what is known of a model by now: by the list, and by its files if they were looked at."""
        report = self.report
        if report is None or report.model not in (model, str(Path(model).expanduser())):
            return known_model(model)
        return known_model(model, report.config, report.has_chat_template, report.parameters, report.weight_bytes)

    # The Hub

    def search(self, words: str) -> None:
        """Look for models on the Hub; ``found`` or ``search_failed`` answers."""
        self._words = words
        if self.is_offline():
            self.search_failed.emit(words, _offline("Searching the Hub"))
            return

        def answer(found: list[HubModel]) -> None:
            if words == self._words:
                self.found.emit(words, found)

        def fail(error: AppError) -> None:
            if words == self._words:
                self.search_failed.emit(words, error)

        self._jobs.run("pool", lambda: self._hub.search(words), answer, fail)

    def search_now(self, words: str) -> list[HubModel]:
        """Return what the Hub has; blocks."""
        if self.is_offline():
            raise _offline("Searching the Hub")
        return self._hub.search(words)

    def download(self, id: str, revision: str | None = None) -> None:
        """Fetch a model into the cache, or go on with it; ConfigError while Tunedeck is offline."""
        if self.is_offline():
            raise _offline("Downloading a model")
        self.downloads.start(id, revision)

    def push(self, run: Run, passport: Passport, repo: str, *, is_private: bool = True) -> None:
        """Send the model of a run to the Hub; ConfigError while Tunedeck is offline, or where it has none."""
        if self.is_offline():
            raise _offline("Pushing a model")
        self.pushes.start(run, passport, repo, is_private=is_private)

    def follow_offline(self, is_offline: bool) -> None:
        """Stop what uses the network when Tunedeck goes offline; nothing begins again by itself."""
        if is_offline:
            self.downloads.stop_all()
            self.pushes.stop_all()

    # The cache

    def look_at_cache(self) -> None:
        """Ask what the cache keeps; ``cached`` answers."""
        self._jobs.run("pool", self.cache_now, self.cached.emit)

    def cache_now(self) -> list[CachedModel]:
        """Return what the cache keeps, the largest first; reads the disk."""
        return hub_cache.scan(self.cache)

    def free(self, id: str) -> None:
        """Delete a model from the cache; ``freed`` or ``failed`` answers."""
        self._jobs.run("pool", lambda: self.free_now(id), lambda size: self._freed(id, size), self.failed.emit)

    def free_now(self, id: str) -> int:
        """Delete a model from the cache and return its bytes; ConfigError while something needs it. Blocks."""
        going = self.downloads.get(id)
        if going is not None and going.is_live:
            raise ConfigError(f"{id} is being downloaded.", "Stop the download first.", "in_use")
        if id in self._in_use():
            raise ConfigError(f"{id} is in use by a run.", "Wait until the run has ended.", "in_use")
        return hub_cache.free(self.cache, id)

    def _freed(self, id: str, size: int) -> None:
        self.freed.emit(id, size)
        self.look_at_cache()

    # This machine

    def look_for_local(self) -> None:
        """Ask which whole models are on this machine; ``local_found`` answers."""
        self._jobs.run("pool", self.local_now, self.local_found.emit)

    def local_now(self) -> list[LocalModel]:
        """Return the whole models of the app's folder, its cache, and the user's own cache of the Hub."""
        found = [LocalModel(str(folder), folder.name, _size(folder), "models folder") for folder in self._folders()]
        cached = [one for one in self.cache_now() if one.is_whole]
        found += [LocalModel(one.id, one.id, one.size_bytes, "downloaded") for one in cached]
        own = Path.home() / ".cache" / "huggingface" / "hub"
        names = {one.id for one in cached}
        found += [
            # Runs see the app's cache only, but any folder can be given to them.
            LocalModel(str(one.folder), one.id, one.size_bytes, "your own cache")
            for one in hub_cache.scan(own)
            if one.is_whole and one.id not in names and (one.folder / "config.json").is_file()
        ]
        return found

    def _folders(self) -> list[Path]:
        if not self._home.models.is_dir():
            return []
        folders = sorted(self._home.models.iterdir())
        return [one for one in folders if not one.name.startswith(".") and (one / "config.json").is_file()]

    def import_gguf(self, gguf: Path, engine: EngineName) -> None:
        """Turn a GGUF file into a model folder; ``imported`` or ``failed`` answers."""
        machine = self._machine
        assert machine is not None
        self.importing.emit(str(gguf))

        def done(folder: Path) -> None:
            self.importing.emit("")
            self.imported.emit(str(gguf), str(folder))

        def fail(error: AppError) -> None:
            self.importing.emit("")
            self.failed.emit(error)

        work = self._engines[engine]

        def make() -> Path:
            return import_gguf(gguf, self._home.models, work, machine, given_up=self._given_up)

        self._jobs.run("build", make, done, fail)

    def close(self) -> None:
        """End the downloads, which go on at the next start of the same; pushes and conversions begin anew."""
        self._given_up.set()
        self.downloads.close()
        self.pushes.close()


def loaded_names(config: RunConfig) -> set[str]:
    """Return the names under which the cache may have what a run loads."""
    revision = config.model_revision
    return {config.model, needed_repository(config.model, four_bit=config.load_in_4bit, revision=revision)}


def refusals(report: ModelReport) -> list[Problem]:
    """Return what was found of a model that a run with it would fail on."""
    return [Problem("model", remark.sentence) for remark in report.remarks if remark.state == "fail"]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def _offline(what: str) -> ConfigError:
    hint = "Switch Offline off at the top right of the window, or by `tunedeck offline off`."
    return ConfigError(f"{what} needs the network, and Tunedeck is offline.", hint, code="offline")
