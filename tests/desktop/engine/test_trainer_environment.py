"""The process engine's environment: when it counts as made, and what a failure to make it means."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from desktop.engine import trainer_environment as doorway
from desktop.engine.steps import BuildStep
from desktop.engine.trainer_environment import TrainerEnvironment, _explain
from desktop.errors import EngineError

PIP = """#!/bin/sh
echo "$@" >> {log}
echo 'Collecting torch==2.9.0'
echo 'Requirement already satisfied: x'
{then}
"""


@pytest.fixture
def environment(tmp_path: Path) -> TrainerEnvironment:
    return TrainerEnvironment(tmp_path / "venv", "cpu")


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a script in place of our Python, which makes an environment of a script that stands for pip."""
    log = tmp_path / "pip.log"
    python = tmp_path / "python"

    def write(then: str = "exit 0") -> None:
        pip = PIP.format(log=log, then=then)
        python.write_text(
            f"#!/bin/sh\nmkdir -p $3/bin\ncat > $3/bin/python <<'END'\n{pip}END\nchmod +x $3/bin/python\n"
        )
        python.chmod(0o700)

    write()
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return log


def test_building_makes_it_ready_and_tells_each_step(environment: TrainerEnvironment, maker: Path) -> None:
    assert not environment.is_ready()
    told: list[BuildStep] = []
    environment.build(told.append)
    assert environment.is_ready()
    assert [step.number for step in told] == sorted(step.number for step in told)
    assert {step.number for step in told} == {1, 2, 3, 4}
    assert "installing PyTorch (torch)" in {step.text for step in told}
    torch, rest, without = maker.read_text().splitlines()
    assert "requirements-cpu.txt" in torch
    assert "--extra-index-url" in torch
    assert "requirements.txt" in rest
    assert "--no-deps" in without


def test_building_again_begins_anew(environment: TrainerEnvironment, maker: Path) -> None:
    environment.build(lambda step: None)
    (environment.folder / "left-over").touch()
    environment.build(lambda step: None)
    assert not (environment.folder / "left-over").exists()


def test_requirements_that_changed_make_it_stale(
    environment: TrainerEnvironment, maker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.build(lambda step: None)
    assert not TrainerEnvironment(environment.folder, "cuda").is_ready()
    monkeypatch.setattr(doorway, "requirements_digest", lambda variant: "other")
    assert not environment.is_ready()


@pytest.mark.parametrize("damage", ["no stamp", "broken stamp", "other python", "no python"])
def test_what_is_damaged_is_not_ready(environment: TrainerEnvironment, maker: Path, damage: str) -> None:
    environment.build(lambda step: None)
    stamp = environment.folder / "tunedeck.json"
    if damage == "no stamp":
        stamp.unlink()
    elif damage == "broken stamp":
        stamp.write_text("{")
    elif damage == "other python":
        stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "python": "3.99"}))
    else:
        environment.python.unlink()
    assert not environment.is_ready()


def test_a_build_that_fails_leaves_it_unready(environment: TrainerEnvironment, maker: Path, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(script.read_text().replace("exit 0", "echo 'ERROR: no route to index'; exit 1"))
    with pytest.raises(EngineError, match="no route to index") as caught:
        environment.build(lambda step: None)
    assert caught.value.code == "environment_failed"
    assert not environment.is_ready()


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (["ERROR: Could not install: [Errno 28] No space left on device"], "disk_full", "disk is full"),
        (["The virtual environment was not created: ensurepip is not available."], "no_venv", "virtual environments"),
        (["Collecting x", "ERROR: first", "ERROR: last", "hint: y"], "environment_failed", "ERROR: last"),
        (["killed"], "environment_failed", "killed"),
        ([], "environment_failed", "no reason given"),
    ],
)
def test_why_it_could_not_be_made(lines: list[str], code: str, words: str) -> None:
    error = _explain(lines)
    assert error.code == code
    assert words in error.sentence
    assert error.hint
