"""What the trainer image is built on: Python's public image, or one made from Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from docker.errors import DockerException, ImageNotFound

from desktop.errors import EngineError

PUBLIC_BASE = "python:3.12-slim-bookworm"
OWN_BASE = "tunedeck-base:bookworm"
"""What is made from Debian's packages where no image can be pulled."""


def find_base(client: Any, tell: Callable[[int, int, str], None]) -> str:
    """Return the name of a base that is there, pulled or made now; EngineError where there can be none."""
    for name in (PUBLIC_BASE, OWN_BASE):
        try:
            client.images.get(name)
        except ImageNotFound:
            continue
        return name
    tell(1, 2, f"pulling the base image {PUBLIC_BASE}")
    try:
        client.images.pull(PUBLIC_BASE)
    except (DockerException, requests.RequestException) as error:
        if "No space left" in str(error):
            raise
        return _make_base(client, tell, error)
    return PUBLIC_BASE


def _make_base(client: Any, tell: Callable[[int, int, str], None], why: Exception) -> str:
    debootstrap = shutil.which("debootstrap", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if debootstrap is None or os.getuid() != 0:
        raise EngineError(
            f"The base image {PUBLIC_BASE} cannot be pulled: {str(why).splitlines()[0][:200]}",
            "Check the network; or give an image with Python 3.11 or 3.12 by --base; or, as root with "
            "debootstrap installed, one is made from Debian's packages.",
            code="base_missing",
        ) from why
    tell(2, 2, "making a base image from Debian's packages, as none can be pulled")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        packages = "python3,python3-venv,python3-pip,python3-dev,gcc,libc6-dev,ca-certificates"
        command = [debootstrap, "--variant=minbase", f"--include={packages}", "bookworm", str(root)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            last = (made.stdout + made.stderr).strip().splitlines()[-1:]
            raise EngineError(
                f"A base image could not be made from Debian's packages: {' '.join(last)}",
                "Check the network, or give an image by --base.",
                code="base_missing",
            )
        archive = Path(folder) / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        repository, tag = OWN_BASE.split(":")
        client.api.import_image(src=str(archive), repository=repository, tag=tag)
    return OWN_BASE
