"""The Docker engine's doorway: starts hardened containers, and asks what became of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig
from docker.types import Mount as DockerMount

from desktop.body import GONE, Body, EngineName
from desktop.engine.docker_errors import explain
from desktop.engine.launch import LABEL_CONTRACT, LABEL_HOME, LABEL_ID, LaunchSpec
from desktop.engine.named_image import named_image
from desktop.errors import EngineError
from trainer_image.contract import CONTRACT

GpuRoute = Literal["nvidia", "cdi"]
T = TypeVar("T")

IMAGE = "TUNEDECK_IMAGE"
"""The variable that tells a trainer what its container was made from."""


class DockerEngine:
    """Runs trainers in containers. One thread at a time may use it."""

    name: EngineName = "docker"

    def __init__(self, home: Path, image: Callable[[], str]) -> None:
        self._home = home
        self._image = image
        self._client: Any = None

    def client(self) -> Any:
        """Return the SDK's client, connected; EngineError where no engine answers."""
        if self._client is None:
            self._client = _asking(connect)
        return self._client

    def info(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        return _asking(lambda: dict(self.client().info()))

    def start(self, spec: LaunchSpec) -> str:
        """Start the container; one that runs already is left alone, one that has ended is made anew."""
        return _asking(lambda: self._start(spec))

    def _start(self, spec: LaunchSpec) -> str:
        client = self.client()
        name = container_name(spec.id)
        with contextlib.suppress(NotFound):
            there = client.containers.get(name)
            if there.status in ("running", "paused", "restarting"):
                return str(there.id)
            there.remove(force=True)
        info = client.info()
        named = named_image(spec.folder)
        image = self._still_fitting(named) if named else self._image()
        refusal: EngineError | None = None
        for route in gpu_routes(info) if spec.gpus else (None,):
            arguments = container_arguments(spec, route, is_rootless=_is_rootless(info))
            arguments["environment"][IMAGE] = image  # for the run's passport
            try:
                container = client.containers.create(image, name=name, **arguments)
                try:
                    container.start()
                except APIError:
                    container.remove(force=True)
                    raise
            except APIError as error:
                refusal = explain(error)
                if refusal.code != "gpu_driver_missing":
                    raise refusal from error
            else:
                return str(container.id)
        assert refusal is not None
        raise refusal

    def _still_fitting(self, image: str) -> str:
        """Return the image that a run names; EngineError where it is gone, or this app would misunderstand it."""
        hint = "Reproduce the earlier run again: it can also start from the image that is used now."
        try:
            labels = self.client().images.get(image).labels or {}
        except ImageNotFound as error:
            sentence = f"The image {image[:19]} that this run starts from is no longer there."
            raise EngineError(sentence, hint, code="image_missing") from error
        if labels.get(LABEL_CONTRACT) != str(CONTRACT):
            sentence = f"The image {image[:19]} that this run starts from speaks another contract than this app."
            raise EngineError(sentence, hint, code="contract_differs")
        return image

    def find(self) -> dict[str, Body]:
        """Return the containers of this home, running and ended."""
        return _asking(self._find)

    def _find(self) -> dict[str, Body]:
        wanted = {"label": f"{LABEL_HOME}={self._home}"}
        bodies = {}
        for summary in self.client().api.containers(all=True, filters=wanted):
            running = summary["State"] in ("running", "paused", "restarting")
            body = Body("running", handle=summary["Id"]) if running else self._ended(summary["Id"])
            bodies[summary["Labels"][LABEL_ID]] = body
        return bodies

    def _ended(self, container_id: str) -> Body:
        try:
            state = self.client().api.inspect_container(container_id)["State"]
        except NotFound:
            return GONE
        if state["Status"] == "created":  # an app was killed between making and starting it
            return GONE
        return Body("exited", state["ExitCode"], bool(state["OOMKilled"]), container_id)

    def is_outdated(self, id: str) -> bool:
        """Say whether a container was made from another image than the one that is used now."""

        def ask() -> bool:
            try:
                container = self.client().containers.get(container_name(id))
            except NotFound:
                return True
            return f"{IMAGE}={self._image()}" not in container.attrs["Config"]["Env"]

        return _asking(ask)

    def signal(self, id: str, how: Literal["stop", "kill"]) -> None:
        """Send SIGTERM or SIGKILL; a container that is gone or has ended is fine."""

        def send() -> None:
            try:
                self.client().containers.get(container_name(id)).kill("SIGTERM" if how == "stop" else "SIGKILL")
            except NotFound:
                return
            except APIError as error:
                if error.status_code != 409:  # it has ended already
                    raise

        _asking(send)

    def remove(self, id: str) -> None:
        """Remove an ended container; a running one is left alone."""

        def remove() -> None:
            with contextlib.suppress(NotFound):
                container = self.client().containers.get(container_name(id))
                if container.status not in ("running", "paused", "restarting"):
                    container.remove(v=True)

        _asking(remove)

    def output(self, id: str) -> str:
        """Return the end of what the container itself printed."""

        def read() -> str:
            try:
                logs = self.client().containers.get(container_name(id)).logs(tail=200)
            except NotFound:
                return ""
            return bytes(logs).decode("utf-8", "replace")

        return _asking(read)


def connect() -> Any:
    """Return a client for DOCKER_HOST, else for the current docker context (rootless, Desktop), else the default."""
    try:
        return docker.from_env(timeout=60)  # asks for the engine's version, so it raises where none answers
    except (DockerException, requests.RequestException):
        host = _context_host()
        if host is None:
            raise
        return docker.DockerClient(base_url=host, timeout=60)


def _context_host() -> str | None:
    try:
        context = docker.ContextAPI.get_current_context()
    except (
        DockerException,
        OSError,
        ValueError,
        KeyError,
    ):  # an unreadable ~/.docker is no reason to fail: there may still be an engine
        return None
    host = getattr(context, "Host", None)
    return str(host) if host and context.Name != "default" else None


def container_name(id: str) -> str:
    return f"tunedeck-{id}"


def gpu_routes(info: dict[str, Any]) -> tuple[GpuRoute, ...]:
    """Return the ways to ask for GPUs, the one that this engine most likely offers first."""
    return ("nvidia", "cdi") if "nvidia" in info.get("Runtimes", {}) else ("cdi", "nvidia")


def _is_rootless(info: dict[str, Any]) -> bool:
    return any("rootless" in option for option in info.get("SecurityOptions") or [])


def container_arguments(spec: LaunchSpec, route: GpuRoute | None, *, is_rootless: bool = False) -> dict[str, Any]:
    """Return what the SDK needs to make the container; pure."""
    # In a rootless engine the caller is root inside the container, and only so do files become theirs.
    user = "0:0" if is_rootless else f"{spec.uid}:{spec.gid}"
    return {
        "command": list(spec.command),
        "labels": dict(spec.labels),
        "user": user,
        "working_dir": str(spec.folder),
        "environment": {**spec.environment, "HOME": "/tmp"},
        "mounts": [
            DockerMount(str(mount.path), str(mount.path), type="bind", read_only=not mount.writable)
            for mount in spec.mounts
        ],
        "network_mode": "bridge" if spec.network else "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "read_only": True,
        # Triton, Inductor and Unsloth load what they compile, so /tmp may execute.
        "tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={spec.scratch_bytes}"},
        "pids_limit": 4096,
        "shm_size": spec.shared_memory_bytes,
        "init": True,
        "log_config": LogConfig(type="json-file", config={"max-size": "10m", "max-file": "2"}),
        "device_requests": device_requests(spec.gpus, route),
    }


def device_requests(gpus: Sequence[int], route: GpuRoute | None) -> list[Any]:
    """Return how the engine is asked for these cards."""
    if not gpus or route is None:
        return []
    if route == "cdi":
        return [DeviceRequest(driver="cdi", device_ids=[f"nvidia.com/gpu={index}" for index in gpus])]
    return [DeviceRequest(device_ids=[str(index) for index in gpus], capabilities=[["gpu"]])]


def _asking(question: Callable[[], T]) -> T:
    """Ask the engine; whatever the SDK raises becomes an EngineError."""
    try:
        return question()
    except (DockerException, ImageNotFound, requests.RequestException, OSError) as error:
        raise explain(error) from error
