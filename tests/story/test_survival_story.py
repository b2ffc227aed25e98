"""Whatever is killed, filled, cut or moved: a run goes on from its last checkpoint, and says what happened.

Most of it is done to an engine of our own, with a trainer that makes no use of torch: only root can start one. What
torch itself has to survive is done to the real image.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desktop.body import EngineName
from desktop.controllers import keeper
from desktop.core.feeds import places
from desktop.core.series import Series
from desktop.paths import PROJECT, Home
from tests.fakes import write_small_model
from tests.story.conftest import IN_CI, Tunedeck, events_of, wait_for
from tests.story.light import OwnEngine, can_have_one, load_image
from trainer_image.contract import Checkpoint, ClockSet, Failed, Hello, Paused, RunFolder, Step, UnknownLine, Warned

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("leaky_sockets")]

Kind = type[Any]
MIB = 1024**2
LAST = 300
LONG: dict[str, Any] = {"total": LAST, "save_every": 5, "step_s": 0.3}
"""A run that is still going on when the command line has said its word on a busy machine; then it is let go fast."""


@dataclass
class Bench:
    """The program on a home and an engine of its own, with a trainer that does as its dataset says."""

    tunedeck: Tunedeck
    engine: OwnEngine
    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    def config(self, *, total: int = 12, save_every: int = 2, keep: int = 3, **plan: Any) -> Path:
        self.change(**plan)
        knobs = {"max_steps": total, "save_steps": save_every, "save_total_limit": keep}
        return self.tunedeck.write_config(self.folder, dataset=str(self.plan), **knobs)

    def change(self, **plan: Any) -> None:
        """Change what the trainer does from its next step on; written in place, for the container has this file."""
        known = json.loads(self.plan.read_text()) if self.plan.exists() else {}
        with self.plan.open("w") as file:
            file.write(json.dumps({**known, **plan}))

    def popen(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.tunedeck.environment}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(self.tunedeck.command(*words), cwd=PROJECT, env=environment, **quiet)  # type: ignore[call-overload,no-any-return]

    def start(self, config: Path) -> RunFolder:
        return self.tunedeck.start(config)

    def state(self, files: RunFolder) -> str:
        return str(self.tunedeck.json("runs", "show", files.path.name)["state"])

    def show(self, files: RunFolder) -> Any:
        return self.tunedeck.json("runs", "show", files.path.name)

    def container(self, files: RunFolder) -> Any:
        found = self.engine.client.containers.list(all=True, filters={"label": f"tunedeck.run={files.path.name}"})
        return found[0] if found else None

    def follow(self, files: RunFolder) -> Any:
        """Stay with a run to its end, however that is, and return what is shown of it then."""
        self.popen("runs", "follow", files.path.name).wait(300)
        return self.show(files)

    def finish(self, files: RunFolder) -> None:
        """Resume a run and see it to its end."""
        self.tunedeck("runs", "resume", files.path.name)
        assert self.state(files) == "finished"


def of_kind(files: RunFolder, kind: Kind) -> list[Any]:
    return [event for event in events_of(files) if isinstance(event, kind)]


def steps_of(files: RunFolder) -> list[int]:
    """Return the steps that count: those that a resume makes again are not counted twice."""
    steps: list[int] = []
    for event in events_of(files):
        if isinstance(event, Hello):
            steps = [step for step in steps if step <= (event.resumed_from or 0)]
        elif isinstance(event, Step):
            steps.append(event.step)
    return steps


@pytest.fixture(scope="module")
def own_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnEngine]:
    if not can_have_one():
        if IN_CI and os.geteuid() == 0:
            pytest.fail("CI runs as root and has no dockerd")
        pytest.skip("only root can start an engine that may be killed")
    engine = OwnEngine(tmp_path_factory.mktemp("e"))
    engine.start()
    load_image(engine)
    yield engine
    engine.kill()
    engine.clear()


@pytest.fixture
def bench(own_engine: OwnEngine, tmp_path: Path) -> Iterator[Bench]:
    home, model = Home(tmp_path / "home"), tmp_path / "model"
    home.make()
    model.mkdir()
    write_small_model(model)
    engine: EngineName = "docker"
    made = Bench(Tunedeck(home, engine, model, {"DOCKER_HOST": own_engine.address}), own_engine, tmp_path)
    yield made
    for run in made.tunedeck.json("runs", "list")["runs"]:
        if run["state"] in ("waiting", "running", "starting"):
            made.tunedeck("runs", "cancel", run["id"])
    wait_for(lambda: not is_kept(home), "the keeper to leave")
    for container in own_engine.client.containers.list(all=True):
        container.remove(force=True)


def is_kept(home: Home) -> bool:
    with keeper.only_one(home) as is_free:
        return not is_free


def wait_for_steps(files: RunFolder, count: int) -> None:
    wait_for(lambda: len(steps_of(files)) >= count, f"step {count}")


# The app


@pytest.mark.parametrize("moment", ["folder", "start", "container"])
def test_the_app_is_killed_while_it_starts_a_run(bench: Bench, moment: str) -> None:
    runs = bench.tunedeck.home.runs
    app = bench.popen("train", str(bench.config(total=6)))
    folder = wait_for(lambda: list(runs.iterdir()), "the run folder")[0]
    files = RunFolder(folder)
    if moment == "start":
        wait_for(lambda: (folder / ".starting").exists() or bench.container(files), "the start")
    if moment == "container":
        wait_for(lambda: bench.container(files), "the container")
    app.kill()
    app.wait()
    shown = bench.follow(files)
    if shown["state"] == "interrupted":
        assert "while it started this run" in shown["failure"]["sentence"]
        bench.finish(files)
    else:
        assert shown["state"] == "finished"
    assert steps_of(files) == list(range(1, 7))
    assert len(of_kind(files, Hello)) == 1


def test_what_waits_is_started_though_every_app_is_gone(bench: Bench) -> None:
    config = bench.config(**LONG)
    first = bench.start(config)
    second = bench.tunedeck.json("train", str(config), "--queue", "--name", "Second")
    assert (second["state"], "waits for" in second["waiting_for"]) == ("waiting", True)
    files = RunFolder(Path(second["folder"]))
    (waiting,) = bench.tunedeck.json("queue", "show")["waiting"]
    assert waiting["id"] == second["id"]
    bench.change(step_s=0.0)
    wait_for(lambda: steps_of(files)[-1:] == [LAST], "the second run's end")
    assert steps_of(first)[-1] == LAST
    assert of_kind(first, Step)[-1].time < of_kind(files, Step)[0].time
    wait_for(lambda: not is_kept(bench.tunedeck.home), "the keeper to leave")


def test_the_database_is_deleted(bench: Bench) -> None:
    files = bench.start(bench.config(total=4))
    bench.tunedeck("runs", "follow", files.path.name)
    before = bench.tunedeck.json("runs", "list")
    for path in bench.tunedeck.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()
    assert bench.tunedeck.json("runs", "list")["runs"][0]["state"] == "finished"
    assert [run["id"] for run in before["runs"]] == [files.path.name]


def test_the_run_folder_is_moved_away_and_back(bench: Bench) -> None:
    files = bench.start(bench.config(total=4))
    bench.tunedeck("runs", "follow", files.path.name)
    away = files.path.rename(bench.folder / "away")
    assert [run["state"] for run in bench.tunedeck.json("runs", "list")["runs"]] == ["finished"]
    assert bench.show(files)["step"] == 4
    away.rename(files.path)
    assert bench.show(files)["checkpoints"][-1]["step"] == 4


def test_the_folder_of_a_live_run_is_moved_away_and_back(bench: Bench) -> None:
    """A container has the folder itself, wherever it is: steps and checkpoints go on into it."""
    files = bench.start(bench.config(**LONG))
    wait_for_steps(files, 3)
    assert bench.state(files) == "running"
    away = RunFolder(files.path.rename(bench.folder / "away"))
    wait_for(lambda: any(step >= 10 for step, _ in away.complete_checkpoints()), "a checkpoint in the folder")
    assert not files.path.exists()
    assert [run["state"] for run in bench.tunedeck.json("runs", "list")["runs"]] == ["running"]
    away.path.rename(files.path)
    bench.change(step_s=0.0)
    assert bench.follow(files)["state"] == "finished"
    assert steps_of(files) == list(range(1, LAST + 1))
    assert len(of_kind(files, Hello)) == 1


# Container, engine, machine


def test_the_container_is_killed_for_memory(bench: Bench) -> None:
    files = bench.start(bench.config(**LONG))
    wait_for_steps(files, 3)
    bench.container(files).update(mem_limit=120 * MIB, memswap_limit=120 * MIB)
    bench.change(eat=60 * MIB)
    shown = bench.follow(files)
    assert (shown["state"], shown["failure"]["code"]) == ("failed", "out_of_memory")
    assert "ran out of memory" in shown["failure"]["sentence"]
    last = files.complete_checkpoints()[-1][0]
    bench.change(eat=0, step_s=0.0)
    bench.finish(files)
    assert of_kind(files, Hello)[-1].resumed_from == last
    assert steps_of(files) == list(range(1, LAST + 1))


def test_the_engine_is_restarted_under_a_run(bench: Bench) -> None:
    files = bench.start(bench.config(**LONG))
    wait_for_steps(files, 5)
    bench.engine.stop()
    # Before it ends its containers it asks them to, and the trainer takes that for a wish to pause.
    before = bench.state(files)
    bench.engine.start()
    assert (before, bench.follow(files)["state"]) == ("paused", "paused")
    last = files.complete_checkpoints()[-1][0]
    bench.change(step_s=0.0)
    bench.finish(files)
    assert of_kind(files, Hello)[-1].resumed_from == last
    assert steps_of(files) == list(range(1, LAST + 1))


def test_everything_dies_at_once(bench: Bench) -> None:
    """A machine that is switched off: engine, containers, app and keeper."""
    config = bench.config(**LONG)
    files = bench.start(config)
    waiting = RunFolder(Path(bench.tunedeck.json("train", str(config), "--queue", "--name", "Next")["folder"]))
    app = bench.popen("runs", "follow", files.path.name)
    wait_for_steps(files, 7)
    bench.engine.kill(str(bench.tunedeck.home.path))
    app.wait()
    at_death = steps_of(files)[-1]
    bench.engine.start()
    shown = bench.show(files)
    assert shown["state"] == "interrupted"
    assert at_death - files.complete_checkpoints()[-1][0] <= LONG["save_every"]
    bench.change(step_s=0.0)
    assert [one["id"] for one in bench.tunedeck.json("queue", "show")["waiting"]] == [waiting.path.name]
    wait_for(lambda: steps_of(waiting)[-1:] == [LAST], "the run that waited")
    bench.finish(files)
    assert steps_of(files) == list(range(1, LAST + 1))


def test_the_container_loses_its_card_and_gets_a_new_one(bench: Bench) -> None:
    """As after a reload of systemd: the driver answers "Unknown Error" to whoever asks it anew."""
    files = bench.start(bench.config(**LONG, card="there"))
    app = bench.popen("runs", "follow", files.path.name)
    wait_for_steps(files, 4)
    first = bench.container(files).id
    bench.change(card="gone")
    lost = wait_for(lambda: of_kind(files, Failed), "the loss to be told")
    bench.change(card="there", step_s=0.0)
    assert (lost[0].code, "Unknown Error" in lost[0].sentence) == ("gpu_lost", True)
    assert isinstance(events_of(files)[events_of(files).index(lost[0]) - 1], Paused)  # it could still save
    wait_for(lambda: len(of_kind(files, Hello)) >= 2, "the run to go on by itself")
    assert bench.container(files).id != first
    app.wait(300)
    wait_for(lambda: steps_of(files)[-1:] == [LAST], "the end")
    assert steps_of(files) == list(range(1, LAST + 1))


def test_the_clock_is_set_back_and_forward_under_a_run_and_one_that_waits(bench: Bench) -> None:
    config = bench.config(**LONG)
    files = bench.start(config)
    waiting = RunFolder(Path(bench.tunedeck.json("train", str(config), "--queue", "--name", "Next")["folder"]))
    wait_for_steps(files, 3)
    bench.change(clock_s=-7200)
    wait_for(lambda: of_kind(files, ClockSet), "a step by the other clock")
    assert (bench.state(files), bench.state(waiting)) == ("running", "waiting")
    bench.change(clock_s=3600)
    wait_for(lambda: len(of_kind(files, ClockSet)) == 2, "a step by the clock that is an hour fast")
    assert (bench.state(files), bench.state(waiting)) == ("running", "waiting")
    bench.change(step_s=0.0)
    shown = bench.follow(files)
    assert (shown["state"], shown["step"], shown["checkpoints"][-1]["step"]) == ("finished", LAST, LAST)
    wait_for(lambda: steps_of(waiting)[-1:] == [LAST], "the run that waited")
    curve = curve_of(files)
    assert curve.column("step").tolist() == list(range(1, LAST + 1))
    for minutes in (places(curve, "time"), places(curve, "clock")):
        assert (np.diff(minutes) >= 0).all()
        assert 0 == minutes[0] < minutes[-1] < 30


def curve_of(files: RunFolder) -> Series:
    series = Series()
    series.add(events_of(files))
    return series


# Disk and files


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Callable[[str], None]]:
    """Let the run folders lie on a disk of a size that can be changed."""
    place = str(bench.tunedeck.home.runs)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode != 0:
        pytest.skip("nothing may be mounted here")
    yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True) and None
    subprocess.run(["umount", "-l", place], check=True)


def test_the_disk_is_full_during_a_checkpoint(bench: Bench, small_disk: Callable[[str], None]) -> None:
    files = bench.start(bench.config(total=12, keep=5, checkpoint_bytes=300_000))
    shown = bench.follow(files)
    assert shown["state"] == "paused"
    assert shown["failure"]["code"] == "disk_full"
    assert [one["step"] for one in shown["checkpoints"]] == [2, 4, 6]
    assert (of_kind(files, Paused)[-1].step, list(files.checkpoints.glob(".partial/*"))) == (6, [])
    small_disk("20m")
    bench.finish(files)
    assert of_kind(files, Hello)[-1].resumed_from == 6
    assert steps_of(files) == list(range(1, 13))


def test_the_events_file_is_cut_in_the_middle_of_a_line(bench: Bench) -> None:
    files = bench.start(bench.config(**LONG))
    wait_for_steps(files, 5)
    bench.tunedeck("runs", "pause", files.path.name)
    wait_for(lambda: of_kind(files, Paused), "the pause")
    whole = files.events.read_bytes()
    files.events.write_bytes(whole[: whole.rfind(b"\n", 0, -1) - 40])
    assert bench.show(files)["step"] >= 4
    bench.change(step_s=0.0)
    bench.finish(files)
    lines = files.events.read_bytes().split(b"\n")
    broken = [line for line in lines if line and not re.fullmatch(rb"\{.*\}", line)]
    assert len(broken) == 1
    assert steps_of(files) == list(range(1, LAST + 1))
    numbers = [event.seq for event in events_of(files) if not isinstance(event, UnknownLine)]
    assert numbers == sorted(set(numbers))


def test_a_damaged_checkpoint_is_not_believed(bench: Bench) -> None:
    files = bench.start(bench.config(**LONG))
    wait_for_steps(files, 12)
    bench.tunedeck("runs", "pause", files.path.name)
    wait_for(lambda: of_kind(files, Paused), "the pause")
    (before, _), (last, path) = files.complete_checkpoints()[-2:]
    _damage(path / "optimizer.pt")
    bench.change(step_s=0.0)
    bench.finish(files)
    (warned,) = of_kind(files, Warned)
    assert f"The checkpoint of step {last} cannot be used" in warned.sentence
    assert f"The run goes on from step {before}." in warned.sentence
    assert of_kind(files, Hello)[-1].resumed_from == before
    assert steps_of(files) == list(range(1, LAST + 1))


def _damage(path: Path) -> None:
    """Turn one bit over."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


