"""The main job on NVIDIA GPUs: one card, two cards at the same global batch, a 4-bit base, and the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desktop.engine.gpus import Gpus
from tests.story.conftest import Tunedeck, events_of, wait_for
from trainer_image.contract import Checkpoint, Evaluation, Hello, RunFolder, Step

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.docker,
    pytest.mark.skipif(not Gpus().sample(), reason="this machine has no NVIDIA GPU"),
]

KNOBS: dict[str, Any] = {
    "max_steps": 20,
    "per_device_train_batch_size": 2,
    "max_length": 256,
    "lora_r": 16,
    "save_steps": 10,
    "eval_split_size": 0.05,
    "eval_steps": 10,
}


def cards() -> int:
    return len(Gpus().sample())


def trained(tunedeck: Tunedeck, config: Path) -> RunFolder:
    lines = tunedeck("train", str(config), "--json").splitlines()
    assert json.loads(lines[-1])["kind"] == "finished", lines[-1]
    return RunFolder(Path(json.loads(lines[0])["folder"]))


def losses(files: RunFolder) -> list[float]:
    return [event.loss for event in events_of(files) if isinstance(event, Step) and event.loss is not None]


def report(name: str, files: RunFolder) -> None:
    """Print what a reader of the log wants to see."""
    steps = [event for event in events_of(files) if isinstance(event, Step)]
    hello = next(event for event in events_of(files) if isinstance(event, Hello))
    peak = max(max(step.gpu_peak_bytes) for step in steps) / 2**30
    print(f"{name}: {[gpu.name for gpu in hello.gpus]} {hello.backend} x{hello.processes}, peak {peak:.2f} GiB")
    print(f"  losses {losses(files)}")
    print(f"  step {steps[-1].step_s:.3f} s, {steps[-1].tokens_per_s:.0f} tokens/s")


@pytest.fixture(scope="module")
def one_card(in_docker: Tunedeck, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("one")
    files = trained(in_docker, in_docker.write_config(folder, **KNOBS, gradient_accumulation_steps=4, gpus=[0]))
    report("one card", files)
    return files


def test_one_card_trains_and_answers(in_docker: Tunedeck, one_card: RunFolder) -> None:
    hello = next(event for event in events_of(one_card) if isinstance(event, Hello))
    assert (hello.device, hello.backend, hello.processes, len(hello.gpus)) == ("cuda", "unsloth-cuda", 1, 1)
    steps = [event for event in events_of(one_card) if isinstance(event, Step)]
    assert all(step.gpu_peak_bytes and step.gpu_peak_bytes[0] > 2**27 for step in steps)
    assert any(isinstance(event, Evaluation) for event in events_of(one_card))
    assert losses(one_card)[-1] < losses(one_card)[0]
    asked = ("chat", one_card.path.name, "--prompt", "What is rain?", "--against", "base", "--max-tokens", "40")
    answer = in_docker.json(*asked)
    print(answer)
    assert answer["answer"]
    assert answer["base"]["answer"]


def test_two_cards_give_the_curve_of_one(
    in_docker: Tunedeck, docker_client: Any, one_card: RunFolder, tmp_path: Path
) -> None:
    if cards() < 2:
        pytest.skip("this machine has one GPU")
    config = in_docker.write_config(tmp_path, **KNOBS, gradient_accumulation_steps=2, gpus=[0, 1])
    files = in_docker.start(config)
    body = wait_for(lambda: in_docker.json("runs", "show", files.path.name)["container"], "the container")
    requests = docker_client.api.inspect_container(body)["HostConfig"]["DeviceRequests"]
    assert len(requests[0]["DeviceIDs"]) == 2
    in_docker("runs", "follow", files.path.name)
    report("two cards", files)
    hello = next(event for event in events_of(files) if isinstance(event, Hello))
    assert hello.processes == 2
    assert len(losses(files)) == 20
    for one, two in zip(losses(one_card), losses(files), strict=True):
        assert two == pytest.approx(one, abs=2e-3)


def test_a_four_bit_base(in_docker: Tunedeck, tmp_path: Path) -> None:
    files = trained(in_docker, in_docker.write_config(tmp_path, **{**KNOBS, "load_in_4bit": True, "gpus": [0]}))
    report("4-bit", files)
    assert losses(files)[-1] < losses(files)[0]


def test_a_resumed_run_goes_on_within_the_noise(in_docker: Tunedeck, one_card: RunFolder, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, **{**KNOBS, "save_steps": 5}, gradient_accumulation_steps=4, gpus=[0])
    files = in_docker.start(config)
    wait_for(lambda: [e for e in events_of(files) if isinstance(e, Checkpoint)], "the first checkpoint")
    in_docker("runs", "pause", files.path.name)
    in_docker("runs", "follow", files.path.name)
    state = in_docker.json("runs", "show", files.path.name)["state"]
    if state == "finished":
        pytest.skip("the run was over before the pause came")
    assert state == "paused"
    in_docker("runs", "resume", files.path.name)
    for whole, resumed in zip(losses(one_card), losses(files), strict=True):
        assert resumed == pytest.approx(whole, abs=2e-3)
