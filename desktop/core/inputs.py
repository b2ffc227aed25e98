"""The files and folders that a config names: found from where it lies, and checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from desktop.errors import ConfigError
from trainer_image.contract import RunConfig
from trainer_image.rewards.reward_file import check_reward_file

PATHS = ("dataset", "reward_file", "reward_model", "process_reward_model")
"""Knobs that are always a path; the model may also be a name on the Hub."""


def check_inputs(config: RunConfig) -> None:
    """Raise ConfigError where a file or folder that the run needs is not there."""
    formats = "JSONL, JSON, CSV, TSV, Parquet or text"
    _check_file(config.dataset, "dataset file", f"Choose a file on this machine: {formats}.")
    model = Path(config.model)
    if model.is_absolute() and not _can_be((model / "config.json").is_file):
        raise ConfigError(
            f"There is no model in the folder {model}.",
            "A model folder holds config.json, the weights and the tokenizer.",
            code="model_missing",
        )
    if config.reward_file:
        _check_file(config.reward_file, "reward file", "Choose a Python file with a function reward.")
        problems = check_reward_file(Path(config.reward_file))
        if problems:
            raise ConfigError(f"The reward file {config.reward_file} cannot be used.", " ".join(problems), "bad_reward")
    for folder, method in ((config.reward_model, "reward"), (config.process_reward_model, "prm")):
        if folder:
            _check_judge(Path(folder), method)


def _check_file(name: str, what: str, hint: str) -> None:
    path = Path(name)
    if not _can_be(path.is_file):
        raise ConfigError(f"There is no {what} {name}.", hint, code=f"{what.split()[0]}_missing")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"The {what} {name} may not be read.", "Give yourself the right to read it.")


def _check_judge(folder: Path, method: str) -> None:
    """A model that gives rewards is an adapter folder or a whole model's."""
    if not any(_can_be((folder / name).is_file) for name in ("adapter_config.json", "config.json")):
        raise ConfigError(
            f"There is no reward model in the folder {folder}.",
            f"Take the adapter folder of a finished run of the method {method}, or a model folder.",
            code="reward_missing",
        )


def with_full_paths(
    values: Mapping[str, object], bases: Sequence[Path], is_dataset: Callable[[str], bool] = lambda _: False
) -> dict[str, object]:
    """Return config values whose files and folders are absolute.

    A relative path is looked for in each of ``bases`` in turn. A model that is no folder there is a Hub name, and a
    dataset that is no file there may be one of the library, as ``is_dataset`` says; that name stays as it is.
    """
    full = dict(values)
    for name in PATHS:
        word = values.get(name)
        if isinstance(word, str) and word.strip():
            found = find_path(word, bases)
            is_file = found is not None and _can_be(found.is_file)
            if name == "dataset" and not is_file and is_dataset(word):
                full[name] = word.strip()
            else:
                full[name] = str(found or _at(bases[0], word))
    model = values.get("model")
    if isinstance(model, str) and model.strip():
        found = find_path(model, bases)
        if found is not None and _can_be(found.is_dir):
            full["model"] = str(found)
        elif model.startswith((".", "/", "~")):
            full["model"] = str(_at(bases[0], model))
    return full


def find_path(word: str, bases: Sequence[Path]) -> Path | None:
    """Return the first file or folder that ``word`` leads to from one of ``bases``, or None."""
    return next((path for path in (_at(base, word) for base in bases) if _can_be(path.exists)), None)


def _at(base: Path, word: str) -> Path:
    """Return where a word points to from ``base``; one that cannot be a path, as it is."""
    try:
        return (base / Path(word).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):  # ~nobody, a NUL, a circle of links
        return Path(word)


def _can_be(question: Callable[[], bool]) -> bool:
    """Ask the disk; what it refuses to look at (a name too long, a folder closed to us) is not there for us."""
    try:
        return question()
    except (OSError, ValueError):
        return False