# With torch


def test_a_real_run_survives_a_full_disk_and_a_damaged_checkpoint(in_docker: Tunedeck, tmp_path: Path) -> None:
    """TRL writes what fills the disk; what it wrote before is damaged by a bit; the run ends as if nothing were."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    home = Home(tmp_path / "home")
    home.make()
    disk = str(home.runs)
    # Room for two or three checkpoints of 15 to 30 MB, and the beginning of the next.
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        program = Tunedeck(home, "docker", in_docker.model)
        config = program.write_config(tmp_path, max_steps=5, save_steps=1, save_total_limit=5)
        files = program.start(config)
        program("runs", "follow", files.path.name)
        shown = program.json("runs", "show", files.path.name)
        assert (shown["state"], shown["failure"]["code"]) == ("paused", "disk_full")
        *_, (before, _), (last, path) = files.complete_checkpoints()
        subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
        _damage(path / "adapter_model.safetensors")
        program("runs", "resume", files.path.name)
        assert program.json("runs", "show", files.path.name)["state"] == "finished"
        assert of_kind(files, Hello)[-1].resumed_from == before
        assert [event.code for event in of_kind(files, Warned)] == [f"checkpoint_damaged_{last}"]
        assert steps_of(files) == [1, 2, 3, 4, 5]
        assert of_kind(files, Checkpoint)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        shutil.rmtree(home.path, ignore_errors=True)
