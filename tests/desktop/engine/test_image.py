"""The trainer image: whether it fits, what goes into it, and how its build is told."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError

from desktop.engine import base_image
from desktop.engine import image as doorway
from desktop.engine.base_image import OWN_BASE, PUBLIC_BASE
from desktop.engine.build_log import follow_build, follow_pull
from desktop.engine.image import ARCHITECTURES, LABEL_SOURCES, TrainerImage, sources_digest, write_context
from desktop.engine.launch import LABEL_CONTRACT
from desktop.engine.steps import BuildStep, Fetched, Fetching
from desktop.errors import EngineError
from desktop.paths import PROJECT
from tests.fakes import FakeDockerEngine
from trainer_image.contract import CONTRACT

HERE = ARCHITECTURES.get(platform.machine(), platform.machine())
ELSEWHERE = "arm64" if HERE == "amd64" else "amd64"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "PIP_CERT",
        "TUNEDECK_BASE_IMAGE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine() -> FakeDockerEngine:
    return FakeDockerEngine()


@pytest.fixture
def image(engine: FakeDockerEngine) -> TrainerImage:
    return TrainerImage(engine, "cpu")  # type: ignore[arg-type]


def put(
    engine: FakeDockerEngine,
    tag: str,
    contract: str = str(CONTRACT),
    sources: str = "",
    architecture: str = HERE,
) -> None:
    labels = {LABEL_CONTRACT: contract, LABEL_SOURCES: sources or sources_digest("cpu")}
    engine.images.add(tag, labels, architecture)


def test_an_image_that_fits(engine: FakeDockerEngine, image: TrainerImage) -> None:
    put(engine, image.tag)
    state = image.state()
    assert state is not None
    assert (state.contract, state.size_bytes, state.is_current) == (CONTRACT, 3 * 10**9, True)
    assert image.is_ready()
    assert image.for_launch() == "sha256:1"


def test_an_earlier_image_is_there_or_it_is_said_why_not(engine: FakeDockerEngine, image: TrainerImage) -> None:
    put(engine, "sha256:good", sources="older")
    put(engine, "sha256:old", contract="1")
    assert image.why_not("sha256:good") == ""
    assert image.why_not("sha256:old").startswith("The trainer image speaks contract 1,")
    assert image.why_not("sha256:gone") == "It is no longer there."


def test_no_image(image: TrainerImage) -> None:
    assert image.state() is None
    assert not image.is_ready()
    with pytest.raises(EngineError) as caught:
        image.for_launch()
    assert caught.value.code == "image_missing"


@pytest.mark.parametrize("contract", [str(CONTRACT + 1), "", "x"])
def test_an_image_of_another_contract_is_refused(engine: FakeDockerEngine, image: TrainerImage, contract: str) -> None:
    put(engine, image.tag, contract=contract)
    with pytest.raises(EngineError, match="tunedeck image build"):
        image.is_ready()
    with pytest.raises(EngineError, match=f"this app speaks contract {CONTRACT}") as caught:
        image.for_launch()
    assert caught.value.code == "contract_differs"


def test_an_image_without_labels_is_refused(engine: FakeDockerEngine, image: TrainerImage) -> None:
    engine.images.by_tag[image.tag] = SimpleNamespace(
        id="sha256:1", labels=None, attrs={"Size": 1, "Architecture": HERE}
    )
    with pytest.raises(EngineError, match="contract None"):
        image.for_launch()


def test_an_image_for_another_processor_is_refused(engine: FakeDockerEngine, image: TrainerImage) -> None:
    put(engine, image.tag, architecture=ELSEWHERE)
    with pytest.raises(EngineError, match=ELSEWHERE):
        image.is_ready()
    with pytest.raises(EngineError, match=ELSEWHERE) as caught:
        image.for_launch()
    assert caught.value.code == "image_foreign"


def test_an_image_of_older_sources_could_start_but_is_built_anew(engine: FakeDockerEngine, image: TrainerImage) -> None:
    put(engine, image.tag, sources="older")
    assert not image.is_ready()
    assert image.for_launch() == "sha256:1"


def test_variants_have_images_of_their_own(engine: FakeDockerEngine, image: TrainerImage) -> None:
    cuda = TrainerImage(engine, "cuda")  # type: ignore[arg-type]
    assert cuda.tag != image.tag
    assert sources_digest("cuda") != sources_digest("cpu")


def test_an_engine_that_is_not_there(engine: FakeDockerEngine, image: TrainerImage) -> None:
    engine.error = EngineError("No Docker engine answers.", "", "engine_not_running")
    for ask in (image.state, image.is_ready, image.for_launch, lambda: image.build(lambda step: None)):
        with pytest.raises(EngineError, match="No Docker engine"):
            ask()


# Its context


def context_of(variant: Any = "cpu") -> bytes:
    target = io.BytesIO()
    write_context(target, variant)
    return target.getvalue()


def names_in(context: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        return archive.getnames()


def test_the_context_holds_our_sources_and_nothing_else() -> None:
    names = names_in(context_of())
    wanted = {
        str(path.relative_to(PROJECT))
        for pattern in ("*.py", "*.txt")
        for path in (PROJECT / "trainer_image").rglob(pattern)
    }
    assert set(names) == wanted | {"Dockerfile.trainer", "extras/ca.crt"}
    assert len(names) == len(set(names))
    assert not [name for name in names if "desktop" in name or "__pycache__" in name]


def test_the_same_sources_make_the_same_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the engine's cache would never hit, and every build would install PyTorch again."""
    copy = tmp_path / "copy"
    (copy / "trainer_image").mkdir(parents=True)
    (copy / "Dockerfile.trainer").write_text("FROM x\n")
    source = copy / "trainer_image" / "train.py"
    source.write_text("print()\n")
    monkeypatch.setattr(doorway, "PROJECT", copy)
    monkeypatch.setattr(doorway, "TRAINER", copy / "trainer_image")
    first, digest = context_of(), sources_digest("cpu")
    source.touch()
    source.chmod(0o600)
    assert hashlib.sha256(context_of()).digest() == hashlib.sha256(first).digest()
    assert sources_digest("cpu") == digest
    source.write_text("print(1)\n")
    assert sources_digest("cpu") != digest
    source.rename(source.with_name("other.py"))
    assert names_in(context_of()) == ["Dockerfile.trainer", "trainer_image/other.py", "extras/ca.crt"]


