"""``push``: the model of a finished run goes to the Hub, with a card."""

from __future__ import annotations

import argparse
import json
from typing import Any

from desktop.cli.live import Line
from desktop.cli.loop import Interrupted, assembled, load_runs, wait_until
from desktop.controllers.models import Push, Pushes
from desktop.paths import Home


def add_words(word: argparse.ArgumentParser) -> None:
    """Declare what stands behind ``push``."""
    word.add_argument("run", metavar="RUN", help="id or name of a run, or the word last")
    word.add_argument("repo", metavar="REPO", help="OWNER/NAME on the Hub; NAME alone is yours")
    word.add_argument("--public", action="store_true", help="for everybody to see; it is private otherwise")


def push(arguments: argparse.Namespace, home: Home) -> int:
    """Push the model of a run and show how far it is; Ctrl+C stops it, and then nothing is in the repository."""
    line = Line()
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.refresh(assembly.runs.find(arguments.run).id)
        pushes = assembly.models.pushes

        def tell(run_id: str) -> None:
            going = pushes.get(run_id)
            if going is None or not going.is_live or going.total_bytes is None:
                return
            if arguments.json:
                print(json.dumps({"kind": "push", **_progress(going)}), flush=True)
            else:
                line.move(_progress_words(going))

        pushes.changed.connect(tell)
        passport = assembly.reproducing.passport(run.id)
        assembly.models.push(run, passport, arguments.repo, is_private=not arguments.public)
        try:
            ended = _wait(pushes, run.id)
        except Interrupted:
            line.say(f"Stopped; nothing was added to {arguments.repo}.")
            raise
        if ended.error is not None:
            raise ended.error
    if arguments.json:
        print(json.dumps({"kind": "push", **_progress(ended)}))
    else:
        for sentence in ended_words(ended):
            line.say(sentence)
        print(ended.address)
    return 0


def _wait(pushes: Pushes, run_id: str) -> Push:
    def has_ended() -> bool:
        going = pushes.get(run_id)
        return going is None or not going.is_live

    wait_until(has_ended, pushes.changed)
    ended = pushes.get(run_id)
    assert ended is not None
    return ended


def ended_words(ended: Push) -> list[str]:
    """Say what has become of a push that went well."""
    who = "you and those whom you give access" if ended.is_private else "everybody"
    said = [f"{ended.repo} is on the Hub, {ended.done_bytes / 1e6:.1f} MB, for {who} to see."]
    return [*said, "Its card was there before and stays as it is."] if ended.keeps_card else said


def _progress(one: Push) -> dict[str, Any]:
    names = ("run_id", "repo", "state", "done_bytes", "total_bytes", "bytes_per_s", "seconds_left")
    return {name: getattr(one, name) for name in names} | {"private": one.is_private, "address": one.address or None}


def _progress_words(one: Push) -> str:
    speed = f" · {one.bytes_per_s / 1e6:.1f} MB/s" if one.bytes_per_s else ""
    left = f" · {one.seconds_left:.0f} s left" if one.seconds_left is not None else ""
    return f"{one.done_bytes / 1e6:.1f} of {(one.total_bytes or 0) / 1e6:.1f} MB{speed}{left}"
