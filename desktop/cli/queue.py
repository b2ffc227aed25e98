"""``queue``: show, move, at, on, start, pause, go on, after-failure, and the keeper itself."""

from __future__ import annotations

import argparse
import json

from desktop.cli.loop import assembled, load_runs, wait_until
from desktop.cli.queue_words import WHEN, WHERE, cards, moment
from desktop.controllers import keeper
from desktop.controllers.assembly import Assembly
from desktop.controllers.desktop_words import DesktopWords
from desktop.controllers.gpu_history import LostCards
from desktop.controllers.notices import Notice
from desktop.controllers.showing import Showing
from desktop.core.queue import MOVES, lane_words
from desktop.core.run import Run, RunState
from desktop.paths import Home
from desktop.ui.window.warning_notices import WarningNotices


def add_words(parser: argparse.ArgumentParser) -> None:
    """Declare the words behind ``queue``."""
    parser.set_defaults(command=show)
    words = parser.add_subparsers(metavar="WORD")

    def add(name: str, help: str, command: object) -> argparse.ArgumentParser:
        made = words.add_parser(name, help=help, description=help)
        made.set_defaults(command=command)
        return made

    def add_for_run(name: str, help: str, command: object) -> argparse.ArgumentParser:
        made = add(name, help, command)
        made.add_argument("run", metavar="RUN", help="id or name of a run, or the word last")
        return made

    add("show", "what waits, in its order, and what each run waits for; the same as no word", show)
    add_for_run("move", "give a run that waits another place", move).add_argument("how", choices=MOVES, help="where to")
    later = add_for_run("at", "let a run that waits start at a time and not before, or as soon as it may", start_at)
    later.add_argument("time", nargs="+", metavar="TIME", help=WHEN)
    add_for_run("on", "give a run that has not begun other cards", run_on).add_argument(
        "cards", nargs="+", metavar="CARDS", help=WHERE
    )
    add_for_run("start", "start a run that waits now, whatever else is going on", start)
    add("pause", "start nothing more; what runs goes on", pause)
    add("go", "start again what waits: queue go on", go_on).add_argument("on", choices=("on",))
    policy = add("after-failure", "what the queue does when a run fails", after_failure)
    policy.add_argument("choice", choices=("go_on", "stop"))
    add("run", "be the keeper: start what waits, look after what lives; others call this, and leave", run)


