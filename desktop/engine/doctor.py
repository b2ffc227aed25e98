"""Examines everything that a run needs, and says how to mend what is missing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import requests
from docker.errors import DockerException

from desktop.engine import checks, gpu_checks
from desktop.engine.checks import GIB, Check
from desktop.engine.docker import connect
from desktop.engine.docker_errors import explain
from desktop.engine.gpus import Gpus
from desktop.engine.image import ImageState, TrainerImage
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.errors import AppError
from desktop.paths import Home

LEAST_ENGINE = (20, 10)
"""The first whose way of handing out cards the SDK's requests follow."""


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
        engine, client, info = self._engine()
        try:
            cards = self._gpus.sample()
            image, state = self._check_image(info)
            return [
                engine,
                *_check_version(info),
                image,
                gpu_checks.check_cards(self._gpus, cards),
                gpu_checks.check_driver(self._gpus, cards),
                gpu_checks.check_route(info, cards),
                gpu_checks.check_inside(client, info, state.id if state else None, cards),
                gpu_checks.check_peers(cards, self._home.caches / "cards.json"),
                self._check_environment(),
                checks.check_shared_memory(),
                checks.check_home(self._home.path),
                checks.check_disk("disk", self._home.path),
                *checks.check_engine_disk(info),
                checks.check_clock(info, datetime.now(UTC)),
            ]
        finally:
            if client is not None:
                client.close()

    def check_engine(self) -> Check:
        """Return the engine's line alone."""
        check, client, _ = self._engine()
        if client is not None:
            client.close()
        return check

    def _engine(self) -> tuple[Check, Any, dict[str, Any] | None]:
        client = None
        try:
            client = connect()
            info = dict(client.info())
        except (DockerException, requests.RequestException, OSError) as error:
            if client is not None:
                with contextlib.suppress(DockerException, requests.RequestException, OSError):
                    client.close()
            told = explain(error)
            return Check("engine", "fail", told.sentence, told.hint), None, None
        return Check("engine", "ok", f"Docker {info.get('ServerVersion', '')} answers."), client, info

    def _check_image(self, info: dict[str, Any] | None) -> tuple[Check, ImageState | None]:
        if info is None:
            return Check("image", "absent", "Cannot be asked for without an engine."), None
        image = self._image()
        try:
            state = image.state()
            if state is None:
                missing = "The trainer image is not built yet."
                return Check(
                    "image", "warn", missing, "tunedeck image build, or just start a run.", "build_image"
                ), None
            image.for_launch()
        except AppError as error:
            return Check("image", "fail", error.sentence, error.hint, "build_image"), None
        size = f"{state.size_bytes / GIB:.1f} GiB, contract {state.contract}"
        if state.is_chosen:
            return Check("image", "ok", f"{state.tag}, {size}: an older one, as you chose."), state
        if not state.is_current:
            older = f"{state.tag} is older than this app."
            return Check("image", "warn", older, "It is built anew at the next start of a run.", "build_image"), state
        return Check("image", "ok", f"{state.tag}, {size}."), state

    def _check_environment(self) -> Check:
        if self._environment.is_ready():
            return Check("process_engine", "ok", "The trainer's own environment is made.")
        return Check(
            "process_engine",
            "absent",
            "The trainer's environment for runs without a container is not made.",
            "It is made when a run with engine process first starts.",
            "make_environment",
        )


def _check_version(info: dict[str, Any] | None) -> list[Check]:
    version = re.match(r"(\d+)\.(\d+)", str(info.get("ServerVersion", ""))) if info else None
    if version is None:  # Podman and others count in their own way
        return []
    if (int(version[1]), int(version[2])) < LEAST_ENGINE:
        return [
            Check(
                "engine_version",
                "fail",
                f"Docker {version[0]} is too old to hand out GPUs.",
                "Install 20.10 or newer: sudo apt install docker.io, or Docker's own packages.",
            )
        ]
    return [Check("engine_version", "ok", f"Docker {version[0]} knows all that a run asks for.")]
