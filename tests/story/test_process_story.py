"""The same job without a container: a process of its own that outlives the app."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from desktop.cli.configs import read_config
from desktop.cli.loop import assembled, wait_until
from tests.story.conftest import Tunedeck, events_of, wait_for
from trainer_image.contract import Checkpoint, Hello, RunFolder, Step
from trainer_image.supervised import ready_mark

pytestmark = pytest.mark.process


def steps_of(files: RunFolder) -> list[int]:
    return [event.step for event in events_of(files) if isinstance(event, Step)]


def trainers(files: RunFolder) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if "trainer_image.train" in process.cmdline() and str(files.path) in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_desktops_environment_holds_no_torch(as_process: Tunedeck) -> None:
    with pytest.raises(ImportError):
        __import__("torch")
    assert (as_process.home.trainer_environment / "bin" / "python").exists()


def test_training_outlives_the_app_and_answers(as_process: Tunedeck, tmp_path: Path) -> None:
    config = as_process.write_config(tmp_path, max_steps=8, eval_split_size=0.05, sample_prompts=["Hello"])
    before = set(as_process.home.runs.iterdir())
    app = as_process.popen("train", str(config), "--engine", "process")
    files = RunFolder(wait_for(lambda: set(as_process.home.runs.iterdir()) - before, "the run folder").pop())
    wait_for(lambda: steps_of(files), "the first step")
    app.send_signal(signal.SIGKILL)
    app.wait()
    assert trainers(files)
    as_process("runs", "follow", files.path.name)
    shown = as_process.json("runs", "show", files.path.name)
    assert shown["state"] == "finished"
    assert shown["engine"] == "process"
    assert steps_of(files) == list(range(1, 9))
    answer = as_process.json("chat", files.path.name, "--prompt", "What is rain?", "--max-tokens", "12")
    assert answer["answer"]


def test_a_killed_trainer_is_interrupted_and_resumes(as_process: Tunedeck, tmp_path: Path) -> None:
    config = as_process.write_config(tmp_path, max_steps=10, save_steps=2)
    files = as_process.start(config)
    wait_for(lambda: [e for e in events_of(files) if isinstance(e, Checkpoint)], "the first checkpoint")
    for process in trainers(files):
        os.kill(process.pid, signal.SIGKILL)
    shown = as_process.json("runs", "show", files.path.name)
    assert shown["state"] == "interrupted"
    as_process("runs", "resume", files.path.name)
    assert as_process.json("runs", "show", files.path.name)["state"] == "finished"
    assert [e.resumed_from for e in events_of(files) if isinstance(e, Hello)][-1] is not None


def test_the_command_line_takes_the_trainer_that_a_window_keeps_ready(as_process: Tunedeck, tmp_path: Path) -> None:
    config = as_process.write_config(tmp_path, max_steps=2, max_length=64)
    with assembled(as_process.home) as window:
        likely = read_config(window, str(config), [])
        window.keep_ready.choose(True)
        window.keep_ready.follow(lambda: (likely, "process"))
        runs = window.home.runs
        wait_until(lambda: ready_mark(RunFolder(runs / str(window.keep_ready.run_id)), 0).exists())
        files = RunFolder(runs / str(window.keep_ready.run_id))
        stood = trainers(files)
        assert files.path.name not in {run["id"] for run in as_process.json("runs", "list")["runs"]}
        assert as_process.start(config) == files
        assert trainers(files) == stood
        window.keep_ready.choose(False)
    as_process("runs", "follow", files.path.name)
    assert as_process.json("runs", "show", files.path.name)["state"] == "finished"
    assert steps_of(files) == [1, 2]
    assert trainers(files) == []