def keep(assembly: Assembly) -> None:
    """See to it that what waits is started, and what lives is looked after, when this program has gone."""
    if keeper.has_work(assembly, DesktopWords(assembly.jobs, assembly.settings)):
        keeper.ensure(assembly.home)


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print what runs and what waits."""
    with assembled(home) as assembly:
        load_runs(assembly)
        queue = assembly.runs.queue
        live = [one for one in reversed(assembly.runs.all()) if one.state.is_live]
        waiting, stopped = queue.order(), queue.stopped_because
        reasons = [_why(one, queue.cards) for one in waiting]
        keep(assembly)
        if arguments.json:
            told = {"running": [one.id for one in live], "waiting": [_as_json(one) for one in waiting]}
            print(json.dumps({**told, "stopped": stopped is not None, "after_failure": queue.after_failure}))
            return 0
    for one in live:
        print(f"   {one.id}  {one.state:<10}{one.name}")
    for number, (one, why) in enumerate(zip(waiting, reasons, strict=True), 1):
        print(f"{number:2} {one.id}  {why:<40}  {one.name}")
    if not waiting:
        print("Nothing waits.")
    if stopped is not None:
        print(f"The queue is stopped{stopped and f', {stopped}'}: tunedeck queue go on")
    return 0


def _why(one: Run, there: tuple[int, ...]) -> str:
    """Return what the window says of a run that waits: for which cards it is, and what keeps it."""
    return " · ".join(part for part in (lane_words(one.config.gpus, there), one.waiting_for or "starts now") if part)


def _as_json(one: Run) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "waiting_for": one.waiting_for,
        "not_before": one.not_before.isoformat() if one.not_before else None,
        "after": one.after,
        "gpus": one.config.gpus,
    }


def move(arguments: argparse.Namespace, home: Home) -> int:
    """Give a run that waits another place, and print the order."""
    with assembled(home) as assembly:
        load_runs(assembly)
        assembly.runs.queue.move(assembly.runs.find(arguments.run).id, arguments.how)
    return show(arguments, home)


def start_at(arguments: argparse.Namespace, home: Home) -> int:
    """Let a run that waits start at a time, or as soon as it may."""
    when = moment(" ".join(arguments.time))
    with assembled(home) as assembly:
        load_runs(assembly)
        run_id = assembly.runs.find(arguments.run).id
        assembly.runs.queue.start_at(run_id, when)
        return _say_what_keeps(assembly, run_id, as_json=arguments.json)


def run_on(arguments: argparse.Namespace, home: Home) -> int:
    """Give a run that has not begun other cards."""
    gpus = cards(" ".join(arguments.cards))
    with assembled(home) as assembly:
        load_runs(assembly)
        run_id = assembly.runs.find(arguments.run).id
        assembly.runs.queue.run_on(run_id, gpus)
        return _say_what_keeps(assembly, run_id, as_json=arguments.json)


def _say_what_keeps(assembly: Assembly, run_id: str, *, as_json: bool) -> int:
    found = assembly.runs.find(run_id)
    keep(assembly)
    print(json.dumps(_as_json(found)) if as_json else f"{found.name}: {_why(found, assembly.runs.queue.cards)}.")
    return 0


def start(arguments: argparse.Namespace, home: Home) -> int:
    """Start a run that waits although others use its cards."""
    with assembled(home) as assembly:
        load_runs(assembly)
        run_id = assembly.runs.find(arguments.run).id
        runs = assembly.runs
        runs.queue.start_now(run_id)

        def is_started() -> bool:
            one = runs.get(run_id)
            return one is None or one.body is not None or not one.state.is_live

        wait_until(is_started, runs.run_changed)
        found = runs.find(run_id)
        keep(assembly)
    print(json.dumps({"id": run_id, "state": found.state}) if arguments.json else f"{found.name} is {found.state}.")
    return 0


def pause(arguments: argparse.Namespace, home: Home) -> int:
    """Stop the queue."""
    with assembled(home) as assembly:
        load_runs(assembly)
        assembly.runs.queue.pause()
    print(json.dumps({"stopped": True}) if arguments.json else "The queue is stopped; what runs goes on.")
    return 0


def go_on(arguments: argparse.Namespace, home: Home) -> int:
    """Let the queue go on."""
    with assembled(home) as assembly:
        load_runs(assembly)
        assembly.runs.queue.go_on()
        keep(assembly)
    print(json.dumps({"stopped": False}) if arguments.json else "The queue goes on.")
    return 0


def after_failure(arguments: argparse.Namespace, home: Home) -> int:
    """Choose what the queue does when a run fails."""
    with assembled(home) as assembly:
        assembly.runs.queue.choose_after_failure(arguments.choice)
    words = "stops" if arguments.choice == "stop" else "goes on"
    text = f"The queue {words} when a run fails."
    print(json.dumps({"after_failure": arguments.choice}) if arguments.json else text)
    return 0


def run(arguments: argparse.Namespace, home: Home) -> int:
    """Be the keeper until nothing is left to do; while a window is open, which does it all itself, stand by."""
    with keeper.only_one(home) as is_mine:
        if not is_mine:
            return 0
        keeper.stand_by(home)
        with assembled(home) as assembly:
            _look_after(assembly)
    if keeper.has_window(home):
        keeper.ensure(home)  # a new one stands by, with nothing in it that still ticks
        return 0
    with assembled(home) as assembly:  # something may have come in the moment before the place was free
        load_runs(assembly)
        keep(assembly)
    return 0


def _look_after(assembly: Assembly) -> None:
    """Do what a window would until nothing is left to do, or one is open."""
    words = DesktopWords(assembly.jobs, assembly.settings)
    LostCards(assembly.hardware, assembly.notices, words)
    WarningNotices(assembly.runs, assembly.notices, words)
    assembly.notices.posted.connect(words.take)
    showing = Showing(assembly.home)

    def show_run(notice: Notice, token: str) -> None:
        showing.show(notice.run_id, token)

    words.pressed.connect(show_run)
    assembly.runs.queue.patience_s = keeper.PATIENCE_S
    assembly.runs.load()
    assembly.hardware.watch_cards()
    assembly.troubles.start()

    def may_leave() -> bool:
        is_starting = any(one.state is RunState.STARTING and one.body is None for one in assembly.runs.all())
        if is_starting or not words.is_idle:
            return False
        # Many desktops take away what a program has told when it leaves; and somebody may press it.
        return keeper.has_window(assembly.home) or not (words.is_listening or keeper.has_work(assembly, words))

    wait_until(may_leave, assembly.runs.looked)
    words.close()
