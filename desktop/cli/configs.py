"""``config``: the saved configs; and how a CONFIG word and --set become a RunConfig."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from desktop.cli.loop import assembled
from desktop.controllers.assembly import Assembly
from desktop.core.config_values import read_config_file
from desktop.core.inputs import find_path, with_full_paths
from desktop.errors import ConfigError
from desktop.paths import Home
from trainer_image.contract import RunConfig, check_config, knobs


def list_configs(arguments: argparse.Namespace, home: Home) -> int:
    """Print the saved configs."""
    with assembled(home) as assembly:
        configs = assembly.library.configs()
        if arguments.json:
            saved = [{"name": one.name, "saved": one.saved.isoformat(), "config": one.values} for one in configs]
            print(json.dumps({"configs": saved}))
        elif not configs:
            print("No config is saved yet: tunedeck config save NAME FILE.")
        else:
            for one in configs:
                print(f"{one.name}  {one.values.get('model')} · {one.values.get('dataset')}")
        return 0


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print one saved config as the JSON that `train` reads."""
    with assembled(home) as assembly:
        print(assembly.library.read(arguments.name).model_dump_json(indent=None if arguments.json else 2))
        return 0


def save(arguments: argparse.Namespace, home: Home) -> int:
    """Save a config under a name."""
    with assembled(home) as assembly:
        config = read_config(assembly, arguments.config, arguments.set)
        assembly.library.save(arguments.name, config)
        print(json.dumps({"name": arguments.name}) if arguments.json else f"Saved as {arguments.name}.")
        return 0


def rename(arguments: argparse.Namespace, home: Home) -> int:
    """Give a saved config another name."""
    with assembled(home) as assembly:
        assembly.library.rename(arguments.name, arguments.new_name)
        print(json.dumps({"name": arguments.new_name}) if arguments.json else f"Now called {arguments.new_name}.")
        return 0


def delete(arguments: argparse.Namespace, home: Home) -> int:
    """Delete a saved config."""
    with assembled(home) as assembly:
        assembly.library.delete(arguments.name)
        print(json.dumps({"deleted": arguments.name}) if arguments.json else f"Deleted {arguments.name}.")
        return 0


def read_config(assembly: Assembly, word: str, settings: Sequence[str]) -> RunConfig:
    """Return the config that ``word`` names, a file or a saved one, with the --set knobs changed."""
    bases = [Path.cwd()]
    path = find_path(word, bases)
    if path is not None and path.is_file():
        values = read_config_file(path)
        bases.insert(0, path.parent)
    elif word in {saved.name for saved in assembly.library.configs()}:
        values = assembly.library.read(word).model_dump(mode="json")
    else:
        raise ConfigError(
            f"There is no config file and no saved config called {word}.",
            "`tunedeck config list` shows the saved ones.",
        )
    values = with_full_paths({**values, **_read_settings(settings)}, bases)
    config, problems = check_config(values)
    if config is None:
        raise ConfigError(" ".join(problem.sentence for problem in problems), code="bad_config")
    return config


def _read_settings(settings: Sequence[str]) -> dict[str, Any]:
    kinds = {knob.name: knob for knob in knobs()}
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting} has no value.", "Write it as --set knob=value.")
        knob = kinds.get(name)
        values[name] = text if knob is None else _read_value(text, optional=knob.optional, is_list=knob.kind is tuple)
    return values


def _read_value(text: str, *, optional: bool, is_list: bool) -> Any:
    if optional and text.strip().lower() in ("", "none", "null"):
        return None
    if not is_list:
        return text
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if isinstance(read, list):
        return read
    return [part.strip() for part in text.split(",") if part.strip()]
