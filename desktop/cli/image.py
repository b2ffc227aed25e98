"""``image``: build or pull the trainer image, say what is there, go back to another version, remove one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict

from desktop.cli.live import Line
from desktop.cli.loop import assembled
from desktop.controllers.assembly import Assembly
from desktop.engine.steps import BuildStep
from desktop.errors import EngineError
from desktop.paths import Home
from trainer_image.contract import CONTRACT


def build(arguments: argparse.Namespace, home: Home) -> int:
    """Build the trainer image, step by step."""
    line = Line()
    with assembled(home) as assembly:
        if arguments.if_needed and arguments.base is None and _is_ready(assembly):
            if not arguments.json:
                line.say(f"The trainer image {assembly.image.tag} is there.")
            return 0
        _refuse_offline(assembly, "Building the image")
        assembly.image.build(_teller(line, as_json=arguments.json), arguments.base)
    return 0


def pull(arguments: argparse.Namespace, home: Home) -> int:
    """Pull the trainer image from a registry, layer by layer, and use it from now on."""
    with assembled(home) as assembly:
        _refuse_offline(assembly, "Pulling the image")
        assembly.image.pull(arguments.reference, _teller(Line(), as_json=arguments.json))
    return 0


def list_versions(arguments: argparse.Namespace, home: Home) -> int:
    """Print the versions that the engine keeps side by side."""
    with assembled(home) as assembly:
        versions = assembly.image.versions()
    if arguments.json:
        print(json.dumps({"images": [asdict(version) for version in versions]}))
    elif not versions:
        print("No trainer image is there: tunedeck image build.")
    for version in versions if not arguments.json else ():
        notes = [
            "used now" if version.is_used else "",
            "made from this app's sources" if version.is_current else "",
            f"contract {version.contract}" if version.contract != CONTRACT else "",
        ]
        told = ", ".join(note for note in notes if note)
        name = version.tag.split(":")[1]
        print(f"{name:32} {version.made[:16].replace('T', ' ')}  {version.size_bytes / 1e9:.1f} GB  {told}".rstrip())
    return 0


def use(arguments: argparse.Namespace, home: Home) -> int:
    """Go back to another version of the image."""
    with assembled(home) as assembly:
        state = assembly.image.use(arguments.version)
    told = f"{state.tag} is now {arguments.version}; `tunedeck image build` ends that."
    print(json.dumps({"image": asdict(state)}) if arguments.json else told)
    return 0


def remove(arguments: argparse.Namespace, home: Home) -> int:
    """Remove a version of the image."""
    with assembled(home) as assembly:
        assembly.image.remove(arguments.version)
    print(json.dumps({"removed": arguments.version}) if arguments.json else f"Removed {arguments.version}.")
    return 0


def _teller(line: Line, *, as_json: bool) -> Callable[[BuildStep], None]:
    last = ""

    def tell(step: BuildStep) -> None:
        nonlocal last
        words = f"step {step.number} of {step.total}: {step.text}".split(" (")[0]
        if as_json:
            print(json.dumps({"kind": "build", **asdict(step)}), flush=True)
        elif step.size_bytes:
            line.say(f"{step.text}: {step.size_bytes / 1e9:.1f} GB in {step.seconds:.0f} s")
        elif words != last:
            last = words
            line.say(f"{last} · {step.seconds:.0f} s")
        else:
            line.move(f"{step.sentence} · {step.seconds:.0f} s")

    return tell


def _refuse_offline(assembly: Assembly, what: str) -> None:
    if assembly.setup.is_offline():
        raise EngineError(f"{what} needs the network, and Tunedeck is offline.", "Go online: tunedeck offline off.")


def _is_ready(assembly: Assembly) -> bool:
    """Say whether nothing has to be built; an image that is refused is built anew, as this word asks for it."""
    try:
        return assembly.image.is_ready()
    except EngineError as error:
        if error.code in ("contract_differs", "image_foreign"):
            return False
        raise


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Say whether the trainer image is there and fits this app; exit code 1 where it does not."""
    with assembled(home) as assembly:
        state = assembly.image.state()
        if arguments.json:
            print(json.dumps({"image": asdict(state) if state else None}))
        elif state is None:
            print("The trainer image is not built yet: tunedeck image build.")
        else:
            age = "made from this app's sources" if state.is_current else "older than this app"
            print(f"{state.tag}  {state.size_bytes / 1e9:.1f} GB, contract {state.contract}, {age}")
        if state is not None:
            assembly.image.for_launch()
    return 0 if state is not None else 1
