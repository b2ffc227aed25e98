"""A body that stands by: how it is started, and what has to be the same for a run to take it over."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from desktop.engine.launch import LABEL_ID, LaunchSpec
from trainer_image.contract.standby import STANDBY_WORD


def standing_by(spec: LaunchSpec) -> LaunchSpec:
    """Return how to start the same body ahead of its run."""
    return replace(spec, arguments=(*spec.arguments, STANDBY_WORD))


def body_digest(spec: LaunchSpec) -> str:
    """Return a digest of everything that is fixed when a body is made.

    A mounted file or folder counts with its identity: one that was replaced since would still be the old one in there.
    """
    fixed = {
        "role": spec.role,
        "gpus": spec.gpus,
        "mounts": [(str(mount.path), mount.writable, _identity(mount.path)) for mount in spec.mounts],
        "environment": dict(spec.environment),
        "labels": {name: value for name, value in spec.labels.items() if name != LABEL_ID},
        "network": spec.network,
        "user": (spec.uid, spec.gid),
        "memory": (spec.shared_memory_bytes, spec.scratch_bytes),
    }
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
