"""Tokens are planted wherever a run could find them, a run goes from its start to the Hub, and nothing shows them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from desktop.paths import PROJECT
from tests.hub import FakeHub, FakeModel
from tests.story.conftest import Tunedeck, events_of, wait_for
from tests.story.file_keyring import FILE
from trainer_image.contract import Completion, RunFolder, Step
from trainer_image.log.redaction import REMOVED

GATED = "captain/gated-model"
KEPT = "hf_KeyringKeyringKeyringKeyring0001"
OF_ENVIRONMENT = "hf_EnvironmentEnvironmentEnvir0002"
PRINTED = "hf_PrintedByARewardFileOfAUser000003"
IN_A_ROW = "sk-proj-InARowOfTheDataset0000000004"
PASSWORD = "pa55word-of-a-mirror-0005"
PLANTED = (KEPT, OF_ENVIRONMENT, PRINTED, IN_A_ROW, PASSWORD)

REWARD_FILE = f"""
import os, sys, warnings

def reward(completion, prompt, answer, row):
    print("the token is {PRINTED[:9]}", end="", flush=True)
    print("{PRINTED[9:]}", flush=True)
    os.write(2, b"Authorization: Bearer {PRINTED}\\n")
    warnings.warn("cannot reach https://ada:{PASSWORD}@mirror.example/simple")
    {{ending}}
