"""``train`` and ``demo``: start a run and follow it."""

from __future__ import annotations

import argparse
import json
import sys

from desktop.body import EngineName
from desktop.cli.chat import ask_side_by_side
from desktop.cli.configs import read_config, say_idle
from desktop.cli.datasets import prepared_config
from desktop.cli.live import Line, follow, how_it_goes_on, show_build
from desktop.cli.loop import assembled, call, load_runs, wait_until
from desktop.cli.preset import with_preset
from desktop.cli.queue import keep
from desktop.cli.queue_words import cards, moment
from desktop.cli.sentences import clock
from desktop.controllers import demo as example
from desktop.controllers.assembly import Assembly
from desktop.controllers.models import refusals
from desktop.core.packing import packing_problem
from desktop.core.run import Run, RunState
from desktop.errors import ConfigError
from desktop.paths import Home
from trainer_image.contract import RunConfig


def train(arguments: argparse.Namespace, home: Home) -> int:
    """Start a run from a config or put it into the queue, and follow it unless --detach or --queue."""
    not_before = moment(arguments.at) if arguments.at is not None else None
    if arguments.gpus is not None:
        arguments.set.append(f"gpus={json.dumps(cards(arguments.gpus))}")
    with assembled(home) as assembly:
        prepared = prepared_config(
            assembly, with_preset(assembly, read_config(assembly, arguments.config, arguments.set), arguments)
        )
        _refuse_model(assembly, prepared.config)
        say_idle(prepared.config)
        load_runs(assembly)  # what has died unseen must not keep the new run waiting
        when = {"not_before": not_before, "at_once": arguments.now}
        called = {"name": arguments.name, "engine": arguments.engine, "dataset": prepared.version}
        run_id = assembly.runs.start(prepared.config, **called, **when, standing=arguments.standing)
        keep(assembly)
        if arguments.detach or arguments.queue:
            return detach(assembly, run_id, as_json=arguments.json)
        return follow(assembly, run_id, as_json=arguments.json, from_start=False)


def _refuse_model(assembly: Assembly, config: RunConfig) -> None:
    """Raise what is found of the model, or does not go with it, that the run would fail on."""
    values = config.model_dump()
    report = assembly.models.check(*assembly.models.examined_as(values), config.offline)
    found = refusals(report)
    if found:
        sentence = " ".join(problem.sentence for problem in found)
        raise ConfigError(sentence, "Put that right, or choose another model.", code="bad_model")
    assembly.models.report = report
    refused = packing_problem(values, assembly.models.known(config.model).kind)
    if refused is not None:
        raise ConfigError(refused.sentence, code="bad_config")


def detach(assembly: Assembly, run_id: str, *, as_json: bool) -> int:
    """Wait until the body of a run is started, or could not be, and say so."""
    line = Line()
    show_build(assembly, line)
    runs = assembly.runs

    def is_started() -> bool:
        run = runs.get(run_id)
        return run is None or run.body is not None or not run.state.is_live

    wait_until(is_started, runs.run_changed)
    run = runs.get(run_id)
    assert run is not None
    waiting = runs.followers(run_id)
    if as_json:
        then = {"then": [_as_json(follower) for follower in waiting]} if waiting else {}
        print(json.dumps({**_as_json(run), **then}))
    elif run.failure is None:
        if run.state is not RunState.WAITING:
            print(f"{run.name} is {run.state}: tunedeck runs follow {run.id}")
        for one in (run, *waiting):
            if one.state is RunState.WAITING:
                print(how_it_goes_on(one))
    if run.failure is not None:
        print(f"tunedeck: {run.failure.sentence} {run.failure.hint}", file=sys.stderr)
    return 1 if run.failure is not None else 0


def _as_json(run: Run) -> dict[str, str]:
    waits = {"waiting_for": run.waiting_for} if run.state is RunState.WAITING else {}
    return {"id": run.id, "folder": str(run.folder), "state": run.state, **waits}


def demo(arguments: argparse.Namespace, home: Home) -> int:
    """Run the example in the terminal, then let base and tuned model answer the same question."""
    with assembled(home) as assembly:
        line = Line()
        show_build(assembly, line)
        engine = arguments.engine or _engine_that_answers(assembly, line)
        line.say("Preparing the trainer and the example's model ...")
        assembly.demo.changed.connect(lambda: _show_preparing(assembly.demo, line))
        config = call(lambda done, failed: assembly.demo.prepare(engine, done, failed))
        assert isinstance(config, RunConfig)
        assembly.runs.load()
        run_id = assembly.runs.start(config, name=example.NAME, engine=engine)
        code = follow(assembly, run_id, as_json=arguments.json, from_start=False)
        run = assembly.runs.get(run_id)
        if code == 0 and run is not None and run.adapter is not None:
            ask_side_by_side(assembly, run, example.QUESTION, as_json=arguments.json)
        return code


def _show_preparing(demo: example.Demo, line: Line) -> None:
    if demo.doing is not None:
        line.move(f"{demo.doing.words} · {clock(demo.seconds)}")


def _engine_that_answers(assembly: Assembly, line: Line) -> EngineName:
    engine = assembly.doctor.check_engine()
    if engine.state == "ok":
        return "docker"
    line.say(f"{engine.detail} The example runs without a container.")
    return "process"
