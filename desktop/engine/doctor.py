"""Examines everything that a run needs, and says how to mend what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
from docker.errors import DockerException

from desktop.engine.docker import connect
from desktop.engine.docker_errors import explain
from desktop.engine.gpus import Gpus
from desktop.engine.image import TrainerImage
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.errors import AppError
from desktop.paths import Home

GIB = 1024**3
ENOUGH_DISK = 20 * GIB
TOO_LITTLE_DISK = 5 * GIB


@dataclass(frozen=True)
class Check:
    """One line of the examination."""

    name: str
    state: Literal["ok", "warn", "fail", "absent"]
    detail: str
    fix: str = ""


class Doctor:
    """Asks each part of the machine; every question may be asked on any thread, for each opens its own client."""

    def __init__(
        self,
        home: Home,
        gpus: Gpus,
        environment: TrainerEnvironment,
        image: Callable[[], TrainerImage],
    ) -> None:
        self._home = home
        self._gpus = gpus
        self._environment = environment
        self._image = image

    def examine(self) -> list[Check]:
        """Return every check, the most basic one first."""
        engine, info = self._engine()
        return [
            engine,
            self._check_image(info),
            self._check_gpus(),
            self._check_gpu_route(info),
            self._check_environment(),
            self._check_shared_memory(),
            self._check_disk("disk", self._home.path),
            *self._check_engine_disk(info),
        ]

    def check_engine(self) -> Check:
        """Return the engine's line alone."""
        return self._engine()[0]

    def _engine(self) -> tuple[Check, dict[str, Any] | None]:
        try:
            client = connect()
            info = dict(client.info())
            client.close()
        except (DockerException, requests.RequestException, OSError) as error:
            told = explain(error)
            return Check("engine", "fail", told.sentence, told.hint), None
        return Check("engine", "ok", f"Docker {info.get('ServerVersion', '')} answers."), info

    def _check_image(self, info: dict[str, Any] | None) -> Check:
        if info is None:
            return Check("image", "absent", "Cannot be asked for without an engine.")
        image = self._image()
        try:
            state = image.state()
            if state is None:
                return Check(
                    "image",
                    "warn",
                    "The trainer image is not built yet.",
                    "tunedeck image build, or just start a run.",
                )
            image.for_launch()
        except AppError as error:
            return Check("image", "fail", error.sentence, error.hint)
        if not state.is_current:
            return Check(
                "image",
                "warn",
                f"{state.tag} is older than this app.",
                "It is built anew at the next start of a run.",
            )
        return Check("image", "ok", f"{state.tag}, {state.size_bytes / GIB:.1f} GiB.")

    def _check_gpus(self) -> Check:
        cards = self._gpus.sample()
        if not cards:
            return Check(
                "gpus",
                "absent",
                "No NVIDIA GPU answers: training uses the CPU, which suits small models only.",
                "If there is one, install NVIDIA's driver and restart.",
            )
        names = ", ".join(f"{card.name} ({card.total_bytes / GIB:.0f} GiB)" for card in cards)
        return Check("gpus", "ok", f"{len(cards)}: {names}; driver {self._gpus.driver_version()}.")

    def _check_gpu_route(self, info: dict[str, Any] | None) -> Check:
        if info is None or not self._gpus.sample():
            return Check("gpu_containers", "absent", "Needs an engine and a GPU.")
        if "nvidia" in info.get("Runtimes", {}):
            return Check("gpu_containers", "ok", "NVIDIA's container toolkit is set up.")
        if _has_cdi(info):
            return Check("gpu_containers", "ok", "The engine offers the GPUs through CDI.")
        told = explain(RuntimeError("could not select device driver"))
        return Check("gpu_containers", "fail", told.sentence, told.hint)

    def _check_environment(self) -> Check:
        if self._environment.is_ready():
            return Check("process_engine", "ok", "The trainer's own environment is made.")
        return Check(
            "process_engine",
            "absent",
            "The trainer's environment for runs without a container is not made.",
            "It is made when a run with engine process first starts.",
        )

    def _check_shared_memory(self) -> Check:
        """Containers get their own, sized for the run; without one, the machine's has to do."""
        try:
            free = shutil.disk_usage("/dev/shm").free
        except OSError:
            return Check("shared_memory", "absent", "This machine has no /dev/shm; containers bring their own.")
        detail = f"{free / GIB:.1f} GiB free for runs without a container; containers bring their own."
        if free < GIB:
            return Check("shared_memory", "warn", detail, "sudo mount -o remount,size=4G /dev/shm")
        return Check("shared_memory", "ok", detail)

    def _check_engine_disk(self, info: dict[str, Any] | None) -> list[Check]:
        root = str(info.get("DockerRootDir", "")) if info else ""
        return [self._check_disk("engine_disk", Path(root))] if root and os.path.isdir(root) else []  # noqa: PTH112 (Path.is_dir raises where a folder above is closed to us)

    def _check_disk(self, name: str, folder: Path) -> Check:
        while not folder.exists():
            folder = folder.parent
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return Check(name, "fail", f"{folder} cannot be read: {error.strerror}.")
        detail = f"{free / GIB:.0f} GiB free at {folder}."
        if free < TOO_LITTLE_DISK:
            return Check(name, "fail", detail, "Free at least 20 GiB: a model, its checkpoints and the image need it.")
        if free < ENOUGH_DISK:
            return Check(name, "warn", detail, "Enough for small models; 20 GiB is comfortable.")
        return Check(name, "ok", detail)


def _has_cdi(info: dict[str, Any]) -> bool:
    """Say whether the engine's CDI folders name NVIDIA cards; only an engine on this machine can be looked into."""
    for folder in info.get("CDISpecDirs") or []:
        for path in Path(folder).glob("*"):
            try:
                if "nvidia.com/gpu" in path.read_text():
                    return True
            except (OSError, UnicodeDecodeError):
                continue
    return False
