"""Config values as they were saved, or lie in a file, become a RunConfig."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from desktop.errors import StoreError
from trainer_image.contract import RunConfig, check_config


def read_values(values: Mapping[str, Any]) -> RunConfig:
    """Read a config that an older version saved: knobs that are no more are left out, new ones take their default.

    So do knobs that have no say beside the others: an older version may have let them stand.
    """
    known = {name: value for name, value in values.items() if name in RunConfig.model_fields}
    config, problems = check_config(known)
    if config is None and _is_readable(known):
        idle = {problem.knob for problem in problems}
        config, problems = check_config({name: value for name, value in known.items() if name not in idle})
    if config is None:
        raise StoreError(
            f"A saved config cannot be used as it is: {problems[0].sentence}",
            "Open it, change it, and save it.",
        )
    return config


def _is_readable(values: dict[str, Any]) -> bool:
    """Say whether each knob by itself is what it has to be."""
    try:
        RunConfig.model_validate(values)
    except ValidationError:
        return False
    return True


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the values in a JSON config file, unchecked."""
    try:
        values = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise StoreError(f"The config file {path} cannot be read: {error.strerror}.", "Check its name.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"The config file {path} is not JSON: {error}.", "Mend it and try again.") from error
    if not isinstance(values, dict):
        raise StoreError(
            f"The config file {path} has to hold one JSON object.",
            'Such as {"model": "...", "dataset": "..."}.',
        )
    return values
