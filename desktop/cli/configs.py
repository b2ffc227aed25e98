"""``config``: the saved configs; and how a CONFIG word and --set become a RunConfig."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from desktop.cli.loop import assembled
from desktop.cli.preset import with_preset
from desktop.controllers.assembly import Assembly
from desktop.controllers.library import SavedConfig
from desktop.core.config_values import read_config_file, read_values
from desktop.core.idle_knobs import idle_sentence
from desktop.core.inputs import find_path, with_full_paths
from desktop.core.saved_configs import KIND, read_file
from desktop.errors import ConfigError
from desktop.paths import Home
from trainer_image.contract import RunConfig, check_config, knobs


def list_configs(arguments: argparse.Namespace, home: Home) -> int:
    """Print the saved configs."""
    with assembled(home) as assembly:
        configs = assembly.library.configs(arguments.engine)
        if arguments.json:
            print(json.dumps({"configs": [_as_json(one) for one in configs]}))
        elif not configs:
            with_it = f" with the engine {arguments.engine}" if arguments.engine else ""
            print(f"No config is saved yet{with_it}: tunedeck config save NAME FILE.")
        else:
            for one in configs:
                what = [f"{one.values.get('model')} · {one.values.get('dataset')}", one.notes.partition("\n")[0]]
                print("  ".join([one.name, *filter(None, what)]))
        return 0


def _as_json(saved: SavedConfig) -> dict[str, Any]:
    return {
        "name": saved.name,
        "saved": saved.saved.isoformat(),
        "engine": saved.engine,
        "notes": saved.notes,
        "contract": saved.contract,
        "config": dict(saved.values),
    }


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print one saved config as the JSON that `train` reads."""
    with assembled(home) as assembly:
        print(assembly.library.read(arguments.name).model_dump_json(indent=None if arguments.json else 2))
        _say_what_is_kept_aside(assembly, arguments.name)
        return 0


def save(arguments: argparse.Namespace, home: Home) -> int:
    """Save a config under a name."""
    with assembled(home) as assembly:
        config = with_preset(assembly, read_config(assembly, arguments.config, arguments.set), arguments)
        older = assembly.library.save(arguments.name, config, arguments.engine)
        say_idle(config)
        way_back = f" The older one comes back by `tunedeck config restore {quote(arguments.name)} NEW_NAME`."
        said = f"Saved as {arguments.name}.{way_back if older else ''}"
        print(json.dumps({"name": arguments.name}) if arguments.json else said)
        return 0


def rename(arguments: argparse.Namespace, home: Home) -> int:
    """Give a saved config another name."""
    with assembled(home) as assembly:
        assembly.library.rename(arguments.name, arguments.new_name)
        print(json.dumps({"name": arguments.new_name}) if arguments.json else f"Now called {arguments.new_name}.")
        return 0


def delete(arguments: argparse.Namespace, home: Home) -> int:
    """Delete a saved config; it can be restored."""
    with assembled(home) as assembly:
        assembly.library.delete(arguments.name)
        said = f"Deleted {arguments.name}. It comes back by `tunedeck config restore {quote(arguments.name)}`."
        print(json.dumps({"deleted": arguments.name}) if arguments.json else said)
        return 0


def restore(arguments: argparse.Namespace, home: Home) -> int:
    """Bring back a config that was deleted or saved over; without a name, list them."""
    with assembled(home) as assembly:
        if arguments.name:
            name = assembly.library.restore_deleted(arguments.name, arguments.new_name)
            print(json.dumps({"name": name}) if arguments.json else f"{name} is back.")
            return 0
        gone = assembly.library.deleted()
        if arguments.json:
            print(json.dumps({"deleted": [_as_json(one) for one in gone]}))
        elif not gone:
            print("No config was deleted.")
        else:
            for one in gone:
                moment = f"saved on {one.saved.astimezone():%d %b %Y at %H:%M}"
                print("  ".join([one.name, f"{one.values.get('model')} · {one.values.get('dataset')}", moment]))
        return 0


def duplicate(arguments: argparse.Namespace, home: Home) -> int:
    """Save a copy of a config."""
    with assembled(home) as assembly:
        name = assembly.library.duplicate(arguments.name, arguments.new_name)
        print(json.dumps({"name": name}) if arguments.json else f"Copied as {name}.")
        return 0


def export(arguments: argparse.Namespace, home: Home) -> int:
    """Write a config into a file."""
    with assembled(home) as assembly:
        path = Path(arguments.file).absolute()
        assembly.library.export(arguments.name, path)
        print(json.dumps({"file": str(path)}) if arguments.json else f"Written to {path}.")
        return 0


def bring_in(arguments: argparse.Namespace, home: Home) -> int:
    """Save the config in a file."""
    with assembled(home) as assembly:
        name = assembly.library.bring_in(Path(arguments.file).absolute(), arguments.name)
        print(json.dumps({"name": name}) if arguments.json else f"Saved as {name}.")
        _say_what_is_kept_aside(assembly, name)
        return 0


def note(arguments: argparse.Namespace, home: Home) -> int:
    """Show the notes of a config, or change them."""
    with assembled(home) as assembly:
        if arguments.text is not None:
            assembly.library.annotate(arguments.name, arguments.text)
        notes = assembly.library.get(arguments.name).notes
        print(json.dumps({"name": arguments.name, "notes": notes}) if arguments.json else notes or "No notes.")
        return 0


def _say_what_is_kept_aside(assembly: Assembly, name: str) -> None:
    if sentence := assembly.library.kept_aside(name):
        print(f"tunedeck: {sentence}", file=sys.stderr)


def say_idle(config: RunConfig) -> None:
    """Say which knobs that were turned have no effect beside the others."""
    if sentence := idle_sentence(config):
        print(f"tunedeck: {sentence}", file=sys.stderr)


def read_config(assembly: Assembly, word: str, settings: Sequence[str]) -> RunConfig:
    """Return the config that ``word`` names, a file or a saved one, with the --set knobs changed."""
    bases = [Path.cwd()]
    path = find_path(word, bases)
    if path is not None and path.is_file():
        values = read_config_file(path)
        bases.insert(0, path.parent)
        if values.get("kind") == KIND:
            values = read_values(read_file(path).values).model_dump(mode="json")
    elif word in {saved.name for saved in assembly.library.configs()}:
        values = assembly.library.read(word).model_dump(mode="json")
        _say_what_is_kept_aside(assembly, word)
    else:
        raise ConfigError(
            f"There is no config file and no saved config called {word}.",
            "`tunedeck config list` shows the saved ones.",
        )
    values = with_full_paths({**values, **_read_settings(settings)}, bases, assembly.datasets.is_name)
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
