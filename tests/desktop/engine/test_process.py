"""The engine without containers, on a stand-in for the trainer's Python that prints, sleeps or ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from desktop.body import Body
from desktop.engine.launch import LaunchSpec
from desktop.engine.process import ProcessEngine
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.errors import EngineError
from desktop.paths import PROJECT, Home

STAND_IN = f"""#!{sys.executable}
import os, signal, sys, time
print("words:", *sys.argv[1:], flush=True)
for name in sorted(os.environ):
    print(name + "=" + os.environ[name], flush=True)
how = os.environ.get("TZ", "sleep")
if how.startswith("exit"):
    sys.exit(int(how[4:]))
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def environment(home: Home) -> TrainerEnvironment:
    made = TrainerEnvironment(home.trainer_environment, "cpu")
    made.python.parent.mkdir(parents=True)
    made.python.write_text(STAND_IN)
    made.python.chmod(stat.S_IRWXU)
    return made


@pytest.fixture
def engine(home: Home, environment: TrainerEnvironment) -> Iterator[ProcessEngine]:
    made = ProcessEngine(home.path, environment)
    yield made
    for id in made.find():
        made.signal(id, "kill")
    for child in made._children.values():
        child.kill()
        child.wait(60)


def spec(home: Home, how: str = "sleep", id: str = "r1", gpus: tuple[int, ...] = ()) -> LaunchSpec:
    folder = home.runs / id
    folder.mkdir(exist_ok=True)
    return LaunchSpec(
        id=id,
        role="train",
        folder=folder,
        module="trainer_image.train",
        arguments=(str(folder),),
        gpus=gpus,
        environment={"TZ": how, "HF_HOME": "/caches/hub"},
    )


def until(is_true: Callable[[], bool]) -> None:
    """Wait for another process; there is no signal to wait for."""
    end = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_ready(home: Home, id: str = "r1") -> Callable[[], bool]:
    return lambda: (home.runs / id / ".train-output").read_text().endswith("ready\n")


def test_a_body_runs_in_a_session_of_its_own(engine: ProcessEngine, home: Home) -> None:
    handle = engine.start(spec(home))
    until(is_ready(home))
    assert engine.find() == {"r1": Body("running", handle=handle)}
    assert os.getsid(int(handle)) == int(handle)
    assert psutil.Process(int(handle)).cwd() == str(home.runs / "r1")


def test_starting_twice_starts_once(engine: ProcessEngine, home: Home, environment: TrainerEnvironment) -> None:
    handle = engine.start(spec(home))
    assert engine.start(spec(home)) == handle
    assert ProcessEngine(home.path, environment).start(spec(home)) == handle


def test_another_app_of_this_home_finds_the_body(
    engine: ProcessEngine, home: Home, environment: TrainerEnvironment, tmp_path: Path
) -> None:
    handle = engine.start(spec(home))
    until(is_ready(home))
    later = ProcessEngine(home.path, environment)
    assert later.find() == {"r1": Body("running", handle=handle)}
    assert ProcessEngine(tmp_path / "other-home", environment).find() == {}
    later.signal("r1", "kill")
    until(lambda: later.find() == {})
    until(lambda: engine.find()["r1"].state == "exited")


def test_a_body_outlives_the_app_that_started_it(home: Home, environment: TrainerEnvironment) -> None:
    app = f"""
import os
from pathlib import Path
from desktop.engine.launch import LaunchSpec
from desktop.engine.process import ProcessEngine
from desktop.engine.trainer_environment import TrainerEnvironment
folder = Path({str(home.runs / "r1")!r})
engine = ProcessEngine(Path({str(home.path)!r}), TrainerEnvironment(Path({str(environment.folder)!r}), "cpu"))
spec = LaunchSpec("r1", "train", folder, "trainer_image.train", (str(folder),), environment={{"TZ": "sleep"}})
print(engine.start(spec), flush=True)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    (home.runs / "r1").mkdir()
    done = subprocess.run([sys.executable, "-c", app], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    later = ProcessEngine(home.path, environment)
    assert later.find() == {"r1": Body("running", handle=done.stdout.strip())}
    later.signal("r1", "kill")
    until(lambda: later.find() == {})


@pytest.mark.parametrize("code", [0, 1, 3])
def test_an_ended_body_tells_its_code(engine: ProcessEngine, home: Home, code: int) -> None:
    handle = engine.start(spec(home, f"exit{code}"))
    until(lambda: engine.find()["r1"].state == "exited")
    assert engine.find() == {"r1": Body("exited", exit_code=code, handle=handle)}
    engine.remove("r1")
    engine.remove("r1")
    assert engine.find() == {}


def test_stop_asks_and_kill_ends(engine: ProcessEngine, home: Home) -> None:
    engine.start(spec(home, "stubborn"))
    until(is_ready(home))
    engine.signal("r1", "stop")
    assert engine.find()["r1"].state == "running"
    engine.remove("r1")
    assert engine.find()["r1"].state == "running"
    engine.signal("r1", "kill")
    body = engine.find()["r1"]
    assert (body.state, body.exit_code) == ("exited", -signal.SIGKILL)


def test_stop_is_sigterm(engine: ProcessEngine, home: Home) -> None:
    engine.start(spec(home))
    until(is_ready(home))
    engine.signal("r1", "stop")
    until(lambda: engine.find()["r1"].state == "exited")
    assert engine.find()["r1"].exit_code == -signal.SIGTERM


def test_signals_to_nobody_are_fine(engine: ProcessEngine) -> None:
    engine.signal("nobody", "stop")
    engine.signal("nobody", "kill")
    engine.remove("nobody")
    assert engine.output("nobody") == ""


def test_signals_reach_only_the_body_that_is_meant(engine: ProcessEngine, home: Home) -> None:
    for id in ("r1", "r2"):
        engine.start(spec(home, id=id))
        until(is_ready(home, id))
    engine.signal("r1", "kill")
    assert {id: body.state for id, body in engine.find().items()} == {"r1": "exited", "r2": "running"}


def test_an_ended_body_can_be_started_again(engine: ProcessEngine, home: Home) -> None:
    first = engine.start(spec(home, "exit1"))
    until(lambda: engine.find()["r1"].state == "exited")
    second = engine.start(spec(home))
    assert second != first
    assert engine.find() == {"r1": Body("running", handle=second)}


def test_a_body_gets_no_secrets(engine: ProcessEngine, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD"):
        monkeypatch.setenv(name, "secret-of-mine")
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    engine.start(spec(home, gpus=(1, 3)))
    until(is_ready(home))
    output = engine.output("r1")
    assert "secret-of-mine" not in output
    assert "HF_HOME=/caches/hub\n" in output
    assert f"PYTHONPATH={PROJECT}\n" in output
    assert "CUDA_VISIBLE_DEVICES=1,3\n" in output
    assert output.startswith(f"words: -m trainer_image.train {home.runs / 'r1'}\n")


def test_no_cards_means_none(engine: ProcessEngine, home: Home) -> None:
    engine.start(spec(home))
    until(is_ready(home))
    assert "CUDA_VISIBLE_DEVICES=\n" in engine.output("r1")


def test_without_the_environment_it_says_how_to_make_it(home: Home) -> None:
    engine = ProcessEngine(home.path, TrainerEnvironment(home.trainer_environment, "cpu"))
    with pytest.raises(EngineError, match="could not be started") as caught:
        engine.start(spec(home))
    assert caught.value.code == "not_started"
    assert engine.find() == {}
