"""``runs compare``, ``passport``, ``reproduce``, ``tag``, ``note`` and ``archive``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, cast

from desktop.cli.live import follow
from desktop.cli.loop import assembled, call, load_runs
from desktop.cli.sentences import clock
from desktop.cli.train import detach
from desktop.controllers.reproducing import Findings
from desktop.core import folders
from desktop.core.comparing import Comparison, Line, compare, made_of
from desktop.core.labels import RunLabels
from desktop.core.passport import Passport, differences, passport
from desktop.core.run import Run
from desktop.errors import ConfigError
from desktop.paths import Home


def add_words(words: Any) -> None:
    """Declare these words behind ``runs``."""

    def add(name: str, help: str, command: object) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = words.add_parser(name, help=help, description=help)
        made.set_defaults(command=command)
        return made

    one = "id or name of a run, or the word last"
    add("compare", "set runs beside each other: settings and results", compare_runs).add_argument(
        "runs", metavar="RUN", nargs="+", help=one
    )
    add("passport", "what a run was made of", show_passport).add_argument("run", metavar="RUN", help=one)
    again = add("reproduce", "start a run again, and say what cannot be the same", reproduce)
    again.add_argument("run", metavar="RUN", help=one)
    again.add_argument("--detach", action="store_true", help="return as soon as it is started")
    again.add_argument("--anyway", action="store_true", help="though the data has changed, or the image is gone")
    tagging = add("tag", "give a run these tags and no others", tag)
    tagging.add_argument("run", metavar="RUN", help=one)
    tagging.add_argument("tags", metavar="TAG", nargs="*")
    noting = add("note", "write a note on a run", note)
    noting.add_argument("run", metavar="RUN", help=one)
    noting.add_argument("text", metavar="TEXT")
    putting = add("archive", "put a run away; its folder stays", archive)
    putting.add_argument("run", metavar="RUN", help=one)
    putting.add_argument("--back", action="store_true", help="take it out again")


def compare_runs(arguments: argparse.Namespace, home: Home) -> int:
    """Print two or more runs beside each other: what was set differently, and what came of it."""
    with assembled(home) as assembly:
        load_runs(assembly)
        runs = [assembly.runs.refresh(assembly.runs.find(word).id) for word in arguments.runs]
    if len({run.id for run in runs}) < 2:
        raise ConfigError("Name at least two different runs.", "`tunedeck runs list` shows them.")
    comparison, made = compare(runs), made_of(runs, [_passport(run) for run in runs])
    if arguments.json:
        made_by_id = {line.name: dict(zip([run.id for run in runs], line.values, strict=True)) for line in made}
        print(json.dumps({**comparison.as_json(), "made_of": made_by_id}))
    else:
        print("\n".join(_table(comparison, made)))
    return 0


def show_passport(arguments: argparse.Namespace, home: Home) -> int:
    """Print what a run was made of."""
    with assembled(home) as assembly:
        load_runs(assembly)
        shown = _passport(assembly.runs.refresh(assembly.runs.find(arguments.run).id))
    if arguments.json:
        print(json.dumps(shown.as_json()))
        return 0
    for key, value in shown.as_json().items():
        if key == "packages":
            value = ", ".join(f"{name} {version}" for name, version in value.items())
        print(f"{key.replace('_', ' '):18}{json.dumps(value) if isinstance(value, dict | list | tuple) else value}")
    return 0


def reproduce(arguments: argparse.Namespace, home: Home) -> int:
    """Start a run again with the same config and image, and say what cannot be the same; follow it unless --detach.

    Where the data has changed or the image is gone it starts with --anyway only.
    """
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.refresh(assembly.runs.find(arguments.run).id)
        findings = cast(Findings, call(lambda done, failed: assembly.reproducing.check(run.id, done, failed)))
        if findings.doubts and not arguments.anyway:
            raise ConfigError(" ".join(findings.doubts), "Reproduce it as far as it goes with --anyway.")
        new = assembly.reproducing.start(findings)
        code = (
            detach(assembly, new, as_json=arguments.json)
            if arguments.detach
            else follow(assembly, new, as_json=arguments.json, from_start=True)
        )
        again = assembly.runs.refresh(new)
        if not arguments.json and again.progress.plan is not None:
            print("\n".join(_differences(run, again)))
    return code


def tag(arguments: argparse.Namespace, home: Home) -> int:
    """Give a run these tags and no others."""
    return _label(arguments, home, lambda labels, run: labels.set_tags(run.id, arguments.tags))


def note(arguments: argparse.Namespace, home: Home) -> int:
    """Write a note on a run."""
    return _label(arguments, home, lambda labels, run: labels.set_notes(run.id, arguments.text))


def archive(arguments: argparse.Namespace, home: Home) -> int:
    """Put a run away, or with --back take it out again."""
    return _label(arguments, home, lambda labels, run: labels.archive(run.id, not arguments.back))


def _label(arguments: argparse.Namespace, home: Home, change: Any) -> int:
    with assembled(home) as assembly:
        load_runs(assembly)
        run = assembly.runs.find(arguments.run)
        now = change(RunLabels(assembly.store), run)
    told = {"id": run.id, "tags": list(now.tags), "notes": now.notes, "archived": now.is_archived}
    words = ", ".join(now.tags) or "no tags"
    print(json.dumps(told) if arguments.json else f"{run.name}: {words}{', archived' if now.is_archived else ''}.")
    return 0


def _passport(run: Run) -> Passport:
    return passport(run, folders.read_dataset(run.files))


def _differences(run: Run, again: Run) -> list[str]:
    found = differences(_passport(run), _passport(again))
    if not found:
        return ["Everything is as it was: on a CPU the losses are the same to the last bit."]
    return ["What is not as it was:", *(f"  {one.sentence}" for one in found)]


def _table(comparison: Comparison, made: Sequence[Line]) -> list[str]:
    names = [run.name for run in comparison.runs]
    rows = [["", *names]]
    rows += [[line.label, *(_value(line.name, value) for value in line.values)] for line in comparison.results]
    rows += [["Set differently:" if comparison.settings else "Set alike.", *[""] * len(names)]]
    rows += [[line.label, *(_value(line.name, value) for value in line.values)] for line in comparison.settings]
    if made:
        rows += [["Made of something else:", *[""] * len(names)]]
        rows += [[line.label, *(_value(line.name, value) for value in line.values)] for line in made]
    widths = [min(40, max(len(row[at]) for row in rows)) for at in range(len(rows[0]))]
    return [
        "  ".join(cell[:width].ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _value(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "seconds":
        return clock(value)
    if name.endswith("_bytes"):
        return f"{value / 1e6:,.1f} MB"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
