"""What the tests inside the trainer need: a real small model, real rows, and the trainer as a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from trainer_image.contract import Event, Launch, Request, RunFolder, read_event, write_request

ROOT = Path(__file__).parents[3]
PATIENCE_S = 900.0


@pytest.fixture(scope="session")
def model() -> str:
    folder = os.environ.get("TUNEDECK_TEST_MODEL")
    if not folder:
        pytest.skip("TUNEDECK_TEST_MODEL names no model folder")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("TUNEDECK_SHARED_DATA", "/nowhere"))
    if not folder.is_dir():
        pytest.skip("TUNEDECK_SHARED_DATA names no folder of datasets")
    return folder


@pytest.fixture(scope="session")
def tokenizer(model: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Forty short rows, small enough for a step in a second."""
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"What is {n} plus {n + 1}?", "answer": f"It is {2 * n + 1}, of course."} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@dataclass
class Run:
    """One run folder, and the trainer that works in it."""

    folder: RunFolder
    process: subprocess.Popen[bytes] | None = None

    def start(self, processes: int = 1, module: str = "trainer_image.train") -> Run:
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        words = [sys.executable, *(torchrun if processes > 1 else []), "-m", module, str(self.folder.path)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        # The same threads in every run: sums over other numbers of threads differ in the last digits.
        environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        requests, now = self.folder.requests, datetime.now(UTC)
        heard = requests.stat().st_size if requests.exists() else 0
        launch = Launch(engine="process", created=now, started=now, requests_offset=heard)
        self.folder.launch.write_text(launch.model_dump_json())
        self.process = subprocess.Popen(words, env=environment, cwd=self.folder.path)
        return self

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def train(self, processes: int = 1) -> Run:
        assert self.start(processes).wait() == 0, self.folder.events.read_text()[-3000:]
        return self

    def ask(self, request: Request) -> None:
        with self.folder.requests.open("a", encoding="utf-8") as file:
            file.write(write_request(request))

    def events(self, kind: str | None = None) -> list[Any]:
        if not self.folder.events.exists():
            return []
        whole = self.folder.events.read_bytes().rpartition(b"\n")[0]
        events: list[Any] = [read_event(line) for line in whole.splitlines()]
        return [event for event in events if kind in (None, event.kind)]

    def wait_for(self, is_there: Callable[[list[Event]], bool]) -> None:
        assert self.process is not None
        deadline = time.monotonic() + PATIENCE_S
        while not is_there(self.events()):
            assert self.process.poll() is None, f"the trainer ended: {self.events()[-1:]}"
            assert time.monotonic() < deadline, "the trainer took too long"
            time.sleep(0.01)

    def wait_for_step(self, step: int) -> None:
        self.wait_for(lambda events: any(event.kind == "step" and event.step >= step for event in events))

    def losses(self) -> dict[int, float]:
        """Return the loss of each step; a step that was made twice counts as it was made last."""
        return {event.step: event.loss for event in self.events("step")}

    def weights(self) -> str:
        return hashlib.sha256((self.folder.adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


@pytest.fixture
def new_run(tmp_path: Path, model: str, dataset: Path) -> Callable[..., Run]:
    def make(name: str = "run", **knobs: Any) -> Run:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        config = {
            "model": model,
            "dataset": str(dataset),
            "max_length": 128,
            "max_steps": 6,
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 1,
            "gradient_checkpointing": False,
            "lora_r": 4,
            "eval_split_size": 0,
            "offline": True,
            "gpus": (),
        }
        folder.config.write_text(json.dumps(config | knobs))
        return Run(folder)

    return make
