"""The process engine's virtual environment: made from the trainer's requirements, never mixed with the app's."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from desktop.engine.commands import follow
from desktop.engine.steps import BuildStep
from desktop.engine.wheels import (
    CPU_INDEX,
    Variant,
    local_torch_wheels,
    package_of,
    requirement_files,
    requirements_digest,
)
from desktop.errors import EngineError

STEPS = 4


class TrainerEnvironment:
    """A folder with Python and everything that ``trainer_image`` imports."""

    def __init__(self, folder: Path, variant: Variant) -> None:
        self.folder = folder
        self.variant = variant

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def is_ready(self) -> bool:
        """Say whether the environment is there and made from today's requirements."""
        try:
            stamp = json.loads(self._stamp.read_text())
        except (OSError, ValueError):
            return False
        return bool(stamp == self._wanted) and self.python.exists()

    def build(self, progress: Callable[[BuildStep], None]) -> None:
        """Make the environment anew; EngineError where Python or pip cannot."""
        started = time.monotonic()
        torch, rest, without_dependencies = requirement_files(self.variant)

        def step(number: int, text: str) -> Callable[[str], None]:
            def tell(detail: str = "") -> None:
                words = f"{text} {detail}".strip()
                progress(BuildStep(number, STEPS, words, time.monotonic() - started))

            tell()
            return tell

        tell = step(1, "making the trainer's environment")
        shutil.rmtree(self.folder, ignore_errors=True)
        # CPU builds: from a wheel that is here already, else from PyTorch's own index, before PyPI's CUDA build.
        index = ["--extra-index-url", CPU_INDEX] if self.variant == "cpu" and not local_torch_wheels() else []
        try:
            self._call([sys.executable, "-m", "venv", str(self.folder)], tell)
            self._pip(["-r", str(torch), *index], step(2, "installing PyTorch"))
            self._pip(["-r", str(rest)], step(3, "installing the trainer's libraries"))
            self._pip(["--no-deps", "-r", str(without_dependencies)], step(4, "installing Unsloth"))
        except EngineError:  # half of it is of no use, and takes gigabytes
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        self._stamp.write_text(json.dumps(self._wanted))

    @property
    def _stamp(self) -> Path:
        return self.folder / "tunedeck.json"

    @property
    def _wanted(self) -> dict[str, str]:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return {"requirements": requirements_digest(self.variant), "variant": self.variant, "python": python}

    def _pip(self, arguments: list[str], tell: Callable[[str], None]) -> None:
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
        self._call(command, tell)

    def _call(self, command: list[str], tell: Callable[[str], None]) -> None:
        environment = {**os.environ, "PYTHONNOUSERSITE": "1", "PIP_PROGRESS_BAR": "off"}
        detail = ""

        def hear(line: str) -> None:
            nonlocal detail
            if package := package_of(line):
                detail = f"({package})"
                tell(detail)

        # A large package takes minutes without a line, and somebody may want to stop meanwhile.
        code, lines = follow(command, environment, hear, lambda: tell(detail))
        if code != 0:
            raise _explain(lines)


def _explain(lines: list[str]) -> EngineError:
    errors = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["no reason given"]
    text = "\n".join(lines)
    if "No space left on device" in text:
        return EngineError("The disk is full.", "Free about 4 GB, then try again.", code="disk_full")
    if "ensurepip is not available" in text:
        return EngineError(
            "Python cannot make virtual environments here.",
            "Install it: sudo apt install python3-venv.",
            code="no_venv",
        )
    return EngineError(
        f"The trainer's environment could not be made: {errors[-1][:300]}",
        "Check the network, then try again.",
        code="environment_failed",
    )
