"""A trainer without torch, in the real one's place in a light image: it makes steps, checkpoints and trouble.

The dataset file is a JSON object that says how: step_s, checkpoint_bytes, eat, the bytes that each step keeps, and
clock_s, by how much its clock is wrong.
"""

from __future__ import annotations

import json
import sys
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from trainer_image.configs import read_config
from trainer_image.contract import (
    Cancelled,
    Checkpoint,
    CheckpointRequest,
    Clock,
    Event,
    Finished,
    Hello,
    Paused,
    PauseRequest,
    Plan,
    RunConfig,
    RunFolder,
    Step,
    StopRequest,
)
from trainer_image.reporter import Reporter
from trainer_image.saving import checkpoints


class ByItsClock(Reporter):
    """Says everything with the time of a clock that may be wrong, or is set while it looks."""

    clock_s = 0.0

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder)
        self.clock = Clock(lambda: time.time() + self.clock_s)

    def emit(self, event: Event) -> None:
        super().emit(event.model_copy(update={"time": event.time + timedelta(seconds=self.clock_s)}))


def main(path: Path) -> int:
    folder = RunFolder(path)
    reporter = ByItsClock(folder)
    reporter.listen_to_signals()
    reporter.take_over_output()
    with reporter.telling_failure():
        train(reporter, read_config(folder))
    return 0


def plan_of(config: RunConfig) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(Path(config.dataset).read_text())
    return plan


def train(reporter: ByItsClock, config: RunConfig) -> None:
    folder = reporter.folder
    reporter.clock_s = plan_of(config).get("clock_s", 0.0)
    checkpoints.sweep(folder)
    complete = folder.complete_checkpoints()
    step = complete[-1][0] if complete and reporter.past.was_greeted else 0
    with reporter.phase("import"):
        pass
    reporter.emit(
        Hello(versions={}, device="cpu", backend="light", gpus=[], processes=1, seed=0, resumed_from=step or None)
    )
    total = config.max_steps or 10
    reporter.emit(
        Plan(
            total_steps=total,
            epochs=1,
            batch_rows=1,
            train_rows=1,
            eval_rows=0,
            rows_left_out=0,
            rows_cut=0,
            trained_tokens=1,
            total_tokens=1,
            trainable_parameters=1,
            total_parameters=1,
            dataset_sha256="0",
        )
    )
    kept = []
    while step < total:
        plan = plan_of(config)
        reporter.clock_s = plan.get("clock_s", 0.0)
        time.sleep(plan.get("step_s", 0.05))
        kept.append(b"x" * plan.get("eat", 0))
        step += 1
        reporter.beat()
        reporter.emit(
            Step(step=step, epoch=0, loss=1 / step, learning_rate=1, grad_norm=1, tokens=0, tokens_per_s=0, step_s=0.05)
        )
        requests = reporter.requests()
        ends = reporter.was_told_to_pause or any(isinstance(one, PauseRequest | StopRequest) for one in requests)
        asked = any(isinstance(one, CheckpointRequest) for one in requests)
        if step % config.save_steps == 0 or step == total or ends or asked:
            save(reporter, config, step, plan.get("checkpoint_bytes", 1000))
        if ends:
            name = f"checkpoints/checkpoint-{step}"
            is_stop = any(isinstance(one, StopRequest) for one in requests)
            reporter.emit((Cancelled if is_stop else Paused)(step=step, checkpoint=name))
            return
    reporter.wait_for_folder()
    folder.adapter.mkdir(exist_ok=True)
    reporter.emit(Finished(step=step, adapter="adapter", seconds=1))


def save(reporter: Reporter, config: RunConfig, step: int, size: int) -> None:
    """Write a checkpoint as the real trainer does: aside, then whole, then thinned out."""
    folder = reporter.folder
    with reporter.phase("save"):
        reporter.wait_for_folder()
        aside = checkpoints.writing_place(folder) / f"checkpoint-{step}"
        try:
            aside.mkdir(parents=True)
            with zipfile.ZipFile(aside / "optimizer.pt", "w") as archive:
                archive.writestr("data", bytes(size))
            (aside / "trainer_state.json").write_text(json.dumps({"global_step": step}))
            checkpoints.complete(folder, step, checkpoints.Note(step=step))
        except OSError:
            checkpoints.sweep(folder)
            raise
        checkpoints.thin_out(folder, config.save_total_limit)
    name = f"checkpoints/checkpoint-{step}"
    reporter.emit(Checkpoint(step=step, folder=name, size_bytes=size, seconds=0.1))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
