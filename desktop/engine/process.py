"""The engine without containers: trainers in the trainer's environment, each in a session of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Literal

import psutil

from desktop.body import Body, EngineName
from desktop.engine.launch import LaunchSpec
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.errors import EngineError
from desktop.paths import PROJECT

ID = "TUNEDECK_RUN"
HOME = "TUNEDECK_RUN_HOME"
"""Variables that a body carries, so that any app of the same home finds it again."""

PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "HOME",
    "USER",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)
"""What a body gets of our own environment: nothing that could hold a secret."""


class ProcessEngine:
    """Starts trainers as processes that outlive the app."""

    name: EngineName = "process"

    def __init__(self, home: Path, environment: TrainerEnvironment) -> None:
        self._home = home
        self._environment = environment
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, spec: LaunchSpec) -> str:
        """Start the body; one that runs already is left alone."""
        known = self.find().get(spec.id)
        if known is not None and known.state == "running":
            return known.handle
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment = {
            **inherited,
            **spec.environment,
            "PYTHONPATH": str(PROJECT),
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, spec.gpus)),
            ID: spec.id,
            HOME: str(self._home),
        }
        try:
            with (spec.folder / f".{spec.role}-output").open("wb") as output:
                child = subprocess.Popen(
                    [str(self._environment.python), *spec.command],
                    cwd=spec.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineError(
                f"The trainer could not be started: {error.strerror}.",
                "Make its environment anew: delete the folder trainer-venv in Tunedeck's home.",
                code="not_started",
            ) from error
        self._children[spec.id] = child
        return str(child.pid)

    def find(self) -> dict[str, Body]:
        """Return every body of this home: children that ended with their code, and whatever still runs."""
        bodies: dict[str, Body] = {}
        for process in self._running():
            if id := _variable(process, ID):  # none: it has ended since
                bodies.setdefault(id, Body("running", handle=str(process.pid)))
        # Children are asked last: one that ends meanwhile is then told with its code, and not as gone.
        for id, child in self._children.items():
            code = child.poll()
            handle = str(child.pid)
            bodies[id] = Body("running", handle=handle) if code is None else Body("exited", code, handle=handle)
        return bodies

    def is_outdated(self, id: str) -> bool:
        """Say that none is: there is one environment, and what it is made of changes with the app."""
        return False

    def signal(self, id: str, how: Literal["stop", "kill"]) -> None:
        """Send SIGTERM to the body's first process, or SIGKILL to all of them."""
        processes = [process for process in self._running() if _variable(process, ID) == id]
        for process in processes if how == "kill" else processes[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        if how == "kill":
            child = self._children.get(id)
            if child is not None:  # before psutil, which would take the exit code away from it
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=10)
            psutil.wait_procs(
                [process for process in processes if child is None or process.pid != child.pid], timeout=10
            )

    def remove(self, id: str) -> None:
        """Forget a child that has ended; the operating system has cleared it away."""
        child = self._children.get(id)
        if child is not None and child.poll() is not None:
            del self._children[id]

    def output(self, id: str) -> str:
        """Return what the body printed before its log took over."""
        for folder in (self._home / "runs" / id, self._home / "chats" / id):
            for path in folder.glob(".*-output"):
                return path.read_text(errors="replace")[-16_384:]
        return ""

    def _running(self) -> list[psutil.Process]:
        """Return the live processes of this home's bodies, oldest first."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE or "trainer_image" not in " ".join(process.cmdline()):
                    continue
                if _variable(process, HOME) == str(self._home):
                    found.append((process.create_time(), process.pid, process))
            except psutil.Error:  # gone meanwhile, or somebody else's
                continue
        return [process for _, _, process in sorted(found, key=lambda entry: entry[:2])]


def _variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "")
    except psutil.Error:
        return ""
