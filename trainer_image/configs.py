"""The config of a run as the trainer and its launcher read it, with what was changed of it to fit the memory."""

from __future__ import annotations

import json

from trainer_image.contract import Adjustments, DatasetRef, RunConfig, RunFolder, check_config
from trainer_image.errors import TrainerError


def read_config(folder: RunFolder) -> RunConfig:
    """Read the run's config, or say everything that is wrong with it."""
    hint = "Start the run again from the app, which writes this file."
    try:
        values = json.loads(folder.config.read_text("utf-8"))
    except FileNotFoundError as error:
        raise TrainerError("bad_config", f"There is no config in {folder.path}.", hint) from error
    except json.JSONDecodeError as error:
        raise TrainerError("bad_config", f"{folder.config} is no JSON: {error}.", hint) from error
    config, problems = check_config(values)
    if config is None:
        raise TrainerError("bad_config", " ".join(problem.sentence for problem in problems), "Mend the config.")
    return config


def read_adjustments(folder: RunFolder) -> Adjustments:
    """Return what earlier starts of this run changed to fit the memory."""
    try:
        return Adjustments.model_validate_json(folder.adjustments.read_bytes())
    except (FileNotFoundError, ValueError):
        return Adjustments()


def read_dataset_ref(folder: RunFolder) -> DatasetRef | None:
    """Return the version of the dataset that this run is for, or None where its file has no name."""
    try:
        return DatasetRef.model_validate_json(folder.dataset.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def write_adjustments(folder: RunFolder, adjustments: Adjustments) -> None:
    """Keep what has been changed for every later start; whole or not at all."""
    aside = folder.adjustments.with_name(f".{folder.adjustments.name}")
    aside.write_text(adjustments.model_dump_json(exclude_none=True), "utf-8")
    aside.replace(folder.adjustments)


def adjusted(config: RunConfig, adjustments: Adjustments) -> RunConfig:
    """Return the config with the changes in it."""
    return config.model_copy(update=adjustments.model_dump(exclude_none=True, exclude={"oom_attempts"}))
