"""Run one fine-tune, plain or ours, in a process of its own, and say what it did."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]


@dataclass(frozen=True)
class Result:
    """What one fine-tune did; ``peak_bytes`` is what the allocator held at most on the first card."""

    tokens_per_s: float
    peak_bytes: int
    first_step_s: float
    parts_s: dict[str, float] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Place:
    """Where the benchmark works."""

    folder: Path
    model: Path
    full: Path
    """Rows longer than any length that is measured."""
    short: Path
    """Rows of GSM8K's lengths."""


def full_rows(path: Path, count: int, words: int) -> Path:
    """Write rows of random words, each longer than the longest sequence."""
    if not path.is_file():
        dice = random.Random(0)
        stock = (HERE / "plain.py").read_text().split() + (HERE / "cases.py").read_text().split()
        with path.open("w") as file:
            for _ in range(count):
                text = " ".join(dice.choices(stock, k=words))
                file.write(json.dumps({"question": "Go on.", "answer": text}) + "\n")
    return path


def plain(place: Place, library: str, rows: Path, processes: int = 1, card: int = 0, **asked: Any) -> Result:
    """Run a baseline."""
    asked = {"library": library, "model": str(place.model), "rows": str(rows), "output": "/tmp/plain", **asked}
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(launcher if processes > 1 else []), str(HERE / "plain.py"), json.dumps(asked)]
    hidden = {} if processes > 1 else {"CUDA_VISIBLE_DEVICES": str(card)}
    environment = {**os.environ, **hidden, "HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
    done = subprocess.run(command, env=environment, cwd=place.folder, text=True, capture_output=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"tokens_per_s"')]
    if not lines:
        return Result(0.0, 0, 0.0, note=(done.stderr.strip().splitlines() or ["no output"])[-1][:160])
    return Result(**json.loads(lines[-1]))


def ours(
    place: Place,
    rows: Path,
    cards: Sequence[int] = (0,),
    warmup: int = 5,
    split: str = "",
    variables: Mapping[str, str] | None = None,
    **knobs: Any,
) -> Result:
    """Run Tunedeck's trainer on a run folder, as the app does; ``split`` forces one way to split a model."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=place.folder))
    # A method that learns from something else than answers refuses to be told which of them count.
    learns_from = {"loss_on": "everything"} if knobs.get("method", "sft") == "sft" else {}
    config = {
        "model": str(place.model),
        "dataset": str(rows),
        **learns_from,
        "eval_split_size": 0,
        "gradient_accumulation_steps": 1,
        "save_steps": 100_000,
        "offline": True,
        **knobs,
    }
    if "short" in rows.name:
        config["loss_on"] = "answers"
    (folder / "config.json").write_text(json.dumps(config))
    environment = {**os.environ, **(variables or {})}
    before = (variables or {}).get("PYTHONPATH", "").split(":")
    path = [*before, str(PROJECT), *os.environ.get("PYTHONPATH", "").split(":")]
    environment["PYTHONPATH"] = ":".join(part for part in path if part)
    environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, cards))
    words = ["-m", "trainer_image.start"]
    if split:
        force = f"p.SPLITS = dict.fromkeys(p.SPLITS, ({split!r},))"
        begin = "import sys; from trainer_image.start import main; sys.exit(main(sys.argv[1:]))"
        words = ["-c", f"import trainer_image.fitting.placement as p; {force}; {begin}"]
    began = time.time()
    with (folder / "train.log").open("ab") as log:
        subprocess.run(
            [sys.executable, *words, str(folder)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            check=False,
        )
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    steps = [event for event in events if event["kind"] == "step"]
    if len(steps) <= warmup:
        ends = [event.get("sentence", "") for event in events if event["kind"] in ("failed", "out_of_memory")]
        return Result(0.0, 0, 0.0, note=" ".join(ends)[:300] or (folder / "train.log").read_text()[-300:])
    counted = steps[warmup:]
    tokens = counted[-1]["tokens"] - steps[warmup - 1]["tokens"]
    first = datetime.fromisoformat(steps[0]["time"]).timestamp() - began
    parts = {event["name"]: event["seconds"] for event in events if event["kind"] == "phase" and event["seconds"]}
    notes = [event["sentence"] for event in events if event["kind"] in ("batch", "out_of_memory")]
    return Result(
        tokens / sum(step["step_s"] for step in counted),
        max((peak for step in steps for peak in step["gpu_peak_bytes"]), default=0),
        first,
        {name: round(value, 2) for name, value in parts.items() if name != "train"},
        [step["loss"] for step in steps],
        " ".join(notes),
    )


def show(name: str, result: Result, baseline: Result | None = None) -> None:
    """Print one line of the table."""
    if not result.tokens_per_s:
        print(f"{name:58} failed: {result.note}", flush=True)
        return
    ratio = f"{result.tokens_per_s / baseline.tokens_per_s:6.2f} x" if baseline and baseline.tokens_per_s else " " * 8
    print(
        f"{name:58} {result.tokens_per_s:9,.0f} tokens/s {ratio}  {result.peak_bytes / 2**30:6.2f} GiB"
        f"  first step {result.first_step_s:5.1f} s  {result.parts_s} {result.note}",
        flush=True,
    )
