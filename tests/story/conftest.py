"""The real things: the command line as a program, a Docker engine with the trainer image, a trainer environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.errors import DockerException

from desktop.body import EngineName
from desktop.controllers.assembly import assemble
from desktop.engine.docker import connect
from desktop.errors import EngineError
from desktop.paths import EXAMPLE_DATASET, PROJECT, Home
from trainer_image.contract import Event, RunFolder, UnknownLine, read_event

IN_CI = os.environ.get("CI") == "true"


@dataclass
class Tunedeck:
    """The program ``tunedeck`` on one home."""

    home: Home
    engine: EngineName
    model: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "desktop", "--home", str(self.home.path), *words]

    def __call__(self, *words: str, code: int = 0, timeout: float = 600) -> str:
        """Call it with words and return what it prints; its exit code has to be ``code``."""
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=PROJECT,
            env={**os.environ, **self.environment},
        )
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))

    def write_config(self, folder: Path, **knobs: Any) -> Path:
        """Write a config file: short steps on the example's rows, unless ``knobs`` say otherwise."""
        values = {
            "model": str(self.model),
            "dataset": str(EXAMPLE_DATASET),
            "max_steps": 6,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 1,
            "max_length": 128,
            "lora_r": 4,
            "learning_rate": 5e-4,
            "eval_split_size": 0,
            "save_steps": 3,
            **knobs,
        }
        path = folder / "config.json"
        path.write_text(json.dumps(values))
        return path

    def start(self, config: Path) -> RunFolder:
        """Start a run and leave it to itself; return its folder."""
        started = self.json("train", str(config), "--engine", self.engine, "--detach")
        return RunFolder(Path(started["folder"]))

    def popen(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=PROJECT)


def events_of(files: RunFolder) -> list[Event | UnknownLine]:
    """Return every whole event of a run folder."""
    if not files.events.exists():
        return []
    return [read_event(line) for line in files.events.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def wait_for(what: Callable[[], Any], why: str, seconds: float = 600) -> Any:
    """Ask again and again until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.2)
    pytest.fail(f"waited {seconds:.0f} s in vain for {why}")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for all stories, so that the model and the trainer's environment are made once.

    TUNEDECK_TEST_HOME names one that is kept between two calls.
    """
    kept = os.environ.get("TUNEDECK_TEST_HOME")
    home = Home(Path(kept).resolve() if kept else tmp_path_factory.mktemp("home"))
    home.make()
    return home


@pytest.fixture(scope="session")
def docker_client() -> Iterator[Any]:
    """A client of a running engine; in CI there has to be one."""
    try:
        client = connect()
    except (DockerException, requests.RequestException, OSError, EngineError) as error:
        if IN_CI:
            pytest.fail(f"CI needs a Docker engine: {error}")
        pytest.skip(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def in_docker(home: Home, docker_client: docker.DockerClient) -> Tunedeck:
    """The program with the trainer image built and the example's model made in a container."""
    return Tunedeck(home, "docker", _prepare(home, "docker"))


@pytest.fixture(scope="session")
def as_process(home: Home) -> Tunedeck:
    """The program with the trainer's own environment made."""
    return Tunedeck(home, "process", _prepare(home, "process"))


def _prepare(home: Home, engine: EngineName) -> Path:
    assembly = assemble(home)
    try:
        builder = assembly.image if engine == "docker" else assembly.environment
        if not builder.is_ready():
            builder.build(lambda step: print(step.sentence))
        return assembly.example_model.ensure(engine)
    finally:
        assembly.close()
