"""``image``: build the trainer image, or say what is there."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from desktop.cli.live import Line
from desktop.cli.loop import assembled
from desktop.controllers.assembly import Assembly
from desktop.engine.steps import BuildStep
from desktop.errors import EngineError
from desktop.paths import Home


def build(arguments: argparse.Namespace, home: Home) -> int:
    """Build the trainer image, step by step."""
    line = Line()
    last = ""

    def tell(step: BuildStep) -> None:
        nonlocal last
        if arguments.json:
            print(json.dumps({"kind": "build", **asdict(step)}), flush=True)
        elif step.size_bytes:
            line.say(f"{step.text}: {step.size_bytes / 1e9:.1f} GB in {step.seconds:.0f} s")
        elif step.sentence.split(" (")[0] != last:
            last = step.sentence.split(" (")[0]
            line.say(f"{last} · {step.seconds:.0f} s")
        else:
            line.move(f"{step.sentence} · {step.seconds:.0f} s")

    with assembled(home) as assembly:
        if arguments.if_needed and arguments.base is None and _is_ready(assembly):
            if not arguments.json:
                line.say(f"The trainer image {assembly.image.tag} is there.")
            return 0
        assembly.image.build(tell, arguments.base)
    return 0


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
