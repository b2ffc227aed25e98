"""A run in the terminal: one line that moves, or one JSON object for each event."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

from desktop.cli.loop import Interrupted, wait_until
from desktop.cli.sentences import Sentences, clock, counted, end, progress
from desktop.controllers.assembly import Assembly
from desktop.core.run import Run, RunState
from desktop.engine.steps import BuildStep
from trainer_image.contract import Event, Phase, Step, UnknownLine

CLEARING_S = 15.0


class Line:
    """The terminal's last line, written over again; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._moves = sys.stderr.isatty()
        self._told = 0.0
        self._is_open = False

    def move(self, text: str, *, at_least_s: float = 0.0) -> None:
        """Show where things stand."""
        now = time.monotonic()
        if now - self._told < (max(at_least_s, 0.1) if self._moves else max(at_least_s, 5.0)):
            return
        self._told = now
        if self._moves:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", file=sys.stderr, flush=True)
            self._is_open = True
        else:
            print(text, file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        print(("\r\033[K" if self._is_open else "") + text, file=sys.stderr, flush=True)
        self._is_open = False
        self._told = 0.0


def show_build(assembly: Assembly, line: Line) -> None:
    """Tell how far a build has come, while one goes on."""

    def tell(_engine: str, step: BuildStep) -> None:
        size = f", {step.size_bytes / 1e9:.1f} GB" if step.size_bytes else ""
        line.move(f"{step.sentence} · {clock(step.seconds)}{size}")

    assembly.setup.progressed.connect(tell)


def follow(assembly: Assembly, run_id: str, *, as_json: bool, from_start: bool) -> int:
    """Show a run until it ends, then what starts after it; Ctrl+C leaves it running. Return the exit code."""
    assembly.runs.start_only([run_id, *_all_followers(assembly, run_id)])
    code = _follow_one(assembly, run_id, as_json=as_json, from_start=from_start)
    for follower in assembly.runs.followers(run_id):
        if not follower.state.can_cancel:
            continue
        if _has_ended_for_good(assembly, run_id):
            code = max(code, follow(assembly, follower.id, as_json=as_json, from_start=True))
        elif not as_json:
            print(how_it_goes_on(follower), file=sys.stderr)
    return code


def how_it_goes_on(waiting: Run) -> str:
    """Say what a run waits for; the keeper starts it, whether an app is open or not."""
    return f"{waiting.name} {waiting.waiting_for}. It starts by itself: tunedeck runs follow {waiting.id}"


def _all_followers(assembly: Assembly, run_id: str) -> list[str]:
    found: list[str] = []
    for follower in assembly.runs.followers(run_id):
        found += [follower.id, *_all_followers(assembly, follower.id)]
    return found


def _has_ended_for_good(assembly: Assembly, run_id: str) -> bool:
    return _get(assembly, run_id).state in (RunState.FINISHED, RunState.FAILED, RunState.CANCELLED)


def _follow_one(assembly: Assembly, run_id: str, *, as_json: bool, from_start: bool) -> int:
    line = Line()
    show_build(assembly, line)
    runs = assembly.runs
    run = _get(assembly, run_id)
    if as_json:
        first = {"kind": "started", "seq": -1, "time": datetime.now(UTC).isoformat()}
        print(json.dumps({**first, "id": run.id, "folder": str(run.folder), "state": run.state}), flush=True)
    else:
        line.say(f"{run.name} ({run.id})")
        if run.state is RunState.WAITING:
            line.say(f"{run.waiting_for} ...")

    shown = -1
    sentences = Sentences()

    def show(events: list[Event | UnknownLine]) -> None:
        nonlocal shown
        for event in events:
            if not isinstance(event, UnknownLine):
                if event.seq <= shown:  # read from the folder already, a moment before it was announced
                    continue
                shown = event.seq
            if as_json:
                print(event.model_dump_json(), flush=True)
            elif isinstance(event, Step):
                line.move(progress(_get(assembly, run_id), event))
            elif isinstance(event, Phase) and event.done is not None:
                line.move(counted(event))
            elif said := sentences.of(event, run.config.method):
                line.say(said)

    def take(changed: str, events: list[Event | UnknownLine]) -> None:
        if changed == run_id:
            show(events)

    if from_start:
        show(runs.events(run_id))
    runs.advanced.connect(take)
    try:
        wait_until(lambda: not runs.goes_on_by_itself(run_id), runs.run_changed)
    except Interrupted:
        line.say(_how_to_look_again(_get(assembly, run_id)))
        return 0
    finally:
        runs.advanced.disconnect(take)
    _wait_until_cleared_away(assembly, run_id)
    if runs.goes_on_by_itself(run_id):
        return _follow_one(assembly, run_id, as_json=as_json, from_start=False)
    run = _get(assembly, run_id)
    line.say(end(run))
    if not as_json:
        runs.ends.see(run_id)  # whoever sits at the terminal has been told
    return 1 if run.state in (RunState.FAILED, RunState.INTERRUPTED) else 0


def _how_to_look_again(run: Run) -> str:
    if run.state is RunState.WAITING:
        return f"Following stopped. {how_it_goes_on(run)}"
    if run.body is None and not run.progress.hello:
        return f"Stopped before the trainer was up. Start it again: tunedeck runs resume {run.id}"
    return f"Following stopped; the run goes on. Look again: tunedeck runs follow {run.id}"


def _wait_until_cleared_away(assembly: Assembly, run_id: str) -> None:
    """Let the container end after its last word, so that it is not left to the next call."""
    deadline = time.monotonic() + CLEARING_S
    runs = assembly.runs
    with suppress(Interrupted):
        wait_until(lambda: runs.is_cleared_away(run_id) or time.monotonic() > deadline, runs.looked)


def _get(assembly: Assembly, run_id: str) -> Run:
    run = assembly.runs.get(run_id)
    assert run is not None
    return run
