"""Where pip gets the trainer's packages from: the requirement files, and wheels that are on this machine already."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from desktop.paths import PROJECT

Variant = Literal["cpu", "cuda"]
TRAINER = PROJECT / "trainer_image"
LEAST_DRIVER = 580
"""NVIDIA's first driver for CUDA 13, which the required torch is built for."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index: PyPI's wheel for Linux carries gigabytes of CUDA."""


def requirement_files(variant: Variant) -> tuple[Path, Path, Path]:
    """Return the files for torch, for the rest, and for what is installed without its dependencies."""
    return (
        TRAINER / f"requirements-{variant}.txt",
        TRAINER / "requirements.txt",
        TRAINER / "requirements-nodeps.txt",
    )


def requirements_digest(variant: Variant) -> str:
    """Return a short digest of everything that pip is asked for."""
    digest = hashlib.sha256()
    for path in requirement_files(variant):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def local_torch_wheels(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the CPU wheels of torch that lie in the folders of PIP_FIND_LINKS, for the version that is required."""
    wanted = re.search(r"^torch==([\w.]+)", requirement_files("cpu")[0].read_text(), re.MULTILINE)
    assert wanted, "requirements-cpu.txt pins torch"
    folders = (Path(word) for word in environment.get("PIP_FIND_LINKS", "").split())
    pattern = f"torch-{wanted[1]}+cpu-*.whl"
    return sorted(wheel for folder in folders if folder.is_dir() for wheel in folder.glob(pattern))


def package_of(line: str) -> str | None:
    """Return the package that a line of pip's output is about, with its size where pip tells it."""
    found = re.match(r"\s*(?:Collecting|Downloading|Installing collected packages:)\s+([^\s=<>!~(;,]+)", line)
    if found is None:
        return None
    size = re.search(r"\(([\d.]+ [kMG]B)\)", line)
    name = found[1].rsplit("/", 1)[-1].split("-")[0]
    return f"{name}, {size[1]}" if size else name
