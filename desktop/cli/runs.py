"""``runs``: list, show, follow, pause, resume, cancel, checkpoint, delete, rebuild."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from desktop.cli.live import follow as follow_run
from desktop.cli.loop import assembled, load_runs
from desktop.cli.train import detach
from desktop.controllers.assembly import Assembly
from desktop.core.run import Run
from desktop.core.run_log import tail_of_log
from desktop.core.store import Store
from desktop.errors import StoreError
from desktop.paths import Home


def list_runs(arguments: argparse.Namespace, home: Home) -> int:
    """Print every run, newest first."""
    with assembled(home) as assembly:
        load_runs(assembly)
        runs = assembly.runs.all()
    if arguments.json:
        print(json.dumps({"runs": [_summary(run) for run in runs]}))
    elif not runs:
        print("No runs yet: tunedeck demo makes the first.")
    else:
        for run in runs:
            total = f"/{run.total_steps}" if run.total_steps else ""
            loss = "-" if run.loss is None else f"{run.loss:.3f}"
            print(f"{run.id}  {run.state:<12}{run.step}{total:<8} loss {loss:<8} {run.name}")
    return 0


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print everything about one run."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        shown = _details(run)
    if arguments.json:
        print(json.dumps(shown))
        return 0
    for key, value in shown.items():
        if key not in ("config", "failure"):
            print(f"{key:14}{json.dumps(value) if isinstance(value, list | dict) else value}")
    if run.failure is not None:
        print(f"{'failure':14}{run.failure.sentence} {run.failure.hint}")
        print(shown["failure"]["log_tail"])
    for knob, value in shown["config"].items():
        print(f"  {knob} = {value}")
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
        if arguments.detach:
            return detach(assembly, run.id, as_json=arguments.json)
        return follow_run(assembly, run.id, as_json=arguments.json, from_start=False)


def pause(arguments: argparse.Namespace, home: Home) -> int:
    """Ask a run to save and stop, to go on later."""
    return _ask(arguments, home, "will pause at its next step", lambda assembly, run: assembly.runs.pause(run.id))


def cancel(arguments: argparse.Namespace, home: Home) -> int:
    """Ask a run to save and end for good."""
    return _ask(arguments, home, "will end at its next step", lambda assembly, run: assembly.runs.cancel(run.id))


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
        found = assembly.runs.rebuild()
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


def _ask(arguments: argparse.Namespace, home: Home, words: str, ask: Callable[[Assembly, Run], None]) -> int:
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        if not run.state.is_live:
            raise StoreError(f"{run.name} is {run.state}, not running.", "`tunedeck runs list` shows every run.")
        ask(assembly, run)
    print(json.dumps({"id": run.id, "state": run.state}) if arguments.json else f"{run.name} {words}.")
    return 0


def _summary(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "engine": run.engine,
        "method": run.config.method,
        "model": run.config.model,
        "dataset": run.config.dataset,
        "step": run.step,
        "total_steps": run.total_steps,
        "loss": run.loss,
        "started": run.started.isoformat() if run.started else None,
        "ended": run.ended.isoformat() if run.ended else None,
        "folder": str(run.folder),
        "size_bytes": run.size_bytes,
    }


def _details(run: Run) -> dict[str, Any]:
    failure = run.failure
    hello = run.progress.hello
    return {
        **_summary(run),
        "container": run.body.handle if run.engine == "docker" and run.body and run.body.state == "running" else None,
        "gpus": [gpu.model_dump() for gpu in hello.gpus] if hello else [],
        "checkpoints": [
            {"step": step, "folder": str(folder), "complete": True} for step, folder in run.files.complete_checkpoints()
        ],
        "adapter": str(run.adapter) if run.adapter else None,
        "failure": {
            "code": failure.code,
            "sentence": failure.sentence,
            "hint": failure.hint,
            "log_tail": tail_of_log(run.files.log),
        }
        if failure
        else None,
        "phases": [{"name": name, "seconds": seconds} for name, seconds in run.progress.phases],
        "config": run.config.model_dump(mode="json"),
    }