def test_the_context_carries_the_networks_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    with tarfile.open(fileobj=io.BytesIO(context_of())) as archive:
        entry = archive.extractfile("extras/ca.crt")
        assert entry is not None
        assert entry.read() == bundle.read_bytes()


def test_a_local_wheel_of_torch_goes_into_the_cpu_context_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "torch-0+cpu-cp311.whl"
    wheel.write_bytes(b"wheel")
    monkeypatch.setattr(doorway, "local_torch_wheels", lambda: [wheel])
    assert f"extras/{wheel.name}" in names_in(context_of("cpu"))
    assert f"extras/{wheel.name}" not in names_in(context_of("cuda"))


# Its build

SUCCESS: list[dict[str, Any]] = [
    {"stream": "Step 1/5 : ARG BASE=python:3.12-slim-bookworm"},
    {"stream": "\n"},
    {"stream": "Step 2/5 : COPY trainer_image/requirements*.txt /build/"},
    {"stream": " ---> Running in 0123\n"},
    {"stream": "Step 3/5 : RUN pip install -r /build/requirements-${VARIANT}.txt"},
    {"stream": "Collecting torch==2.9.0\n"},
    {"stream": "  Downloading https://download.pytorch.org/whl/cpu/torch-2.9.0-cp312.whl (180 MB)\n"},
    {"stream": "Step 4/5 : RUN pip install -r /build/requirements.txt"},
    {"stream": "Installing collected packages: numpy, trl\n"},
    {"status": "Pulling", "progressDetail": {}},
    {"aux": {"ID": "sha256:abc"}},
    {"stream": "Successfully built abc\n"},
]


