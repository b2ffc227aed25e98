"""The Docker doorway: what is asked of the SDK, and what its answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker as sdk
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from desktop.body import GONE, Body
from desktop.engine import docker as doorway
from desktop.engine.docker import DockerEngine, connect, container_arguments, gpu_routes
from desktop.engine.launch import LABEL_CONTRACT, LABEL_HOME, LABEL_ID, LaunchSpec, Mount
from desktop.engine.named_image import name_image
from desktop.errors import EngineError
from tests.fakes import FakeImages
from trainer_image.contract import CONTRACT

GIB = 1024**3
FOLDER = Path("/home/ada/runs/r1")


def spec(*gpus: int, network: bool = False) -> LaunchSpec:
    return LaunchSpec(
        id="r1",
        role="train",
        folder=FOLDER,
        module="trainer_image.train",
        arguments=(str(FOLDER),),
        gpus=gpus,
        mounts=(Mount(FOLDER, writable=True), Mount(Path("/data/rows.jsonl"))),
        environment={"HF_HOME": "/caches/hub"},
        labels={LABEL_ID: "r1", LABEL_HOME: "/home/ada"},
        network=network,
        uid=1000,
        gid=1001,
        shared_memory_bytes=2 * GIB,
        scratch_bytes=3 * GIB,
    )


def test_the_whole_container() -> None:
    arguments = container_arguments(spec(), None)
    mounts = arguments.pop("mounts")
    assert [(mount["Source"], mount["Target"], mount["Type"], mount["ReadOnly"]) for mount in mounts] == [
        (str(FOLDER), str(FOLDER), "bind", False),
        ("/data/rows.jsonl", "/data/rows.jsonl", "bind", True),
    ]
    log = arguments.pop("log_config")
    assert (log["Type"], log["Config"]) == ("json-file", {"max-size": "10m", "max-file": "2"})
    assert arguments == {
        "command": ["-m", "trainer_image.train", str(FOLDER)],
        "labels": {LABEL_ID: "r1", LABEL_HOME: "/home/ada"},
        "user": "1000:1001",
        "working_dir": str(FOLDER),
        "environment": {"HF_HOME": "/caches/hub", "HOME": "/tmp"},
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={3 * GIB}"},
        "pids_limit": 4096,
        "shm_size": 2 * GIB,
        "init": True,
        "device_requests": [],
    }


def test_the_sdk_takes_every_argument() -> None:
    """A word that the SDK does not know would be told at the first start of a container only."""
    arguments = container_arguments(spec(0, network=True), "nvidia")
    made = sdk.models.containers._create_container_args({**arguments, "image": "i", "version": "1.51"})
    host = made["host_config"]
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"] is True
    assert host["PidsLimit"] == 4096
    assert host["Init"] is True
    assert host["ShmSize"] == 2 * GIB
    assert host["NetworkMode"] == "bridge"
    assert "Privileged" not in host


def test_the_network_is_there_only_when_it_is_needed() -> None:
    assert container_arguments(spec(network=True), None)["network_mode"] == "bridge"
    assert container_arguments(spec(network=False), None)["network_mode"] == "none"


def test_in_a_rootless_engine_root_is_the_caller() -> None:
    assert container_arguments(spec(), None, is_rootless=True)["user"] == "0:0"


def test_nvidias_runtime_gets_the_chosen_cards_only() -> None:
    (request,) = container_arguments(spec(1, 3), "nvidia")["device_requests"]
    assert request["DeviceIDs"] == ["1", "3"]
    assert request["Capabilities"] == [["gpu"]]
    assert request["Count"] == 0
    assert request["Driver"] == ""


def test_cdi_gets_the_chosen_cards_only() -> None:
    (request,) = container_arguments(spec(1, 3), "cdi")["device_requests"]
    assert request["Driver"] == "cdi"
    assert request["DeviceIDs"] == ["nvidia.com/gpu=1", "nvidia.com/gpu=3"]


def test_the_likelier_route_is_tried_first() -> None:
    assert gpu_routes({"Runtimes": {"nvidia": {}, "runc": {}}}) == ("nvidia", "cdi")
    assert gpu_routes({"Runtimes": {"runc": {}}}) == ("cdi", "nvidia")
    assert gpu_routes({}) == ("cdi", "nvidia")


# A small engine behind the SDK


class Container:
    def __init__(self, engine: SmallEngine, name: str, arguments: dict[str, Any]) -> None:
        self.engine, self.name, self.arguments = engine, name, arguments
        self.id = f"id-of-{name}-{len(engine.made)}"
        self.status = "created"
        self.exit_code = 0
        self.out_of_memory = False
        self.killed: list[str] = []

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Config": {"Env": [f"{name}={value}" for name, value in self.arguments["environment"].items()]}}

    def start(self) -> None:
        if self.engine.start_errors:
            error = self.engine.start_errors.pop(0)
            if error is not None:
                raise error
        self.status = "running"

    def remove(self, force: bool = False, v: bool = False) -> None:
        assert force or self.status != "running"
        del self.engine.by_name[self.name]

    def kill(self, signal: str) -> None:
        if self.status != "running":
            raise api_error(409, f"container {self.id} is not running")
        self.killed.append(signal)

    def logs(self, tail: int) -> bytes:
        return b"could not import \xff"


class SmallEngine:
    """As much of the SDK's client as DockerEngine asks."""

    def __init__(self) -> None:
        self.by_name: dict[str, Container] = {}
        self.made: list[Container] = []
        self.start_errors: list[Exception | None] = []
        self.create_error: Exception | None = None
        self.engine_info: dict[str, Any] = {"Runtimes": {"nvidia": {}}, "SecurityOptions": ["name=seccomp"]}
        self.containers = self
        self.images = FakeImages()
        self.api = SimpleNamespace(containers=self.list, inspect_container=self.inspect)

    def info(self) -> dict[str, Any]:
        return self.engine_info

    def get(self, name: str) -> Container:
        if name not in self.by_name:
            raise NotFound(f"No such container: {name}")
        return self.by_name[name]

    def create(self, image: str, name: str, **arguments: Any) -> Container:
        if self.create_error is not None:
            raise self.create_error
        assert name not in self.by_name
        self.by_name[name] = container = Container(self, name, {"image": image, **arguments})
        self.made.append(container)
        return container

    def list(self, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert all
        name, value = filters["label"].split("=", 1)
        return [
            {"Id": one.id, "State": one.status, "Labels": one.arguments["labels"]}
            for one in self.by_name.values()
            if one.arguments["labels"].get(name) == value
        ]

    def inspect(self, id: str) -> dict[str, Any]:
        for one in self.by_name.values():
            if one.id == id:
                return {"State": {"Status": one.status, "ExitCode": one.exit_code, "OOMKilled": one.out_of_memory}}
        raise NotFound(f"No such container: {id}")


def api_error(status: int, explanation: str) -> APIError:
    response = SimpleNamespace(status_code=status, reason="Error", url="http+docker://localhost/v1.51/containers")
    return APIError(f"{status} Server Error", response=response, explanation=explanation)  # type: ignore[arg-type]


NO_DRIVER = 'could not select device driver "" with capabilities: [[gpu]]'


@pytest.fixture
def small() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
def engine(small: SmallEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerEngine]:
    monkeypatch.setattr(doorway, "connect", lambda: small)
    return DockerEngine(Path("/home/ada"), lambda: "sha256:image")


def test_start_makes_one_container_and_is_safe_to_call_twice(engine: DockerEngine, small: SmallEngine) -> None:
    handle = engine.start(spec())
    assert engine.start(spec()) == handle
    (container,) = small.made
    assert container.name == "tunedeck-r1"
    assert container.arguments["image"] == "sha256:image"
    assert container.status == "running"


def test_start_makes_an_ended_container_anew(engine: DockerEngine, small: SmallEngine) -> None:
    first = engine.start(spec())
    small.by_name["tunedeck-r1"].status = "exited"
    assert engine.start(spec()) != first
    assert len(small.made) == 2
    assert list(small.by_name) == ["tunedeck-r1"]


def test_a_container_of_an_older_image_is_outdated(engine: DockerEngine) -> None:
    assert engine.is_outdated("r1")
    engine.start(spec())
    assert not engine.is_outdated("r1")
    assert rebuilt().is_outdated("r1")


def rebuilt() -> DockerEngine:
    """The same engine after another app has built the image."""
    return DockerEngine(Path("/home/ada"), lambda: "sha256:newer")


def test_start_tries_the_other_way_to_gpus(engine: DockerEngine, small: SmallEngine) -> None:
    small.start_errors = [api_error(500, NO_DRIVER), None]
    engine.start(spec(0))
    first, second = small.made
    assert first.arguments["device_requests"][0]["Driver"] == ""
    assert second.arguments["device_requests"][0]["Driver"] == "cdi"
    assert list(small.by_name.values()) == [second]


def test_start_says_when_no_way_leads_to_gpus(engine: DockerEngine, small: SmallEngine) -> None:
    small.start_errors = [api_error(500, NO_DRIVER), api_error(500, "unresolvable CDI devices nvidia.com/gpu=0")]
    with pytest.raises(EngineError) as caught:
        engine.start(spec(0))
    assert caught.value.code == "gpu_driver_missing"
    assert small.by_name == {}


def test_a_container_that_does_not_start_is_cleared_away(engine: DockerEngine, small: SmallEngine) -> None:
    small.start_errors = [api_error(500, "no space left on device")]
    with pytest.raises(EngineError) as caught:
        engine.start(spec(0))
    assert caught.value.code == "disk_full"
    assert len(small.made) == 1
    assert small.by_name == {}


def test_an_image_that_went_away_is_missing(engine: DockerEngine, small: SmallEngine) -> None:
    small.create_error = ImageNotFound("404 Client Error: Not Found (No such image: sha256:image)")
    with pytest.raises(EngineError) as caught:
        engine.start(spec())
    assert caught.value.code == "image_missing"


def test_a_run_that_names_its_image_starts_from_that_one(
    engine: DockerEngine, small: SmallEngine, tmp_path: Path
) -> None:
    small.images.add("sha256:then", {LABEL_CONTRACT: str(CONTRACT)}, "amd64")
    name_image(tmp_path, "sha256:then")
    engine.start(replace(spec(), folder=tmp_path))
    (container,) = small.made
    assert container.arguments["image"] == "sha256:then"
    assert container.arguments["environment"]["TUNEDECK_IMAGE"] == "sha256:then"


@pytest.mark.parametrize(("contract", "code"), [(None, "image_missing"), ("1", "contract_differs")])
def test_a_run_whose_image_cannot_be_used_any_more_is_not_started(
    engine: DockerEngine, small: SmallEngine, tmp_path: Path, contract: str | None, code: str
) -> None:
    if contract is not None:
        small.images.add("sha256:then", {LABEL_CONTRACT: contract}, "amd64")
    name_image(tmp_path, "sha256:then")
    with pytest.raises(EngineError) as caught:
        engine.start(replace(spec(), folder=tmp_path))
    assert caught.value.code == code
    assert "sha256:then" in caught.value.sentence
    assert small.made == []


def test_a_rootless_engine_is_recognised(engine: DockerEngine, small: SmallEngine) -> None:
    small.engine_info = {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}
    engine.start(spec())
    assert small.made[0].arguments["user"] == "0:0"


def test_find_tells_running_ended_and_killed_apart(engine: DockerEngine, small: SmallEngine) -> None:
    assert engine.find() == {}
    handle = engine.start(spec())
    container = small.made[0]
    for status in ("running", "paused", "restarting"):
        container.status = status
        assert engine.find() == {"r1": Body("running", handle=handle)}
    container.status, container.exit_code, container.out_of_memory = "exited", 137, True
    assert engine.find() == {"r1": Body("exited", 137, True, handle)}
    container.status = "created"  # an app was killed between making and starting it
    assert engine.find() == {"r1": GONE}


def test_find_leaves_other_homes_alone(engine: DockerEngine, small: SmallEngine) -> None:
    small.create("i", "tunedeck-x", labels={LABEL_HOME: "/home/eve", LABEL_ID: "x"})
    small.create("i", "redis", labels={})
    assert engine.find() == {}


def test_signals_are_sent_once_and_a_body_gone_is_fine(engine: DockerEngine, small: SmallEngine) -> None:
    engine.signal("r1", "stop")
    engine.start(spec())
    container = small.made[0]
    engine.signal("r1", "stop")
    engine.signal("r1", "kill")
    assert container.killed == ["SIGTERM", "SIGKILL"]
    container.status = "exited"
    engine.signal("r1", "kill")


def test_remove_takes_ended_containers_only(engine: DockerEngine, small: SmallEngine) -> None:
    engine.remove("r1")
    engine.start(spec())
    engine.remove("r1")
    assert "tunedeck-r1" in small.by_name
    small.made[0].status = "exited"
    engine.remove("r1")
    engine.remove("r1")
    assert small.by_name == {}


def test_output_is_text_whatever_the_bytes(engine: DockerEngine) -> None:
    assert engine.output("r1") == ""
    engine.start(spec())
    assert engine.output("r1").startswith("could not import")


@pytest.mark.usefixtures("no_docker")
def test_every_verb_says_that_no_engine_answers() -> None:
    engine = DockerEngine(Path("/home/ada"), str)
    for ask in (engine.find, engine.info, lambda: engine.signal("r1", "kill"), lambda: engine.start(spec())):
        with pytest.raises(EngineError) as caught:
            ask()
        assert caught.value.code == "engine_not_running"
        assert "systemctl start docker" in caught.value.hint


def test_a_silent_default_leaves_the_current_docker_context(
    monkeypatch: pytest.MonkeyPatch, no_docker: None, small: SmallEngine
) -> None:
    """Rootless Docker and Docker Desktop answer at the socket of a context, and not at the default one."""
    asked: list[str] = []

    def client(base_url: str, timeout: int) -> Any:
        asked.append(base_url)
        return small

    monkeypatch.setattr(doorway.docker, "DockerClient", client)
    context = SimpleNamespace(Name="rootless", Host="unix:///run/user/1000/docker.sock")
    monkeypatch.setattr(doorway.docker.ContextAPI, "get_current_context", lambda: context)
    assert connect() is small
    assert asked == ["unix:///run/user/1000/docker.sock"]


def test_a_context_that_cannot_be_read_is_no_context(monkeypatch: pytest.MonkeyPatch, no_docker: None) -> None:
    def unreadable() -> None:
        raise OSError

    monkeypatch.setattr(doorway.docker.ContextAPI, "get_current_context", unreadable)
    with pytest.raises(DockerException):
        connect()
