"""The facts of this machine that a launch depends on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from desktop.engine.gpus import Gpus
from desktop.engine.launch import Machine
from desktop.paths import Home


def read_machine(home: Home, gpus: Gpus) -> Machine:
    """Return what launching has to know of this machine."""
    return Machine(
        home=home.path,
        caches=home.caches,
        uid=os.getuid(),
        gid=os.getgid(),
        gpu_indices=tuple(sample.index for sample in gpus.sample()),
        memory_bytes=psutil.virtual_memory().total,
        certificates=find_certificates(os.environ),
    )


def find_certificates(environment: Mapping[str, str]) -> Path | None:
    """Return the CA bundle that the user's environment names, as behind a company's proxy."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        path = Path(environment.get(name, ""))
        if path.is_file():
            return path
    return None
