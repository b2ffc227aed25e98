"""The examination of the cards: the driver, the way into containers, what a container sees, and how they talk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pynvml
import requests
from docker.errors import DockerException

from desktop.engine.checks import GIB, Check
from desktop.engine.docker import device_requests, gpu_routes
from desktop.engine.docker_errors import explain
from desktop.engine.gpus import Gpus, GpuSample
from desktop.engine.remedies import OFFER, driver_command, toolkit_command
from desktop.engine.wheels import LEAST_DRIVER

LOOK_S = 60
DRIVERS = "Every driver is at nvidia.com/drivers."
COUNT_CARDS = """
import pynvml
pynvml.nvmlInit()
print(pynvml.nvmlDeviceGetCount())
"""


def check_cards(gpus: Gpus, cards: Sequence[GpuSample]) -> Check:
    """Say which cards there are."""
    if not cards:
        why = f" ({gpus.absent_because})" if gpus.absent_because else ""
        return Check(
            "gpus",
            "absent",
            f"No NVIDIA GPU answers{why}: training uses the CPU, which suits small models only.",
            f"If there is one, install NVIDIA's driver, version {LEAST_DRIVER} or newer, and restart. {DRIVERS}",
            command=driver_command(LEAST_DRIVER),
        )
    names = ", ".join(f"{card.name} ({card.total_bytes / GIB:.0f} GiB)" for card in cards)
    return Check("gpus", "ok", f"{len(cards)}: {names}; driver {gpus.driver_version()}.")


def check_driver(gpus: Gpus, cards: Sequence[GpuSample]) -> Check:
    """The trainer's CUDA wants a driver that is not older than itself."""
    version = gpus.driver_version() if cards else None
    if version is None:
        return Check("driver", "absent", "There is no NVIDIA driver to look at.")
    major = version.split(".")[0]
    if major.isdigit() and int(major) < LEAST_DRIVER:
        return Check(
            "driver",
            "fail",
            f"NVIDIA's driver {version} is too old for the trainer's CUDA 13.",
            f"Install version {LEAST_DRIVER} or newer, then restart the computer. {DRIVERS}",
            command=driver_command(LEAST_DRIVER),
        )
    return Check("driver", "ok", f"NVIDIA's driver {version} suits the trainer's CUDA 13.")


def check_route(info: Mapping[str, Any] | None, cards: Sequence[GpuSample]) -> Check:
    """Containers get cards through NVIDIA's toolkit, or through CDI."""
    if info is None or not cards:
        return Check("gpu_containers", "absent", "Needs an engine and a GPU.")
    if "nvidia" in info.get("Runtimes", {}):
        return Check("gpu_containers", "ok", "NVIDIA's container toolkit is set up.")
    if _has_cdi(info):
        return Check("gpu_containers", "ok", "The engine offers the GPUs through CDI.")
    told = explain(RuntimeError("could not select device driver"))
    return Check("gpu_containers", "fail", told.sentence, told.hint, command=toolkit_command())


def check_inside(client: Any, info: Mapping[str, Any] | None, image: str | None, cards: Sequence[GpuSample]) -> Check:
    """Start a container for a moment and let it count the cards: what is set up may still not work."""
    if client is None or info is None or image is None or not cards:
        return Check("gpus_inside", "absent", "Needs an engine, the trainer image and a GPU.")
    seen, refusal = 0, ""
    for route in gpu_routes(dict(info)):
        try:
            seen = _count(client, image, device_requests([card.index for card in cards], route))
            refusal = ""
            break
        except (DockerException, requests.RequestException, ValueError) as error:
            refusal = refusal or explain(error).sentence
    if refusal:
        said = f"A container sees no GPU. {refusal}"
        return Check("gpus_inside", "fail", said, explain_route(), command=_route_command(info))
    if seen != len(cards):
        said = f"A container sees {seen} of {len(cards)} GPUs."
        return Check("gpus_inside", "fail", said, explain_route(), command=_route_command(info))
    words = {1: "the GPU", 2: "both GPUs"}.get(seen, f"all {seen} GPUs")
    return Check("gpus_inside", "ok", f"A container sees {words}.")


def check_peers(cards: Sequence[GpuSample], tried: Path) -> Check:
    """Cards that copy directly to each other exchange gradients faster; others do it through the computer's memory."""
    if len(cards) < 2:
        return Check("p2p", "absent", "Needs two GPUs.")
    speeds = _speeds(tried)
    measured = f" Tried here at {max(speeds):.0f} GB/s." if speeds else ""
    apart = [f"{a.index} and {b.index}" for a, b in combinations(cards, 2) if not _are_peers(a.index, b.index)]
    if not apart:
        return Check("p2p", "ok", f"The cards copy directly to each other.{measured}")
    return Check(
        "p2p",
        "ok",
        f"Cards {', '.join(apart)} exchange data through the computer's memory, as most gaming cards do; "
        f"training together costs a few percent more.{measured}",
    )


def explain_route() -> str:
    """Return what to do where the engine hands no cards to containers."""
    return explain(RuntimeError("could not select device driver")).hint


def _route_command(info: Mapping[str, Any]) -> str:
    """A list of cards that is older than the cards or the driver is made anew; else the toolkit is set up."""
    return OFFER if _has_cdi(info) else toolkit_command()


def _count(client: Any, image: str, requests_for_cards: list[Any]) -> int:
    container = client.containers.create(
        image,
        command=["-c", COUNT_CARDS],
        device_requests=requests_for_cards,
        network_mode="none",
        cap_drop=["ALL"],
        read_only=True,
    )
    try:
        container.start()
        container.wait(timeout=LOOK_S)
        said = bytes(container.logs(stdout=True, stderr=False)).decode().split()
        return int(said[-1]) if said else 0
    finally:
        container.remove(force=True)


def _are_peers(one: int, other: int) -> bool:
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in (one, other)]
        status = pynvml.nvmlDeviceGetP2PStatus(*handles, pynvml.NVML_P2P_CAPS_INDEX_READ)
        return bool(status == pynvml.NVML_P2P_STATUS_OK)
    except pynvml.NVMLError:
        return False


def _speeds(tried: Path) -> list[float]:
    """Return how fast the cards talked in the trainer's own tries, as it remembers them in the caches."""
    try:
        kept = json.loads(tried.read_text("utf-8"))
        return [float(entry["gb_per_s"]) for entry in kept.values() if "gb_per_s" in entry]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def _has_cdi(info: Mapping[str, Any]) -> bool:
    """Say whether the engine's CDI folders name NVIDIA cards; only an engine on this machine can be looked into."""
    for folder in info.get("CDISpecDirs") or []:
        for path in Path(folder).glob("*"):
            try:
                if "nvidia.com/gpu" in path.read_text():
                    return True
            except (OSError, UnicodeDecodeError):
                continue
    return False
