"""A run in the terminal: one line that moves, or one JSON object for each event."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

from desktop.cli.loop import Interrupted, wait_until
from desktop.controllers.assembly import Assembly
from desktop.core.run import Run, RunState
from desktop.engine.steps import BuildStep
from trainer_image.contract import Evaluation, Event, Phase, Plan, Sample, Step, UnknownLine, Warned

CLEARING_S = 15.0

PHASES = {
    "import": "loading the libraries",
    "load": "loading the model",
    "data": "reading the data",
    "compile": "compiling",
    "train": "training",
    "evaluate": "testing on the rows held back",
    "save": "saving",
}


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
        line.move(f"{step.sentence} · {_clock(step.seconds)}{size}")

    assembly.setup.progressed.connect(tell)


def follow(assembly: Assembly, run_id: str, *, as_json: bool, from_start: bool) -> int:
    """Show a run until it ends; Ctrl+C leaves it running. Return the exit code."""
    line = Line()
    show_build(assembly, line)
    runs = assembly.runs
    run = _get(assembly, run_id)
    if as_json:
        first = {"kind": "started", "seq": -1, "time": datetime.now(UTC).isoformat()}
        print(json.dumps({**first, "id": run.id, "folder": str(run.folder), "state": run.state}), flush=True)
    else:
        line.say(f"{run.name} ({run.id})")

    shown = -1

    def show(events: list[Event | UnknownLine]) -> None:
        nonlocal shown
        for event in events:
            if not isinstance(event, UnknownLine):
                if event.seq <= shown:  # read from the folder already, a moment before it was announced
                    continue
                shown = event.seq
            if as_json:
                print(event.model_dump_json(), flush=True)
            else:
                _show_event(line, _get(assembly, run_id), event)

    def take(changed: str, events: list[Event | UnknownLine]) -> None:
        if changed == run_id:
            show(events)

    if from_start:
        show(runs.events(run_id))
    runs.advanced.connect(take)
    try:
        wait_until(lambda: not _get(assembly, run_id).state.is_live, runs.run_changed)
    except Interrupted:
        if _get(assembly, run_id).body is None and not _get(assembly, run_id).progress.hello:
            line.say(f"Stopped before the trainer was up. Start it again: tunedeck runs resume {run_id}")
        else:
            line.say(f"Following stopped; the run goes on. Look again: tunedeck runs follow {run_id}")
        return 0
    finally:
        runs.advanced.disconnect(take)
    _wait_until_cleared_away(assembly, run_id)
    return _say_end(line, _get(assembly, run_id))


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


def _show_event(line: Line, run: Run, event: Event | UnknownLine) -> None:
    match event:
        case Step():
            line.move(_progress(run, event))
        case Phase(seconds=None) if event.name not in ("train", "evaluate", "save"):
            line.say(f"{PHASES[event.name]} ...")
        case Plan():
            share = 100 * event.trained_tokens / max(1, event.total_tokens)
            line.say(
                f"{event.train_rows:,} rows, {event.total_steps:,} steps of {event.batch_rows} rows; "
                f"{event.trainable_parameters / 1e6:.1f} of {event.total_parameters / 1e6:.0f} million parameters "
                f"and {share:.0f} % of the tokens are trained"
            )
        case Evaluation() if event.loss is not None:
            line.say(f"step {event.step}: loss on the rows held back {event.loss:.3f}")
        case Sample():
            line.say(f"step {event.step}: {event.prompt!r} -> {' '.join(event.text.split())[:160]!r}")
        case Warned():
            line.say(f"note: {event.sentence} {event.hint}".rstrip())
        case _:
            pass


def _progress(run: Run, step: Step) -> str:
    total = run.total_steps or step.step
    filled = round(24 * step.step / max(1, total))
    loss = "-" if step.loss is None else f"{step.loss:.3f}"
    left = run.progress.seconds_left
    words = [
        f"{'█' * filled}{'░' * (24 - filled)} {step.step}/{total}",
        f"loss {loss}",
        f"{step.tokens_per_s:,.0f} tokens/s",
        f"{_clock(left)} left" if left is not None else "",
    ]
    return "  ".join(word for word in words if word)


def _say_end(line: Line, run: Run) -> int:
    if run.failure is not None:
        line.say(f"{run.name} {run.state}: {run.failure.sentence} {run.failure.hint}".rstrip())
    elif run.state is RunState.FINISHED:
        seconds = (run.ended - run.started).total_seconds() if run.ended and run.started else 0
        loss = "" if run.loss is None else f", loss {run.loss:.3f}"
        line.say(f"Finished after {run.step} steps in {_clock(seconds)}{loss}. Adapter: {run.adapter}")
    else:
        line.say(f"{run.name} is {run.state} at step {run.step}. Go on: tunedeck runs resume {run.id}")
    return 1 if run.state in (RunState.FAILED, RunState.INTERRUPTED) else 0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
