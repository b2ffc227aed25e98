"""One line of an examination, and the checks of disk, memory and clock, which need nothing but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from desktop.engine.remedies import command_in

GIB = 1024**3
ENOUGH_DISK = 20 * GIB
TOO_LITTLE_DISK = 5 * GIB
CLOCKS_MAY_DIFFER_S = 60
WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows a time before this was written."""

Action = Literal["", "build_image", "make_environment"]
"""What the app itself can do about it."""


@dataclass(frozen=True)
class Check:
    """One line of the examination: what it is about, how it stands, what that means, and how to mend it."""

    name: str
    state: Literal["ok", "warn", "fail", "absent"]
    detail: str
    fix: str = ""
    action: Action = ""
    command: str = ""
    """What a terminal takes as it stands; empty where a person has to do it otherwise."""

    def __post_init__(self) -> None:
        if not self.command and self.fix:
            object.__setattr__(self, "command", command_in(self.fix))


def check_shared_memory() -> Check:
    """Containers get their own, sized for the run; without one, the machine's has to do."""
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        return Check("shared_memory", "absent", "This machine has no /dev/shm; containers bring their own.")
    detail = f"{free / GIB:.1f} GiB free for runs without a container; containers bring their own."
    if free < GIB:
        return Check("shared_memory", "warn", detail, "sudo mount -o remount,size=4G /dev/shm")
    return Check("shared_memory", "ok", detail)


def check_home(folder: Path) -> Check:
    """Runs write their checkpoints there."""
    while not folder.exists():
        folder = folder.parent
    if os.access(folder, os.W_OK | os.X_OK):
        return Check("home", "ok", f"{folder} can be written.")
    return Check(
        "home",
        "fail",
        f"You may not write into {folder}.",
        f"Give yourself the right (sudo chown -R $USER {folder}), or choose another folder with --home.",
    )


def check_disk(name: str, folder: Path) -> Check:
    """Say how much room is left where ``folder`` lies."""
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


def check_engine_disk(info: Mapping[str, Any] | None) -> list[Check]:
    """The engine keeps images and containers elsewhere; one on another machine cannot be looked at."""
    root = str(info.get("DockerRootDir", "")) if info else ""
    return [check_disk("engine_disk", Path(root))] if root and os.path.isdir(root) else []  # noqa: PTH112 (Path.is_dir raises where a folder above is closed to us)


def check_clock(info: Mapping[str, Any] | None, now: datetime) -> Check:
    """A wrong clock breaks certificates, and the order of what happened."""
    fix = "Set it: sudo timedatectl set-ntp true."
    if now < WRITTEN:
        return Check("clock", "fail", f"The clock says {now:%Y-%m-%d}, which has long passed.", fix)
    try:
        engines = datetime.fromisoformat(str((info or {})["SystemTime"])[:19]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC.")
    apart = abs((engines - now).total_seconds())
    if apart > CLOCKS_MAY_DIFFER_S:
        return Check(
            "clock",
            "warn",
            f"The engine's clock and this machine's are {apart / 60:.0f} minutes apart.",
            f"{fix} Docker Desktop's clock stops while the computer sleeps: restart it.",
        )
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, the engine's clock agrees.")
