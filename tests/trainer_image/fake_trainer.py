"""A trainer without torch: it does what the run folder's ``plan.json`` says for each start, and ends in that way.

A plan is one list of words for each start; the last one holds for all that follow.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path

from trainer_image.configs import adjusted, read_adjustments, read_config
from trainer_image.contract import COMPLETE, Finished, Hello, Paused, RunFolder, Step
from trainer_image.errors import TrainerError
from trainer_image.launching import ready
from trainer_image.reporter import Reporter


class OutOfMemoryError(RuntimeError):
    """Bears the name of torch's own."""


def main(path: Path) -> int:
    folder, rank = RunFolder(path), int(os.environ.get("RANK", "0"))
    ready.import_everything = lambda name: imports(folder, name)
    ready.stand_by(folder)
    reporter = Reporter(folder, rank)
    reporter.listen_to_signals()
    reporter.take_over_output()
    with reporter.telling_failure():
        work(reporter)
    return 0


def imports(folder: RunFolder, name: str) -> None:
    """Stand for the imports: note who made them, and die of them where the test wants it."""
    (folder.path / f"imported.{os.environ.get('RANK', '0')}").write_text(f"{os.getpid()} {name}")
    if (folder.path / "imports fail").exists():
        raise ImportError("No module named torch")


def work(reporter: Reporter) -> None:
    folder, rank = reporter.folder, reporter.rank
    config = adjusted(read_config(folder), read_adjustments(folder))
    tries = folder.path / f"tries.{rank}"
    number = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(number + 1))
    (folder.path / f"process.{rank}").write_text(str(os.getpid()))
    (folder.path / f"environment.{rank}.json").write_text(json.dumps(dict(os.environ)))
    plans = json.loads((folder.path / "plan.json").read_text())
    plan = plans[min(number, len(plans) - 1)]
    if isinstance(plan, dict):
        plan = plan.get(str(rank), ["finish"])
    step, rows = 0, config.per_device_train_batch_size
    reporter.emit(Hello(versions={}, device="cpu", backend=f"fake x{rows}", gpus=[], processes=1, seed=0))
    for word in plan:
        if word == "step":
            step += 1
            reporter.beat()
            reporter.emit(
                Step(step=step, epoch=0, loss=1, learning_rate=1, grad_norm=1, tokens=0, tokens_per_s=0, step_s=0)
            )
        elif word == "memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        elif word == "memory of the answers":
            _generate_single_turn()
        elif word == "pull the card":
            (folder.path / "driver" / "cards.txt").write_text("gone")
        elif word == "disk":
            raise OSError(errno.ENOSPC, "No space left on device", "optimizer.pt")
        elif word == "diverge":
            raise TrainerError("diverged", "The loss explodes.", "Lower the learning rate.")
        elif word == "save":
            checkpoint = folder.checkpoint(step)
            checkpoint.mkdir(parents=True)
            (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
            (checkpoint / COMPLETE).write_text(json.dumps({"step": step}))
        elif word == "bad data":
            raise TrainerError("bad_data", "Row 7 is bad.", "Mend it.")
        elif word == "connection":
            raise RuntimeError("Connection closed by peer")
        elif word == "vanish":
            print("Fatal error in a library", flush=True)
            os._exit(3)
        elif word == "leave":
            os._exit(0)
        elif word == "watchdog":
            print(
                "[rank0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7)", file=sys.stderr, flush=True
            )
            os.abort()
        elif word == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif word == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "wait for the others":
            time.sleep(0.7)
        elif word == "hang":
            hang()
        elif word == "pause":
            while not reporter.was_told_to_pause:
                time.sleep(0.01)
            (folder.path / f"paused.{rank}").touch()
            reporter.emit(Paused(step=step, checkpoint="checkpoints/checkpoint-1"))
            return
        elif word == "finish":
            reporter.emit(Finished(step=step, adapter=None, seconds=1))


def _generate_single_turn() -> None:
    """Bears the name of TRL's own."""
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def hang() -> None:
    time.sleep(60)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