"""
TRIES = {
    "method": "grpo",
    "rewards": ["custom"],
    "max_steps": 1,
    "num_generations": 2,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 1,
    "max_completion_length": 8,
}


@pytest.fixture
def hub(in_docker: Tunedeck) -> Iterator[FakeHub]:
    """A Hub on this machine with one model, which only the kept token may fetch and nobody has fetched yet."""
    cached = in_docker.home.caches / "hub" / "hub" / f"models--{GATED.replace('/', '--')}"
    shutil.rmtree(cached, ignore_errors=True)
    made = FakeHub()
    made.token = KEPT
    files = {path.name: path.read_bytes() for path in in_docker.model.iterdir() if path.is_file()}
    made.add(FakeModel(GATED, files, gated=True))
    yield made
    made.close()
    shutil.rmtree(cached, ignore_errors=True)


def write_run(tunedeck: Tunedeck, folder: Path, ending: str, **knobs: Any) -> Path:
    """Write a config, a dataset and a reward file with secrets in them; return the config."""
    dataset, rewards = folder / "rows.jsonl", folder / "reward.py"
    row = {"question": f"My key is {IN_A_ROW}, what is 2 + 2?", "answer": "4"}
    dataset.write_text("".join(json.dumps(row) + "\n" for _ in range(4)))
    rewards.write_text(REWARD_FILE.replace("{ending}", ending))
    return tunedeck.write_config(folder, dataset=str(dataset), reward_file=str(rewards), **TRIES, **knobs)


def with_secrets(tunedeck: Tunedeck, folder: Path, **variables: str) -> Tunedeck:
    """Return the program with one token in its keyring and another in its environment."""
    keyring = {"PYTHON_KEYRING_BACKEND": "tests.story.file_keyring.FileKeyring", FILE: str(folder / "keyring.json")}
    return replace(tunedeck, environment={**keyring, "HF_TOKEN": OF_ENVIRONMENT, **variables})


def keep_token(tunedeck: Tunedeck) -> str:
    """Give the program a token as a person would, and return what it says."""
    done = subprocess.run(
        tunedeck.command("token", "set"),
        input=KEPT + "\n",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **tunedeck.environment},
    )
    return done.stdout + done.stderr


class Watching:
    """Looks again and again at whatever of a run anybody on this machine can see."""

    def __init__(self, files: RunFolder, container: Callable[[], str]) -> None:
        self._files = files
        self._container = container
        self.seen: dict[str, str] = {}

    def look(self) -> bool:
        """Look once; say whether the run has ended."""
        if seen := self._container():
            self.seen["container"] = self.seen.get("container", "") + seen
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
                if "trainer_image" in words and str(self._files.path) in words:
                    told = (Path("/proc") / str(process.pid) / "environ").read_text(errors="replace")
                    self.seen[f"process {process.pid}"] = f"{words}\n{told}"
            except (psutil.Error, OSError):  # gone meanwhile
                continue
        return any(event.kind in ("finished", "failed") for event in events_of(self._files) if hasattr(event, "kind"))

    def look_at_push(self, pid: int) -> None:
        """Look at a push in its middle: its words, and the process that sends, which inherits an environment."""
        program = psutil.Process(pid)
        self.seen["words of the push"] = " ".join(program.cmdline())
        for process in program.children(recursive=True):
            environment = (Path("/proc") / str(process.pid) / "environ").read_text(errors="replace")
            self.seen[f"sender {process.pid}"] = f"{' '.join(process.cmdline())}\n{environment}"


def push(tunedeck: Tunedeck, hub: FakeHub, files: RunFolder, watching: Watching) -> str:
    """Push the model of a run, look at the push in its middle, and return what it printed."""
    hub.held = threading.Event()
    pushing = subprocess.Popen(
        tunedeck.command("push", files.path.name, "captain"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **tunedeck.environment},
    )

    def has_begun_or_ended() -> bool:
        return any(method == "PUT" for method, _, _ in hub.asked) or pushing.poll() is not None

    wait_for(has_begun_or_ended, "the weights on their way")
    if pushing.poll() is None:
        watching.look_at_push(pushing.pid)
    hub.held.set()
    said = pushing.communicate(timeout=300)[0]
    assert pushing.returncode == 0, said
    assert any(name.startswith("sender") for name in watching.seen)
    return said


def assert_arrived(tunedeck: Tunedeck, hub: FakeHub, files: RunFolder, watching: Watching) -> None:
    """What arrived is the model, byte for byte, with a card; the token came in the one header that is for it."""
    places = [str(place).encode() for place in (files.path.parent.parent, tunedeck.model)]
    arrived = hub.models["ada/captain"].files
    rewritten = ("README.md", "adapter_config.json")
    assert {*rewritten, "adapter_model.safetensors", "tokenizer.json"} <= set(arrived)
    for name, data in arrived.items():
        assert name in rewritten or data == (files.adapter / name).read_bytes()
    carriers = {name.lower() for _, _, headers in hub.asked for name, value in headers.items() if KEPT in value}
    assert carriers == {"authorization"}
    told = [path for _, path, _ in hub.asked]
    watching.seen["what was asked of the Hub"] = "\n".join(told)
    watching.seen["what was told to the Hub"] = b"\n".join(hub.bodies).decode("latin-1")
    for name, data in arrived.items():
        watching.seen[f"{name} on the Hub"] = data.decode("latin-1")
        assert [place for place in places if place in data] == []


def assert_nowhere(said: str, watching: Watching, *folders: Path) -> None:
    """Search everything for every planted secret."""
    places = {"what was printed": said.encode(), **{name: text.encode() for name, text in watching.seen.items()}}
    places |= {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
    found = [(secret, place) for place, data in places.items() for secret in PLANTED if secret.encode() in data]
    assert found == []


def databases(tunedeck: Tunedeck) -> list[Path]:
    return [path for path in tunedeck.home.path.glob("*") if path.is_file()]


@pytest.mark.docker
def test_a_gated_model_trains_in_a_container_that_has_no_token(
    in_docker: Tunedeck, docker_client: Any, hub: FakeHub, tmp_path: Path
) -> None:
    tunedeck = with_secrets(in_docker, tmp_path, HF_ENDPOINT=hub.address)
    said = keep_token(tunedeck)
    assert "is in the keyring" in said
    config = write_run(tunedeck, tmp_path, "return len(completion) / 100", model=GATED)
    files = tunedeck.start(config)

    def inspected() -> str:
        label = {"label": f"tunedeck.run={files.path.name}"}
        return "".join(
            json.dumps(docker_client.api.inspect_container(one.id)) + one.logs().decode()
            for one in docker_client.containers.list(filters=label)
        )

    watching = Watching(files, inspected)
    wait_for(watching.look, "the end of the run")
    said += tunedeck("runs", "follow", files.path.name) + tunedeck("runs", "show", files.path.name, "--json")
    assert json.loads(tunedeck("runs", "show", files.path.name, "--json"))["state"] == "finished"
    assert '"NetworkMode": "none"' in watching.seen["container"]
    assert len([name for name in watching.seen if name.startswith("process")]) >= 2
    assert any(KEPT in headers.get("authorization", "") for _, _, headers in hub.asked)
    said += push(tunedeck, hub, files, watching)
    assert_arrived(tunedeck, hub, files, watching)
    assert f"base_model: {GATED}" in hub.models["ada/captain"].files["README.md"].decode()
    log = files.log.read_text()
    assert f"the token is {REMOVED}" in log
    assert f"Authorization: Bearer {REMOVED}" in log
    assert f"https://{REMOVED}@mirror.example" in log
    assert [event.step for event in events_of(files) if isinstance(event, Step)] == [1]
    told = [event.prompt for event in events_of(files) if isinstance(event, Completion)]
    assert told
    assert all(REMOVED in prompt for prompt in told)
    home = tunedeck.home
    assert_nowhere(said, watching, files.path, home.caches, home.chats)
    assert not [secret for path in databases(tunedeck) for secret in PLANTED if secret.encode() in path.read_bytes()]


@pytest.mark.process
def test_a_crash_without_a_container_tells_no_secret(as_process: Tunedeck, tmp_path: Path) -> None:
    tunedeck = with_secrets(as_process, tmp_path)
    said = keep_token(tunedeck)
    config = write_run(
        tunedeck, tmp_path, f"if completion is not None: raise RuntimeError('refused: {PRINTED}')\n    return 1"
    )
    files = tunedeck.start(config)
    watching = Watching(files, lambda: "")
    wait_for(watching.look, "the end of the run")
    said += tunedeck("runs", "show", files.path.name, "--json")
    shown = tunedeck.json("runs", "show", files.path.name)
    assert shown["state"] == "failed"
    assert f"refused: {REMOVED}" in shown["failure"]["sentence"]
    assert f"the token is {REMOVED}" in files.log.read_text()
    assert len(watching.seen) >= 2
    assert_nowhere(said, watching, files.path, tunedeck.home.caches)
    assert not [secret for path in databases(tunedeck) for secret in PLANTED if secret.encode() in path.read_bytes()]


@pytest.mark.process
def test_a_push_of_what_was_trained_without_a_container_tells_no_secret(as_process: Tunedeck, tmp_path: Path) -> None:
    hub = FakeHub()
    hub.token = KEPT
    try:
        tunedeck = with_secrets(as_process, tmp_path, HF_ENDPOINT=hub.address)
        said = keep_token(tunedeck)
        dataset = tmp_path / "rows.jsonl"
        dataset.write_text(json.dumps({"question": f"My key is {IN_A_ROW}?", "answer": "Keep it."}) + "\n")
        files = tunedeck.start(tunedeck.write_config(tmp_path, dataset=str(dataset), max_steps=1))
        watching = Watching(files, lambda: "")
        wait_for(watching.look, "the end of the run")
        said += tunedeck("runs", "follow", files.path.name)
        said += push(tunedeck, hub, files, watching)
        assert_arrived(tunedeck, hub, files, watching)
    finally:
        hub.close()
    assert f"{hub.address}/ada/captain" in said
    assert_nowhere(said, watching, files.path, tunedeck.home.caches)
    assert not [secret for path in databases(tunedeck) for secret in PLANTED if secret.encode() in path.read_bytes()]
