"""The examination: each part of the machine, with its fix."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from desktop.engine import checks, gpu_checks
from desktop.engine import doctor as doorway
from desktop.engine import gpus as gpus_doorway
from desktop.engine.checks import GIB, Check
from desktop.engine.doctor import Doctor
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


class Containers:
    """Containers that end at once, having counted the cards that they see."""

    def __init__(self) -> None:
        self.seen = "1"
        self.refusals: list[Exception] = []
        self.made: list[dict[str, Any]] = []
        self.removed = 0

    def create(self, image: str, **arguments: Any) -> Any:
        if self.refusals:
            raise self.refusals.pop(0)
        self.made.append(arguments)
        return SimpleNamespace(
            start=lambda: None, wait=lambda timeout: None, logs=lambda **_: self.seen.encode(), remove=self.remove
        )

    def remove(self, *, force: bool) -> None:
        self.removed += 1


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
        self.containers = Containers()
        for module in (gpus_doorway, gpu_checks):
            monkeypatch.setattr(module, "pynvml", self.nvml)
        client = SimpleNamespace(info=lambda: self.info, close=lambda: None, containers=self.containers)
        monkeypatch.setattr(doorway, "connect", lambda: client)
        monkeypatch.setattr(checks.shutil, "disk_usage", lambda folder: Usage(10**13, 0, self.free))
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
        "engine_version": "ok",
        "image": "ok",
        "gpus": "ok",
        "driver": "ok",
        "gpu_containers": "ok",
        "gpus_inside": "ok",
        "p2p": "absent",
        "process_engine": "ok",
        "shared_memory": "ok",
        "home": "ok",
        "disk": "ok",
        "engine_disk": "ok",
        "clock": "ok",
    }
    assert "28.1" in checks[0].detail
    assert "NVIDIA H200 (140 GiB); driver 580.95.05" in machine.check("gpus").detail


@pytest.mark.usefixtures("no_docker")
def test_with_the_engine_stopped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_doorway, "pynvml", FakeNvml())
    environment: Any = SimpleNamespace(is_ready=lambda: False)
    checks = {check.name: check for check in Doctor(home, Gpus(), environment, lambda: Image()).examine()}  # type: ignore[arg-type, return-value]
    assert {name: check.state for name, check in checks.items() if name not in ("disk", "shared_memory")} == {
        "engine": "fail",
        "image": "absent",
        "gpus": "absent",
        "driver": "absent",
        "gpu_containers": "absent",
        "gpus_inside": "absent",
        "p2p": "absent",
        "home": "ok",
        "clock": "ok",
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
    assert machine.check("image") == Check("image", "fail", "Another contract.", "Build it anew.", "build_image")


def test_cards_without_a_way_into_containers(machine: Machine) -> None:
    machine.info["Runtimes"] = {"runc": {}}
    check = machine.check("gpu_containers")
    assert check.state == "fail"
    assert "NVIDIA's container toolkit" in check.fix


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


def test_an_older_image_that_the_user_went_back_to_is_fine(machine: Machine) -> None:
    machine.image.there = ImageState("tunedeck-trainer:1-cpu", "sha256:1", 1, 1, "amd64", False, is_chosen=True)
    check = machine.check("image")
    assert (check.state, check.action) == ("ok", "")
    assert "as you chose" in check.detail


@pytest.mark.parametrize(("version", "state"), [("19.03.8", "fail"), ("20.10.24+dfsg1", "ok"), ("28.1.1", "ok")])
def test_an_engine_that_is_too_old(machine: Machine, version: str, state: str) -> None:
    machine.info["ServerVersion"] = version
    assert machine.check("engine_version").state == state


@pytest.mark.parametrize(("version", "state"), [("550.120", "fail"), ("580.65.06", "ok"), ("595.1", "ok")])
def test_a_driver_that_is_older_than_the_trainers_cuda(machine: Machine, version: str, state: str) -> None:
    machine.nvml.driver = version
    check = machine.check("driver")
    assert check.state == state
    assert ("580 or newer" in check.fix) == (state == "fail")


def test_containers_that_see_fewer_cards_than_there_are(machine: Machine) -> None:
    machine.nvml.cards = [FakeCard(), FakeCard()]
    check = machine.check("gpus_inside")
    assert (check.state, check.detail) == ("fail", "A container sees 1 of 2 GPUs.")
    machine.containers.seen = "2"
    assert machine.check("gpus_inside").detail == "A container sees both GPUs."
    assert machine.containers.removed == len(machine.containers.made) == 2
    assert machine.containers.made[-1]["network_mode"] == "none"


def test_a_container_gets_the_cards_by_the_second_way(machine: Machine) -> None:
    machine.containers.refusals = [APIError("could not select device driver")]
    assert machine.check("gpus_inside").state == "ok"
    machine.containers.refusals = [APIError("could not select device driver"), APIError("unresolvable CDI devices")]
    check = machine.check("gpus_inside")
    assert check.state == "fail"
    assert "container toolkit" in check.fix


def test_how_the_cards_talk_to_each_other(machine: Machine, home: Home) -> None:
    machine.nvml.cards = [FakeCard(), FakeCard()]
    assert machine.check("p2p").detail == "The cards copy directly to each other."
    machine.nvml.are_peers = False
    (home.caches / "cards.json").write_text('{"a": {"settings": {"NCCL_P2P_DISABLE": "1"}, "gb_per_s": 9.6}}')
    check = machine.check("p2p")
    assert "through the computer's memory" in check.detail
    assert check.detail.endswith("Tried here at 10 GB/s.")
    (home.caches / "cards.json").write_text("[]")
    assert machine.check("p2p").state == "ok"


def test_a_home_that_may_not_be_written(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    check = machine.check("home")
    assert check.state == "fail"
    assert "--home" in check.fix


@pytest.mark.parametrize(
    ("engines", "now", "state"),
    [
        ("2026-12-01T10:00:00.123456789Z", datetime(2026, 12, 1, 10, 0, 30, tzinfo=UTC), "ok"),
        ("2026-12-01T10:00:00.1Z", datetime(2026, 12, 1, 12, tzinfo=UTC), "warn"),
        ("2026-12-01T10:00:00Z", datetime(1970, 1, 2, tzinfo=UTC), "fail"),
        ("", datetime(2026, 12, 1, tzinfo=UTC), "ok"),
    ],
)
def test_the_clock(engines: str, now: datetime, state: str) -> None:
    assert checks.check_clock({"SystemTime": engines}, now).state == state
    assert checks.check_clock(None, now).state == ("fail" if state == "fail" else "ok")