def steps_of(messages: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    told: list[tuple[int, int, str]] = []
    follow_build(iter(messages), lambda number, total, text, fetched: told.append((number, total, text)))
    return told


def test_a_build_is_told_step_by_step() -> None:
    assert steps_of(SUCCESS) == [
        (1, 5, "setting up"),
        (2, 5, "copying"),
        (3, 5, "installing PyTorch"),
        (3, 5, "installing PyTorch (torch)"),
        (3, 5, "installing PyTorch (torch, 180 MB)"),
        (4, 5, "installing the trainer's libraries"),
        (4, 5, "installing the trainer's libraries (numpy)"),
    ]


def test_a_build_that_fails_says_pips_reason() -> None:
    messages = [
        *SUCCESS[:6],
        {"stream": "ERROR: No matching distribution found for torch==9.9.9\n"},
        {"error": "The command '/bin/sh -c pip' returned a non-zero code: 1", "errorDetail": {}},
    ]
    with pytest.raises(EngineError) as caught:
        steps_of(messages)
    assert caught.value.code == "build_failed"
    assert "No matching distribution found for torch==9.9.9" in caught.value.sentence


def test_a_build_that_fails_without_a_reason_says_the_engines() -> None:
    with pytest.raises(EngineError, match="returned a non-zero code: 137"):
        steps_of([{"error": "The command returned a non-zero code: 137"}])


@pytest.mark.parametrize(
    "messages",
    [
        [{"stream": "OSError: [Errno 28] No space left on device\n"}, {"error": "non-zero code: 1"}],
        [{"error": "write /var/lib/docker/x: no space left on device"}],
    ],
)
def test_a_build_that_fills_the_disk(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(EngineError) as caught:
        steps_of(messages)
    assert caught.value.code == "disk_full"


def test_a_build_tags_labels_and_tells_its_size(
    engine: FakeDockerEngine, image: TrainerImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.on_build = lambda arguments: put(engine, arguments["tag"])
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:secret@mirror.example/simple")
    told: list[BuildStep] = []
    image.build(told.append, "debian:12")
    (build,) = engine.builds
    assert build["tag"] == image.tag
    assert build["labels"] == {LABEL_SOURCES: sources_digest("cpu")}
    assert build["buildargs"]["CONTRACT"] == str(CONTRACT)  # the Dockerfile makes the label of it
    assert build["buildargs"]["BASE"] == "debian:12"
    assert build["buildargs"]["PIP_INDEX_URL"] == "https://mirror.example/simple"  # a history keeps no password
    assert build["buildargs"]["VARIANT"] == "cpu"
    assert "download.pytorch.org" in build["buildargs"]["TORCH_INDEX"]
    assert "Dockerfile.trainer" in names_in(build["context"])
    assert told[-1].size_bytes == 3 * 10**9
    assert told[0].sentence.startswith("step 1 of 1")


def test_a_build_takes_the_base_that_is_there(engine: FakeDockerEngine, image: TrainerImage) -> None:
    engine.on_build = lambda arguments: put(engine, arguments["tag"])
    put(engine, OWN_BASE)
    image.build(lambda step: None)
    assert engine.builds[-1]["buildargs"]["BASE"] == OWN_BASE
    put(engine, PUBLIC_BASE)
    image.build(lambda step: None)
    assert engine.builds[-1]["buildargs"]["BASE"] == PUBLIC_BASE
    assert engine.images.pulled == []


def test_a_build_pulls_a_base_or_takes_the_one_that_is_named(
    engine: FakeDockerEngine, image: TrainerImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.on_build = lambda arguments: put(engine, arguments["tag"])
    image.build(lambda step: None)
    assert engine.images.pulled == [PUBLIC_BASE]
    monkeypatch.setenv("TUNEDECK_BASE_IMAGE", "mine:1")
    image.build(lambda step: None)
    assert engine.builds[-1]["buildargs"]["BASE"] == "mine:1"


@pytest.mark.parametrize("error", [requests.exceptions.ConnectionError("no route"), APIError("toomanyrequests")])
def test_a_build_without_any_base_says_what_to_do(
    engine: FakeDockerEngine, image: TrainerImage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    engine.images.pull_error = error
    monkeypatch.setattr(base_image.shutil, "which", lambda *_, **__: None)
    with pytest.raises(EngineError, match="cannot be pulled") as caught:
        image.build(lambda step: None)
    assert caught.value.code == "base_missing"
    assert "--base" in caught.value.hint


def test_a_pull_that_fills_the_disk_says_so(engine: FakeDockerEngine, image: TrainerImage) -> None:
    engine.images.pull_error = APIError("write /var/lib/docker/x: No space left on device")
    with pytest.raises(EngineError) as caught:
        image.build(lambda step: None)
    assert caught.value.code == "disk_full"


# What has been fetched


def test_what_pip_fetches_is_told_with_amount_and_what_is_left() -> None:
    messages = [
        {"stream": "Step 3/5 : RUN pip install -r /build/requirements-${VARIANT}.txt"},
        {"stream": "  Downloading torch-2.9.0.whl (180 MB)\n"},
        {"stream": "Progress 0 of 180000000\n"},
        {"stream": "Progress 90000000 of 180000000\n"},
        {"stream": "  Downloading numpy-2.whl (20 MB)\n"},
        {"stream": "Progress 20000000 of 20000000\n"},
    ]
    told: list[tuple[str, Fetched | None]] = []
    follow_build(iter(messages), lambda number, total, text, fetched: told.append((text, fetched)), 400_000_000)
    assert [text for text, _ in told][-2:] == ["installing PyTorch (numpy, 20 MB)"] * 2
    assert told[0][1] is None
    last = told[-1][1]
    assert last is not None
    assert (last.done, last.total) == (110_000_000, 400_000_000)


def test_a_pull_is_told_in_layers_and_bytes() -> None:
    first, second, there = "a" * 12, "b" * 12, "c" * 12
    messages: list[dict[str, Any]] = [
        {"status": "Pulling from trainer", "id": "1"},
        {"status": "Already exists", "id": there, "progressDetail": {}},
        {"status": "Pulling fs layer", "id": first, "progressDetail": {}},
        {"status": "Downloading", "id": first, "progressDetail": {"current": 10, "total": 100}},
        {"status": "Downloading", "id": second, "progressDetail": {"current": 50, "total": 300}},
        {"status": "Download complete", "id": first, "progressDetail": {}},
        {"status": "Extracting", "id": first, "progressDetail": {"current": 1, "total": 100}},
        {"status": "Pull complete", "id": first, "progressDetail": {}},
        {"status": "Digest: sha256:0"},
    ]
    told: list[tuple[int, int, str, Fetched | None]] = []
    follow_pull(iter(messages), lambda *step: told.append(step))
    number, total, words, fetched = told[-1]
    assert (number, total, words) == (2, 3, "pulling the image")
    assert fetched is not None
    assert (fetched.done, fetched.total) == (150, 400)
    assert told[-2][2] == "unpacking a layer"


def test_speed_is_that_of_the_last_seconds() -> None:
    now = 0.0
    fetching = Fetching(total=1_000_000_000, clock=lambda: now)
    assert fetching.now() is None
    fetching.note("slow", 0)
    for second in range(1, 31):
        now = float(second)
        fetching.note("slow" if second <= 10 else "fast", second * 1_000_000 if second <= 10 else second * 5_000_000)
    fetched = fetching.now()
    assert fetched is not None
    assert fetched.per_s == pytest.approx(5_000_000)
    assert fetched.sentence == "160 MB of 1.0 GB at 5 MB/s, 3 min left to fetch"


def test_more_than_was_expected_is_all_there_is() -> None:
    fetching = Fetching(total=100)
    fetching.note("a", 150)
    fetched = fetching.now()
    assert fetched is not None
    assert (fetched.done, fetched.total) == (150, 150)
