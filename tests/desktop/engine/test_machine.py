"""The facts of the machine, and where pip finds wheels."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from desktop.engine import gpus as gpus_doorway
from desktop.engine.gpus import Gpus
from desktop.engine.machine import find_certificates, read_machine
from desktop.engine.wheels import local_torch_wheels, requirement_files, requirements_digest
from desktop.paths import Home, find_home
from tests.fakes import FakeCard, FakeNvml


def test_this_machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_doorway, "pynvml", FakeNvml([FakeCard(), FakeCard()]))
    machine = read_machine(home, Gpus())
    assert (machine.home, machine.caches) == (home.path, home.caches)
    assert (machine.uid, machine.gid) == (os.getuid(), os.getgid())
    assert machine.gpu_indices == (0, 1)
    assert machine.memory_bytes > 2**28


def test_certificates_are_those_that_the_environment_names(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pem", tmp_path / "b.pem"
    first.touch()
    second.touch()
    assert find_certificates({}) is None
    assert find_certificates({"SSL_CERT_FILE": str(tmp_path / "none.pem")}) is None
    assert find_certificates({"PIP_CERT": str(second)}) == second
    assert find_certificates({"PIP_CERT": str(second), "SSL_CERT_FILE": str(first)}) == first
    assert find_certificates({"SSL_CERT_FILE": str(tmp_path)}) is None


def test_a_local_wheel_counts_if_it_is_the_required_version(tmp_path: Path) -> None:
    pinned = re.search(r"^torch==([\w.]+)", requirement_files("cpu")[0].read_text(), re.MULTILINE)
    assert pinned
    wanted = tmp_path / f"torch-{pinned[1]}+cpu-cp311-cp311-linux_x86_64.whl"
    for path in (wanted, tmp_path / "torch-0.1+cpu-cp311.whl", tmp_path / f"torch-{pinned[1]}-cp311.whl"):
        path.touch()
    assert local_torch_wheels({"PIP_FIND_LINKS": f"/nowhere {tmp_path} https://example.org/wheels"}) == [wanted]
    assert local_torch_wheels({}) == []


def test_every_requirement_is_exact() -> None:
    for variant in ("cpu", "cuda"):
        for path in requirement_files(variant):
            for line in path.read_text().splitlines():
                assert not line.strip() or line.startswith(("#", "--")) or "==" in line, f"{path.name}: {line}"
    assert requirements_digest("cpu") != requirements_digest("cuda")


def test_the_home_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path / "env"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert find_home(str(tmp_path / "word")).path == tmp_path / "word"
    assert find_home().path == tmp_path / "env"
    monkeypatch.delenv("TUNEDECK_HOME")
    assert find_home().path == tmp_path / "data" / "tunedeck"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_home().path == tmp_path / ".local" / "share" / "tunedeck"


def test_a_home_is_made_twice_without_harm(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "b")
    home.make()
    home.make()
    assert home.runs.is_dir()
    assert home.chats.is_dir()
