"""The examination: each part of the machine, with its fix."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from desktop.engine import doctor as doorway
from desktop.engine import gpus as gpus_doorway
from desktop.engine.doctor import GIB, Check, Doctor
from desktop.engine.gpus import Gpus
from desktop.engine.image import ImageState
from desktop.errors import EngineError
from desktop.paths import Home
from tests.fakes import FakeCard, FakeNvml

Usage = namedtuple("Usage", "total used free")


class Image:
    """Stands for TrainerImage."""

    def __init__(self) -> None:
        self.there: ImageState | None = ImageState("tunedeck-trainer:1-cpu", "sha256:1", 1, 3 * GIB, "amd64", True)
        self.refusal: EngineError | None = None

    def state(self) -> ImageState | None:
        return self.there

    def for_launch(self) -> str:
        if self.refusal is not None:
            raise self.refusal
        return "sha256:1"


class Machine:
    """A machine that a test takes apart, and its doctor."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        self.info: dict[str, Any] = {
            "ServerVersion": "28.1",
            "DockerRootDir": str(home.path),
            "Runtimes": {"nvidia": 1},
        }
        self.nvml = FakeNvml([FakeCard()])
        self.image = Image()
        self.environment = SimpleNamespace(is_ready=lambda: True)
        self.free = 500 * GIB
        monkeypatch.setattr(gpus_doorway, "pynvml", self.nvml)
        monkeypatch.setattr(doorway, "connect", lambda: SimpleNamespace(info=lambda: self.info, close=lambda: None))
        monkeypatch.setattr(doorway.shutil, "disk_usage", lambda folder: Usage(10**13, 0, self.free))
        self.doctor = Doctor(home, Gpus(), self.environment, lambda: self.image)  # type: ignore[arg-type, return-value]

    def check(self, name: str) -> Check:
        return next(check for check in self.doctor.examine() if check.name == name)


@pytest.fixture
def machine(home: Home, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(home, monkeypatch)


def test_a_machine_in_good_health(machine: Machine) -> None:
    checks = machine.doctor.examine()
    assert {check.name: check.state for check in checks} == {
        "engine": "ok",
        "image": "ok",
        "gpus": "ok",
        "gpu_containers": "ok",
        "process_engine": "ok",
        "shared_memory": "ok",
        "disk": "ok",
        "engine_disk": "ok",
    }
    assert "28.1" in checks[0].detail
    assert "NVIDIA H200 (140 GiB); driver 575.51" in machine.check("gpus").detail


@pytest.mark.usefixtures("no_docker")
def test_with_the_engine_stopped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_doorway, "pynvml", FakeNvml())
    environment: Any = SimpleNamespace(is_ready=lambda: False)
    checks = {check.name: check for check in Doctor(home, Gpus(), environment, lambda: Image()).examine()}  # type: ignore[arg-type, return-value]
    assert {name: check.state for name, check in checks.items() if name not in ("disk", "shared_memory")} == {
        "engine": "fail",
        "image": "absent",
        "gpus": "absent",
        "gpu_containers": "absent",
        "process_engine": "absent",
    }
    assert "systemctl start docker" in checks["engine"].fix
    assert "engine process" in checks["engine"].fix


def test_the_image_in_every_state(machine: Machine) -> None:
    whole = machine.image.there
    assert whole is not None
    machine.image.there = None
    assert machine.check("image").state == "warn"
    machine.image.there = ImageState(whole.tag, whole.id, 1, 1, "amd64", is_current=False)
    assert machine.check("image").state == "warn"
    assert "older" in machine.check("image").detail
    machine.image.refusal = EngineError("Another contract.", "Build it anew.", "contract_differs")
    assert machine.check("image") == Check("image", "fail", "Another contract.", "Build it anew.")


def test_cards_without_a_way_into_containers(machine: Machine) -> None:
    machine.info["Runtimes"] = {"runc": {}}
    check = machine.check("gpu_containers")
    assert check.state == "fail"
    assert "nvidia-container-toolkit" in check.fix


def test_cards_through_cdi(machine: Machine, tmp_path: Path) -> None:
    machine.info["Runtimes"] = {"runc": {}}
    machine.info["CDISpecDirs"] = [str(tmp_path / "none"), str(tmp_path)]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert machine.check("gpu_containers").state == "fail"
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    assert machine.check("gpu_containers").state == "ok"


@pytest.mark.parametrize(("free", "state"), [(4 * GIB, "fail"), (10 * GIB, "warn"), (20 * GIB, "ok")])
def test_disk_space(machine: Machine, free: int, state: str) -> None:
    machine.free = free
    for name in ("disk", "engine_disk"):
        assert machine.check(name).state == state
        assert bool(machine.check(name).fix) == (state != "ok")


def test_an_engine_on_another_machine_has_no_disk_here(machine: Machine) -> None:
    for root in ("/nowhere/on/this/machine", ""):
        machine.info["DockerRootDir"] = root
        assert "engine_disk" not in {check.name for check in machine.doctor.examine()}


def test_a_home_that_is_not_made_yet_is_measured_above(machine: Machine, tmp_path: Path) -> None:
    machine.doctor._home = Home(tmp_path / "not" / "there")
    assert machine.check("disk").detail.endswith(f"{tmp_path}.")
