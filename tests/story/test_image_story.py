"""The trainer image on a real engine: built, kept side by side, gone back to, removed, pulled, stopped half-way."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import secrets
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.engine import image as doorway
from desktop.engine.docker import DockerEngine
from desktop.engine.image import TrainerImage
from desktop.engine.steps import BuildStep
from desktop.errors import EngineError
from trainer_image.contract import CONTRACT

pytestmark = pytest.mark.docker

DOCKERFILE = """
ARG BASE
FROM ${BASE}
ARG CONTRACT=0
COPY trainer_image/ /opt/tunedeck/trainer_image/
COPY extras/ /extras/
LABEL tunedeck.contract=${CONTRACT}
"""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Sources:
    """A folder that stands for this project's: small enough to build in a second."""

    def __init__(self, folder: Path) -> None:
        self.trainer = folder / "trainer_image"
        self.trainer.mkdir(parents=True)
        (folder / "Dockerfile.trainer").write_text(DOCKERFILE)
        self.change("print(1)")

    def change(self, line: str) -> None:
        (self.trainer / "train.py").write_text(line + "\n")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setattr(doorway, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(doorway, "TRAINER", tmp_path / "project" / "trainer_image")
    monkeypatch.setattr(doorway, "local_torch_wheels", lambda: [])
    monkeypatch.delenv("TUNEDECK_BASE_IMAGE", raising=False)
    return Sources(tmp_path / "project")


@pytest.fixture
def image(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainerImage]:
    """Return an image under a name of its own, so that the real one is left alone."""
    repository = f"tunedeck-story-{secrets.token_hex(4)}"
    monkeypatch.setattr(doorway, "REPOSITORY", repository)
    engine = DockerEngine(tmp_path, str)
    yield TrainerImage(engine, "cpu")
    client = engine.client()
    for there in client.images.list(name=repository):
        client.images.remove(there.id, force=True)
    client.close()


def build(image: TrainerImage) -> str:
    image.build(lambda step: None, "scratch")
    state = image.state()
    assert state is not None
    return state.id


def test_versions_stand_side_by_side_and_one_can_go_back(image: TrainerImage, sources: Sources) -> None:
    first = build(image)
    sources.change("print(2)")
    assert not image.is_ready(), "the sources are newer than the image"
    second = build(image)
    assert first != second
    assert image.is_ready()
    versions = image.versions()
    assert [state.id for state in versions] == [second, first]
    assert [state.is_used for state in versions] == [True, False]
    assert [state.is_current for state in versions] == [True, False]

    back = image.use(versions[1].tag)
    assert (back.id, back.is_chosen, image.for_launch()) == (first, True, first)
    assert image.is_ready(), "what the user went back to is not built anew"

    image.use(versions[0].tag.split(":")[1])
    assert (image.for_launch(), image.is_ready()) == (second, True)
    sources.change("print(3)")
    assert not image.is_ready(), "the choice of before is over"


def test_building_anew_ends_the_choice(image: TrainerImage, sources: Sources) -> None:
    first = build(image)
    sources.change("print(2)")
    build(image)
    image.use(first)
    build(image)
    sources.change("print(3)")
    assert not image.is_ready()


def test_old_versions_make_room(image: TrainerImage, sources: Sources) -> None:
    made = []
    for number in range(5):
        sources.change(f"print({number})")
        made.append(build(image))
    assert [state.id for state in image.versions()] == made[:-4:-1]


def test_a_version_is_removed_unless_a_container_needs_it(image: TrainerImage, sources: Sources) -> None:
    first = build(image)
    sources.change("print(2)")
    second = build(image)
    client = image._engine.client()
    container = client.containers.create(first, command=["nothing"])
    try:
        with pytest.raises(EngineError, match="in use by a container"):
            image.remove(first)
    finally:
        container.remove()
    image.remove(first)
    assert [state.id for state in image.versions()] == [second]
    image.remove(second)
    assert image.state() is None
    with pytest.raises(EngineError, match="There is no trainer image"):
        image.remove(second)


def test_a_build_ends_when_nobody_wants_it(image: TrainerImage, sources: Sources) -> None:
    class Stopped(Exception):
        pass

    def stop(step: BuildStep) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        image.build(stop, "scratch")
    assert image.state() is None


# Pulled from a registry


class Registry(http.server.BaseHTTPRequestHandler):
    """The least of a registry that an engine can pull from."""

    served: dict[str, tuple[str, bytes]]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        unknown = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
        kind, body = self.served.get(self.path, ("", b"{}" if self.path == "/v2/" else unknown))
        self.send_response(200 if kind or self.path == "/v2/" else 404)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if kind:
            self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def registry() -> Iterator[http.server.ThreadingHTTPServer]:
    Registry.served = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def publish(image: TrainerImage, id: str, name: str) -> None:
    """Serve an image of the engine, as a push would."""
    saved = b"".join(image._engine.client().images.get(id).save())
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        entry = json.loads(read("manifest.json"))[0]
        config = read(entry["Config"])
        layers = [gzip.compress(read(layer), mtime=0) for layer in entry["Layers"]]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config),
            "digest": digest(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(layer),
                "digest": digest(layer),
            }
            for layer in layers
        ],
    }
    body = json.dumps(manifest).encode()
    for key in ("1", digest(body)):
        Registry.served[f"/v2/{name}/manifests/{key}"] = (MANIFEST, body)
    for blob in (config, *layers):
        Registry.served[f"/v2/{name}/blobs/{digest(blob)}"] = ("application/octet-stream", blob)


def test_an_image_from_a_registry_is_used_and_not_built_over(
    image: TrainerImage, sources: Sources, registry: http.server.ThreadingHTTPServer
) -> None:
    (sources.trainer / "weights.txt").write_bytes(secrets.token_bytes(3_000_000))
    published = build(image)
    publish(image, published, "trainer")
    image.remove(published)
    sources.change("print('newer')")
    told: list[BuildStep] = []
    image.pull(f"127.0.0.1:{registry.server_port}/trainer:1", told.append)
    state = image.state()
    assert state is not None
    assert (state.contract, state.is_chosen, state.is_current) == (CONTRACT, True, False)
    assert image.is_ready()
    assert told[-1].size_bytes == state.size_bytes
    layers = [step for step in told if step.fetched is not None]
    assert layers[-1].number == layers[-1].total == 2
    assert layers[-1].fetched is not None
    assert layers[-1].fetched.done == layers[-1].fetched.total > 3_000_000
    image._engine.client().images.remove(f"127.0.0.1:{registry.server_port}/trainer:1")


def test_an_image_that_a_registry_does_not_have(image: TrainerImage, registry: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(EngineError) as caught:
        image.pull(f"127.0.0.1:{registry.server_port}/nothing:1", lambda step: None)
    assert caught.value.code == "image_not_found"
