"""How long from the click to the first step and to the window, and what our reporting costs, against plain scripts.

``python -m tests.benchmarks.start_up [--engine docker|process] [--steps N] [--rounds N]``: every figure and its
baseline come from this one run. Baselines: the same fine-tune in a plain script (plain_trl.py) on the same engine, and
a bare Qt window. With --standing instead: a run that takes a trainer that stands ready, against the same run without.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication

from desktop.cli.loop import wait_until
from desktop.controllers.assembly import Assembly, assemble
from desktop.engine.docker import connect, container_arguments, gpu_routes
from desktop.engine.gpus import Gpus
from desktop.engine.launch import Mount, plan_training
from desktop.engine.machine import read_machine
from desktop.paths import EXAMPLE_DATASET, PROJECT, find_home
from trainer_image.contract import Hello, Phase, RunConfig, RunFolder, Step
from trainer_image.reporter import Reporter
from trainer_image.supervised import ready_mark

HERE = Path(__file__).parent


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--engine", choices=["docker", "process"], default="docker")
    words.add_argument("--steps", type=int, default=30)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--home")
    words.add_argument("--model", help="a model folder, instead of the example's")
    words.add_argument("--max-length", type=int, default=256)
    words.add_argument("--standing", action="store_true")
    asked = words.parse_args()
    application = QCoreApplication(sys.argv[:1])
    assembly = assemble(find_home(asked.home))
    config = prepare(assembly, asked.engine, asked.steps, asked.model)
    config = config.model_copy(update={"max_length": asked.max_length})
    assembly.runs.load()
    if asked.standing:
        compare_standing(assembly, config, asked.engine, asked.rounds)
        assembly.close()
        return
    ours, plain = [], []
    for number in range(asked.rounds):
        # Plain and ours take turns, so that a slow minute of the machine hits both.
        plain.append(run_plain(assembly, config, asked.engine, asked.steps))
        ours.append(run_ours(assembly, config, asked.engine))
        print(f"round {number + 1} of {asked.rounds} done", file=sys.stderr)
    print_start(ours, plain)
    print_steps(ours, plain)
    print_reporting(ours)
    print_window()
    assembly.close()
    del application


def compare_standing(assembly: Assembly, config: RunConfig, engine: Any, rounds: int) -> None:
    """Print click to first step of a run that finds a trainer ready, against the same run that does not."""
    cold, standing = [], []
    keep_ready = assembly.keep_ready
    was_wanted = keep_ready.is_wanted
    for number in range(rounds):
        # They take turns, so that a slow minute of the machine hits both.
        cold.append(run_ours(assembly, config, engine))
        keep_ready.choose(True)
        keep_ready.follow(lambda: (config, engine))
        wait_until(lambda: is_ready(assembly))
        standing.append(run_ours(assembly, config, engine, expected=keep_ready.run_id))
        keep_ready.follow(lambda: None)
        keep_ready.choose(was_wanted)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    assert len({tuple(one["losses"]) for one in (*cold, *standing)}) == 1, "a run that is taken over learns otherwise"
    print_start(standing, cold, names=("standing", "cold"))


def is_ready(assembly: Assembly) -> bool:
    """Say whether a trainer has imported everything and waits."""
    run_id = assembly.keep_ready.run_id
    return run_id is not None and ready_mark(RunFolder(assembly.home.runs / run_id), 0).exists()


def prepare(assembly: Assembly, engine: Any, steps: int, model: str | None = None) -> RunConfig:
    """Make engine and model ready, and return the config that both sides train."""
    builder = assembly.image if engine == "docker" else assembly.environment
    if not builder.is_ready():
        builder.build(lambda step: print(step.sentence, file=sys.stderr))
    model = model or str(assembly.example_model.ensure(engine))
    return RunConfig(
        model=model,
        dataset=str(EXAMPLE_DATASET),
        max_steps=steps,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=1,
        learning_rate=5e-4,
        max_length=256,
        lora_alpha=32,
        gradient_checkpointing=False,
        eval_split_size=0,
        save_steps=10_000,
        offline=True,
    )


def run_ours(assembly: Assembly, config: RunConfig, engine: Any, expected: str | None = None) -> dict[str, Any]:
    """Start a run as a click on Start does; return its moments as seconds since the click.

    ``expected`` is the run that a trainer stands ready for: this one has to become it.
    """
    click = time.time()
    run_id = assembly.runs.start(config, name="start-up benchmark", engine=engine)
    assert expected in (None, run_id)
    wait_until(lambda: not assembly.runs.get(run_id).state.is_live, assembly.runs.run_changed)
    run = assembly.runs.get(run_id)
    assert run.state == "finished", run.failure
    events = assembly.runs.events(run_id)
    ended = {
        event.name: event.time.timestamp() - click for event in events if isinstance(event, Phase) and event.seconds
    }
    first_word = next(event.time.timestamp() - click for event in events if isinstance(event, Phase))
    assert any(isinstance(event, Hello) for event in events)
    steps = [event for event in events if isinstance(event, Step)]
    assembly.runs.delete(run_id)
    return {
        "engine": first_word,
        "imports": ended["import"] - first_word,
        "model": ended["load"] - ended["import"],
        "data": ended["data"] - ended["load"],
        "first step": steps[0].time.timestamp() - click - ended["data"],
        "total": steps[0].time.timestamp() - click,
        # From one step's event to the next: what reporting costs is in it.
        "losses": [step.loss for step in steps],
        "step_s": [(b.time - a.time).total_seconds() for a, b in pairwise(steps)],
    }


def run_plain(assembly: Assembly, config: RunConfig, engine: str, steps: int) -> dict[str, Any]:
    """Start the plain script on the same engine with the same limits; return the same moments."""
    machine = read_machine(assembly.home, Gpus())
    with tempfile.TemporaryDirectory(dir=assembly.home.runs) as folder:
        spec = plan_training(config, "plain", Path(folder), machine)
        script = HERE / "plain_trl.py"
        spec = dataclasses.replace(spec, mounts=(*spec.mounts, Mount(script)))
        words = [str(script), config.model, config.dataset, str(steps), folder]
        click = time.time()
        if engine == "docker":
            client = connect()
            route = gpu_routes(client.info())[0] if machine.gpu_indices else None
            arguments = {**container_arguments(spec, route), "command": words}
            container = client.containers.run(assembly.image.tag, detach=True, **arguments)
            code = container.wait()["StatusCode"]
            output = container.logs(stderr=code != 0).decode()
            container.remove()
        else:
            environment = {**os.environ, **spec.environment}
            command = [str(assembly.environment.python), *words]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
            code, output = done.returncode, done.stdout + (done.stderr if done.returncode else "")
    assert code == 0, output[-2000:]
    told = json.loads(output.strip().splitlines()[-1])
    ends = told["step_ends"]
    return {
        "engine": told["began"] - click,
        "imports": told["imports"] - told["began"],
        "model": told["model"] - told["imports"],
        "data": told["data"] - told["model"],
        "first step": ends[0] - told["data"],
        "total": ends[0] - click,
        "step_s": [b - a for a, b in pairwise(ends)],
    }


def print_start(
    ours: list[dict[str, Any]], plain: list[dict[str, Any]], names: tuple[str, str] = ("ours", "plain")
) -> None:
    """Print the way to the first step, part by part."""
    print(f"click to first step (s)  {names[0]:>8} {names[1]:>8}   ratio")
    for part in ("engine", "imports", "model", "data", "first step", "total"):
        mine = statistics.median(one[part] for one in ours)
        theirs = statistics.median(one[part] for one in plain)
        print(f"  {part:<22}{mine:9.2f}{theirs:9.2f}{mine / theirs:8.2f}")


def print_steps(ours: list[dict[str, Any]], plain: list[dict[str, Any]]) -> None:
    """Print the median step with and without our reporting, over all rounds."""
    mine = statistics.median(seconds for one in ours for seconds in one["step_s"])
    theirs = statistics.median(seconds for one in plain for seconds in one["step_s"])
    print(f"a step (s)              {mine:9.3f}{theirs:9.3f}{mine / theirs:8.3f}")


def print_reporting(ours: list[dict[str, Any]]) -> None:
    """Print what the reporter itself does at a step (one event, one look at the requests), as a share of a step.

    Two runs of one program differ by far more than the goal of 0.5 %, so the work is timed alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        reporter = Reporter(RunFolder(Path(folder)))
        event = Step(step=1, epoch=0.1, loss=1.0, learning_rate=1e-4, grad_norm=1.0, tokens=9, tokens_per_s=9, step_s=1)
        rounds = 5000
        began = time.perf_counter()
        for _ in range(rounds):
            reporter.emit(event)
            reporter.requests()
        seconds = (time.perf_counter() - began) / rounds
    step = statistics.median(seconds for one in ours for seconds in one["step_s"])
    print(f"reporting a step        {seconds * 1e6:6.0f} µs of {step * 1e3:.0f} ms: {100 * seconds / step:.4f} %")


