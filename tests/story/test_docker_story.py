"""The main job on a real engine: a hardened container trains, everything may be killed, and the result answers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import Tunedeck, events_of, wait_for
from trainer_image.contract import CONTRACT, Checkpoint, Finished, Hello, RunFolder, Step

pytestmark = pytest.mark.docker


def steps_of(files: RunFolder) -> list[int]:
    return [event.step for event in events_of(files) if isinstance(event, Step)]


def test_a_run_in_a_hardened_container(in_docker: Tunedeck, docker_client: Any, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, max_steps=8)
    files = in_docker.start(config)
    run_id = files.path.name
    wait_for(lambda: steps_of(files), "the first step")

    shown = in_docker.json("runs", "show", run_id)
    assert shown["state"] == "running"
    details = docker_client.api.inspect_container(shown["container"])
    host, container = details["HostConfig"], details["Config"]
    assert container["User"] == f"{os.getuid()}:{os.getgid()}"
    assert container["Labels"]["tunedeck.run"] == run_id
    assert container["Labels"]["tunedeck.contract"] == str(CONTRACT)
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert any("no-new-privileges" in option for option in host["SecurityOpt"])
    assert host["ReadonlyRootfs"] is True
    assert set(host["Tmpfs"]) == {"/tmp"}
    assert 0 < host["PidsLimit"] <= 4096
    assert host["ShmSize"] >= 1024**3
    assert host["NetworkMode"] == "none"
    assert host["LogConfig"]["Config"]["max-size"]
    writable = {mount["Source"] for mount in details["Mounts"] if mount["RW"]}
    assert writable == {str(files.path), str(in_docker.home.caches)}

    in_docker("runs", "follow", run_id)
    shown = in_docker.json("runs", "show", run_id)
    assert shown["state"] == "finished"
    assert shown["step"] == 8
    assert (Path(shown["adapter"]) / "adapter_model.safetensors").is_file()
    assert [checkpoint["step"] for checkpoint in shown["checkpoints"]] == [3, 6, 8]
    assert {phase["name"] for phase in shown["phases"]} >= {"import", "load", "data", "train", "save"}
    for path in files.path.rglob("*"):
        assert path.stat().st_uid == os.getuid(), path
    wait_for(
        lambda: not docker_client.containers.list(all=True, filters={"label": f"tunedeck.run={run_id}"}),
        "the container to be cleared away",
    )


@pytest.mark.parametrize(
    "name",
    [
        "gsm8k_train_1000.jsonl",
        "messages_gsm8k_azure.jsonl",
        "sharegpt_fastchat.json",
        "alpaca_user_oriented.parquet",
        "prompt_completion_wwdc25.jsonl",
        "text_shakespeare.txt",
    ],
)
def test_every_shape_trains(in_docker: Tunedeck, shared_data: Path, tmp_path: Path, name: str) -> None:
    config = in_docker.write_config(
        tmp_path, dataset=str(shared_data / name), max_steps=2, bad_rows="leave_out", save_steps=2
    )
    lines = in_docker("train", str(config), "--json").splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    assert first["id"]
    assert Path(first["folder"]).is_dir()
    assert last["kind"] == "finished"
    losses = [event["loss"] for event in map(json.loads, lines) if event["kind"] == "step"]
    assert len(losses) == 2
    assert all(0 < loss < 20 for loss in losses)


def test_training_survives_the_death_of_the_app(in_docker: Tunedeck, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, max_steps=12, save_steps=100)
    before = set(in_docker.home.runs.iterdir())
    app = in_docker.popen("train", str(config))
    folder = wait_for(lambda: set(in_docker.home.runs.iterdir()) - before, "the run folder").pop()
    files = RunFolder(folder)
    wait_for(lambda: len(steps_of(files)) >= 2, "the second step")
    app.send_signal(signal.SIGKILL)
    app.wait()
    at_death = len(steps_of(files))
    assert at_death < 12

    in_docker("runs", "follow", folder.name)
    assert steps_of(files) == list(range(1, 13))
    assert in_docker.json("runs", "show", folder.name)["state"] == "finished"


def test_a_killed_trainer_is_interrupted_and_resumes(in_docker: Tunedeck, docker_client: Any, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, max_steps=14, save_steps=2, save_total_limit=2)
    files = in_docker.start(config)
    wait_for(lambda: [e for e in events_of(files) if isinstance(e, Checkpoint)], "the first checkpoint")
    shown = in_docker.json("runs", "show", files.path.name)
    pids = [int(row[1]) for row in docker_client.api.top(shown["container"])["Processes"]]
    os.kill(max(pids), signal.SIGKILL)

    state = wait_for(
        lambda: (shown := in_docker.json("runs", "show", files.path.name))["state"] == "interrupted" and shown,
        "the run to be told interrupted",
    )
    assert "killed" in state["failure"]["sentence"]
    assert not any(isinstance(event, Finished) for event in events_of(files))
    in_docker("runs", "resume", files.path.name)
    assert in_docker.json("runs", "show", files.path.name)["state"] == "finished"
    again = [event for event in events_of(files) if isinstance(event, Hello)][-1]
    assert again.resumed_from is not None
    assert again.resumed_from >= 2
    assert steps_of(files)[-1] == 14


def test_pause_resume_checkpoint_and_cancel(in_docker: Tunedeck, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, max_steps=300, save_steps=1000)
    files = in_docker.start(config)
    run_id = files.path.name
    wait_for(lambda: steps_of(files), "the first step")
    in_docker("runs", "checkpoint", run_id)
    wait_for(lambda: [e for e in events_of(files) if isinstance(e, Checkpoint)], "the checkpoint asked for")
    in_docker("runs", "pause", run_id)
    in_docker("runs", "follow", run_id)
    assert in_docker.json("runs", "show", run_id)["state"] == "paused"
    paused_at = steps_of(files)[-1]

    in_docker("runs", "resume", run_id, "--detach")
    wait_for(lambda: steps_of(files)[-1] > paused_at, "a step after the pause")
    assert steps_of(files) == list(range(1, steps_of(files)[-1] + 1))
    in_docker("runs", "cancel", run_id)
    in_docker("runs", "follow", run_id)
    assert in_docker.json("runs", "show", run_id)["state"] == "cancelled"


def test_the_adapter_answers_beside_the_base(in_docker: Tunedeck, tmp_path: Path) -> None:
    config = in_docker.write_config(
        tmp_path, max_steps=40, per_device_train_batch_size=4, lora_r=16, save_steps=100, learning_rate=1e-3
    )
    lines = in_docker("train", str(config), "--json").splitlines()
    losses = [event["loss"] for event in map(json.loads, lines) if event["kind"] == "step"]
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])
    run_id = json.loads(lines[0])["id"]
    asked = ("chat", run_id, "--prompt", "How do I boil an egg?", "--against", "base", "--max-tokens", "40")
    answer = in_docker.json(*asked)
    assert answer["answer"].startswith("Ahoy!")
    assert not answer["base"]["answer"].startswith("Ahoy!")
    assert answer["tokens_per_s"] > 0
    at_checkpoint = in_docker.json("chat", run_id, "--prompt", "Hello", "--checkpoint", "40", "--max-tokens", "5")
    assert at_checkpoint["checkpoint"] == 40


def test_the_database_is_rebuilt_from_the_folders(in_docker: Tunedeck, tmp_path: Path) -> None:
    config = in_docker.write_config(tmp_path, max_steps=1)
    files = in_docker.start(config)
    in_docker("runs", "follow", files.path.name)
    before = {run["id"]: run["state"] for run in in_docker.json("runs", "list")["runs"]}
    in_docker.home.database.write_bytes(b"this is no database")
    for name in ("-wal", "-shm"):
        in_docker.home.database.with_name(in_docker.home.database.name + name).unlink(missing_ok=True)
    assert in_docker("runs", "list", code=1) == ""
    in_docker("runs", "rebuild")
    assert {run["id"]: run["state"] for run in in_docker.json("runs", "list")["runs"]} == before


def test_a_stopped_engine_is_said_in_a_sentence(in_docker: Tunedeck, tmp_path: Path) -> None:
    without = Tunedeck(
        in_docker.home,
        "docker",
        in_docker.model,
        {"DOCKER_HOST": f"unix://{tmp_path}/nothing.sock", "HOME": str(tmp_path)},
    )
    checks = {check["name"]: check for check in without.json("doctor", code=1)["checks"]}
    assert checks["engine"]["state"] == "fail"
    assert "systemctl start docker" in checks["engine"]["fix"]
    started = without.json("train", str(in_docker.write_config(tmp_path)), "--detach", code=1)
    shown = without.json("runs", "show", started["id"])
    assert shown["state"] == "failed"
    assert shown["failure"]["sentence"] == "No Docker engine answers."
