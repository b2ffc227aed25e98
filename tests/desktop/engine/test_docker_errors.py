"""What users meet, in the SDK's own exceptions, and the sentence that they read."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import docker
import pytest
import requests
from docker.errors import APIError, BuildError, DockerException, ImageNotFound, NotFound

from desktop.engine.docker_errors import explain
from desktop.errors import EngineError

pytestmark = pytest.mark.usefixtures("leaky_sockets")

ERRORS: dict[str, tuple[int, str]] = {
    "gpu": (500, 'could not select device driver "nvidia" with capabilities: [[gpu]]'),
    "nvidia": (500, "OCI runtime create failed: nvidia-container-cli: initialization error: load library failed"),
    "cdi": (500, "could not select device driver: CDI device injection failed: unresolvable CDI devices x"),
    "disk": (500, "write /var/lib/docker/tmp/x: no space left on device"),
    "quota": (500, "write /var/lib/docker/tmp/x: disk quota exceeded"),
    "image": (404, "No such image: tunedeck-trainer:1-cpu"),
    "pull": (404, "pull access denied for x, repository does not exist or may require 'docker login'"),
    "format": (500, "OCI runtime create failed: exec /opt/venv/bin/python: exec format error"),
    "platform": (
        500,
        "The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64)",
    ),
    "mount": (500, "Mounts denied: The path /home/ada is not shared from the host and is not known to Docker."),
    "odd": (500, "something that nobody has seen before\nwith a second line"),
    "path": (500, "error while creating mount source path '/nfs/ada/runs': mkdir /nfs/ada: permission denied"),
}


class _Answer(BaseHTTPRequestHandler):
    """A Docker engine that refuses: the path names the error."""

    def do_GET(self) -> None:
        status, message = ERRORS[self.path.rsplit("/", 2)[-2]]
        body = json.dumps({"message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def client(tmp_path: Path) -> Iterator[docker.APIClient]:
    path = str(tmp_path / "docker.sock")
    with UnixStreamServer(path, _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made = docker.APIClient(base_url=f"unix://{path}", version="1.51", timeout=60)
        yield made
        made.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("gpu", "gpu_driver_missing", "nvidia-ctk"),
        ("nvidia", "gpu_driver_missing", "nvidia-ctk"),
        ("cdi", "gpu_driver_missing", "nvidia-ctk"),
        ("disk", "disk_full", "docker system prune"),
        ("quota", "disk_full", "docker system prune"),
        ("image", "image_missing", "tunedeck image build"),
        ("pull", "image_missing", "tunedeck image build"),
        ("format", "image_foreign", "tunedeck image build"),
        ("platform", "image_foreign", "tunedeck image build"),
        ("mount", "mount_denied", "File sharing"),
        ("odd", "engine_refused", "tunedeck doctor"),
        ("path", "engine_refused", "tunedeck doctor"),
    ],
)
def test_what_the_engine_answers(client: docker.APIClient, name: str, code: str, words: str) -> None:
    with pytest.raises(APIError) as caught:
        client.inspect_container(name)
    told = explain(caught.value)
    assert told.code == code
    assert words in told.hint
    assert "\n" not in told.sentence
    assert told.sentence.endswith(".") or code == "engine_refused"


def test_an_unknown_refusal_is_told_in_the_engines_words(client: docker.APIClient) -> None:
    with pytest.raises(APIError) as caught:
        client.inspect_container("odd")
    assert explain(caught.value).sentence.endswith("something that nobody has seen before")


def test_no_socket_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(DockerException) as caught:
        docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock")
    assert explain(caught.value).code == "engine_not_running"


def test_a_socket_that_nobody_listens_at_is_no_engine(tmp_path: Path) -> None:
    path = str(tmp_path / "left.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(DockerException) as caught:
        docker.DockerClient(base_url=f"unix://{path}")
    assert explain(caught.value).code == "engine_not_running"


def test_a_port_that_nobody_listens_at_is_no_engine() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(DockerException) as caught:
        docker.DockerClient(base_url=f"tcp://127.0.0.1:{port}")
    assert explain(caught.value).code == "engine_not_running"


def _as_the_sdk_wraps(cause: Exception) -> DockerException:
    """Return what the client's constructor raises when its first question to the engine fails so."""
    try:
        try:
            raise requests.exceptions.ConnectionError("('Connection aborted.', " + repr(cause) + ")") from cause
        except requests.exceptions.ConnectionError as error:
            raise DockerException(f"Error while fetching server API version: {error}") from error
    except DockerException as error:
        return error


def test_a_socket_that_is_closed_to_us() -> None:
    told = explain(_as_the_sdk_wraps(PermissionError(13, "Permission denied")))
    assert told.code == "engine_permission"
    assert "usermod -aG docker" in told.hint


@pytest.mark.skipif(os.getuid() == 0, reason="root may open every socket")
def test_a_socket_that_is_really_closed_to_us(tmp_path: Path) -> None:
    path = tmp_path / "closed.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0)
        with pytest.raises(DockerException) as caught:
            docker.DockerClient(base_url=f"unix://{path}")
    assert explain(caught.value).code == "engine_permission"


def test_an_engine_that_hangs_is_slow_and_not_absent(tmp_path: Path) -> None:
    path = str(tmp_path / "slow.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        client = docker.APIClient(base_url=f"unix://{path}", version="1.51", timeout=0.2)
        with pytest.raises(requests.exceptions.ReadTimeout) as caught:
            client.ping()
        client.close()
    assert explain(caught.value).code == "engine_slow"


@pytest.mark.parametrize(
    "error", [ImageNotFound("404 Client Error: x"), NotFound("404 Client Error: No such image: x")]
)
def test_an_image_that_is_not_there(error: Exception) -> None:
    assert explain(error).code == "image_missing"


@pytest.mark.parametrize("error", [OSError(), DockerException(), DockerException("\n"), BuildError("", iter(()))])
def test_an_error_without_words_is_explained_all_the_same(error: Exception) -> None:
    told = explain(error)
    assert told.code == "engine_refused"
    assert told.sentence


def test_what_is_explained_already_stays() -> None:
    known = EngineError("a", "b", "c")
    assert explain(known) is known


def test_every_raise_has_an_error_of_its_own() -> None:
    """One shared instance would gather the tracebacks of every second question to an engine that is not there."""
    lengths = []
    for _ in range(5):
        try:
            raise explain(ConnectionRefusedError("Connection refused"))
        except EngineError as error:
            trace, length = error.__traceback__, 0
            while trace is not None:
                trace, length = trace.tb_next, length + 1
            lengths.append(length)
    assert len(set(lengths)) == 1
