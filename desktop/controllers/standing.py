"""Finds a trainer that stands ready for a run, whichever app of this home has made it ready."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from desktop.body import EngineName
from desktop.core import standby
from desktop.engine.launch import Machine, plan_training
from desktop.engine.standby import body_digest
from desktop.errors import AppError
from trainer_image.contract import CHAINS, RunConfig


def new_id() -> str:
    """Return an id for a run: when it was made, and something that no other has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def claim_standing(runs: Path, machine: Machine, config: RunConfig, engine: EngineName, *, offline: bool) -> str | None:
    """Make a trainer that stands ready this run's own, and return the run's id; None where none fits."""
    if config.method in CHAINS:
        return None
    # A model of the Hub is in the caches by the time that the body starts.
    is_fetched = not Path(config.model).is_absolute()
    for files, note in standby.waiting(runs):
        run_id = files.path.name
        try:
            spec = plan_training(config, run_id, files.path, machine, offline=offline, is_fetched=is_fetched)
        except AppError:
            return None  # whoever starts the run is told why
        # It has imported what its own method needs, and only that.
        fits = (note.engine, note.digest, note.config.method) == (engine, body_digest(spec), config.method)
        if fits and standby.claim(files, config):
            return run_id
    return None
