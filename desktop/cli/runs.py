"""``runs``: list, show, follow, pause, resume, cancel, checkpoint, delete, rebuild."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime

from desktop.cli.live import follow as follow_run
from desktop.cli.loop import assembled, load_runs
from desktop.cli.queue import keep
from desktop.cli.run_details import as_words, details, summary
from desktop.cli.train import detach
from desktop.controllers.assembly import Assembly
from desktop.core.run import Run, RunState
from desktop.core.store import Store
from desktop.errors import StoreError
from desktop.paths import Home
from desktop.ui.runs.run_facts import place_fact
from trainer_image.contract import knobs


def list_runs(arguments: argparse.Namespace, home: Home) -> int:
    """Print every run, newest first."""
    with assembled(home) as assembly:
        load_runs(assembly)
        runs = assembly.runs.all()
    if arguments.json:
        print(json.dumps({"runs": [summary(run) for run in runs]}))
    elif not runs:
        print("No runs yet: tunedeck demo makes the first.")
    else:
        for run in runs:
            total = f"/{run.total_steps}" if run.total_steps else ""
            loss = "-" if run.loss is None else f"{run.loss:.3f}"
            waits = f" ({run.waiting_for})" if run.waiting_for else ""
            waits += "" if run.folder.is_dir() else " (its folder is not there)"
            print(f"{run.id}  {run.state:<12}{run.step}{total:<8} loss {loss:<8} {run.name}{waits}")
    return 0


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print everything about one run."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        shown = details(run)
    if arguments.json:
        print(json.dumps(shown))
        return 0
    placement = None if run.state.is_live else run.progress.placement  # what the trainer says is of the present
    for key, value in shown.items():
        if key == "placement" and placement is not None:
            print(f"{key:16}{place_fact(placement, run.progress.hello)}")
        elif key not in ("config", "failure"):
            print(f"{key:16}{as_words(key, value)}")
    if run.failure is not None:
        print(f"{'failure':16}{run.failure.sentence} {run.failure.hint}")
        print(shown["failure"]["log_tail"])
    for knob in knobs(run.config.method):
        value = getattr(run.config, knob.name)
        if knob.name == "learning_rate":
            value = run.config.resolved_learning_rate
        print(f"  {knob.name} = {value}")
    return 0


def follow(arguments: argparse.Namespace, home: Home) -> int:
    """Show a run from its beginning, and live until it ends."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        return follow_run(assembly, run.id, as_json=arguments.json, from_start=True)


def resume(arguments: argparse.Namespace, home: Home) -> int:
    """Go on from the last checkpoint, and follow unless --detach."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        assembly.runs.resume(run.id)
        keep(assembly)
        if arguments.detach:
            return detach(assembly, run.id, as_json=arguments.json)
        return follow_run(assembly, run.id, as_json=arguments.json, from_start=False)


def pause(arguments: argparse.Namespace, home: Home) -> int:
    """Ask a run to save and stop, to go on later."""
    return _ask(arguments, home, "will pause at its next step", lambda assembly, run: assembly.runs.pause(run.id))


def cancel(arguments: argparse.Namespace, home: Home) -> int:
    """Ask a run to save and end for good; one that waits ends at once."""
    words = "will end at its next step"
    return _ask(arguments, home, words, lambda assembly, run: assembly.runs.cancel(run.id), or_waiting=True)


def checkpoint(arguments: argparse.Namespace, home: Home) -> int:
    """Ask a run to save and go on."""
    return _ask(arguments, home, "will save at its next step", lambda assembly, run: assembly.runs.checkpoint(run.id))


def delete(arguments: argparse.Namespace, home: Home) -> int:
    """Delete a run with its folder."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        assembly.runs.delete(run.id)
    print(json.dumps({"deleted": run.id}) if arguments.json else f"Deleted {run.name}.")
    return 0


def rebuild(arguments: argparse.Namespace, home: Home) -> int:
    """Read the run folders back; a database that cannot be read is moved aside first."""
    moved = _move_broken_database(home)
    with assembled(home) as assembly:
        load_runs(assembly)
        found = assembly.runs.found_in_folders + assembly.runs.rebuild()
    if arguments.json:
        print(json.dumps({"found": found, "moved": moved}))
    else:
        if moved:
            print(f"The database could not be read; it lies now at {moved}.")
        print(f"{found} runs read back.")
    return 0


def _move_broken_database(home: Home) -> str | None:
    if not home.database.exists():
        return None
    try:
        Store(home.database).close()
    except StoreError as error:
        if error.code != "database_unreadable":
            raise
        aside = home.database.with_name(f"{home.database.name}.broken-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        home.database.rename(aside)
        for suffix in ("-wal", "-shm"):
            home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
        return str(aside)
    return None


def _ask(
    arguments: argparse.Namespace,
    home: Home,
    words: str,
    ask: Callable[[Assembly, Run], None],
    *,
    or_waiting: bool = False,
) -> int:
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        waits = or_waiting and run.state is RunState.WAITING
        if not run.state.is_live and not waits:
            raise StoreError(f"{run.name} is {run.state}, not running.", "`tunedeck runs list` shows every run.")
        ask(assembly, run)
        state = assembly.runs.refresh(run.id).state if waits else run.state
    words = "is cancelled: it waited and had not started" if waits else words
    print(json.dumps({"id": run.id, "state": state}) if arguments.json else f"{run.name} {words}.")
    return 0