WINDOW = """
import time; began = time.perf_counter()
import sys
from itertools import pairwise
from pathlib import Path
from PySide6.QtWidgets import QApplication
from desktop.app import build_window
from desktop.controllers.assembly import assemble
from desktop.paths import Home
application = QApplication([])
assembly = assemble(Home(Path(sys.argv[1])))
window = build_window(assembly)
assembly.runs.load(); window.show(); application.processEvents()
print(time.perf_counter() - began)
assembly.close()
"""
BARE = """
import time; began = time.perf_counter()
from PySide6.QtWidgets import QApplication, QMainWindow
application = QApplication([])
window = QMainWindow(); window.show(); application.processEvents()
print(time.perf_counter() - began)
"""


def print_window() -> None:
    """Print the time from the first import to the window shown, ours and a bare one, median of five each."""
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):
            for name, script in (("ours", WINDOW), ("bare", BARE)):
                command = [sys.executable, "-c", script, folder]
                done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=PROJECT)
                seconds[name].append(float(done.stdout.split()[-1]))
    mine, bare = statistics.median(seconds["ours"]), statistics.median(seconds["bare"])
    print(f"import to window (s)    {mine:9.2f}{bare:9.2f}{mine / bare:8.2f}   against a bare Qt window")


if __name__ == "__main__":
    main()
