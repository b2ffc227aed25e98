"""A run of a million steps opened, drawn, zoomed and pushed, against TensorBoard's loader and pyqtgraph's own curves.

``python -m tests.benchmarks.charts_open_million [--steps N] [--tensorboard PYTHON]``: PYTHON is that of an environment
with tensorboard in it (``python -m venv tb && tb/bin/pip install tensorboard``); without it that baseline is left out.
Every figure and its baseline come from this one run. Cold: nothing but events.jsonl, never opened before; warm: opened
for the second time, by another process of the app's life, so with the curves kept beside the events.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication

from desktop.core import folders
from desktop.core.run import RunState
from desktop.ui.charts.x_axis import FOLLOW_MS
from desktop.ui.window.main_window import MainWindow
from tests.benchmarks.charts_run import write_run
from tests.benchmarks.charts_window import memory_mb, open_window, pump, put_run, wait_drawn

FRAMES = 120
RUN = "20260101-000000-aaaa"
TENSORBOARD = """
import json, sys, time, glob, os
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
source, folder = sys.argv[1:3]
names = ("loss", "learning_rate", "grad_norm", "tokens_per_s", "tokens")
with open(os.path.join(folder, "events.out.tfevents.1.x"), "wb") as file:
    writer = RecordWriter(file)
    writer.write(event_pb2.Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
    for line in open(source):
        if '"kind":"step"' not in line: continue
        step = json.loads(line)
        values = [summary_pb2.Summary.Value(tag=n, simple_value=step[n]) for n in names if step[n] is not None]
        values.append(summary_pb2.Summary.Value(tag="accuracy", simple_value=step["metrics"]["mean_token_accuracy"]))
        event = event_pb2.Event(wall_time=1.0, step=step["step"], summary=summary_pb2.Summary(value=values))
        writer.write(event.SerializeToString())
from tensorboard.backend.event_processing import event_accumulator, event_file_loader
began = time.perf_counter()
path = glob.glob(folder + "/events.out*")[0]
count = sum(1 for _ in event_file_loader.EventFileLoader(path).Load())
loaded = time.perf_counter() - began
began = time.perf_counter()
known = event_accumulator.EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
known.Reload()
print(json.dumps({"loader": loaded, "accumulator": time.perf_counter() - began, "events": count}))
"""


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--steps", type=int, default=1_000_000)
    words.add_argument("--tensorboard", help="a Python that has tensorboard")
    asked = words.parse_args()
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        put_run(base / "home", RUN, "long", lambda path: write_run(path, asked.steps), asked.steps)
        events = base / "home" / "runs" / RUN / "events.jsonl"
        print(f"{asked.steps:,} steps, {events.stat().st_size / 1e6:.0f} MB of events")
        plain = read_with_tensorboard(asked.tensorboard, events) if asked.tensorboard else None
        open_it(base, "cold", asked.steps, plain)
        window = open_it(base, "warm", asked.steps, plain)
        assert window is not None
        frames_of(window, asked.steps)
        print(f"memory of the app with it open: {memory_mb():.0f} MB")
    del application


def read_with_tensorboard(python: str, events: Path) -> dict[str, float]:
    """Let TensorBoard load the same numbers from its own file."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [python, "-c", TENSORBOARD, str(events), folder], capture_output=True, text=True, check=True
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"TensorBoard: event-file loader {found['loader']:.2f} s, EventAccumulator {found['accumulator']:.2f} s")
    return found


def open_it(base: Path, how: str, steps: int, plain: dict[str, float] | None) -> MainWindow | None:
    """Open the app's window on a home with the run in it, look at the run, and wait until it is painted."""
    bench, window = open_window(base)
    run = folders.read_run(base / "home" / "runs" / RUN) if how == "cold" else None
    if run is not None:  # as the catalogue has it since the run has ended
        bench.store.save_run(replace(run, state=RunState.FINISHED, ended=run.created))
    before = memory_mb()
    used = time.process_time()
    began = time.perf_counter()
    bench.services.runs.load()
    loaded = time.perf_counter() - began
    window.selection.select(RUN)
    seconds, gap = wait_drawn(window, steps)
    seconds += loaded
    ratio = f", {plain['loader'] / seconds:.1f} times as fast as the event-file loader" if plain else ""
    print(
        f"{how}: opened and drawn in {seconds:.2f} s{ratio}; longest time without the loop "
        f"{max(gap, loaded) * 1000:.0f} ms; {time.process_time() - used:.2f} s of this process's processor time, load "
        f"{os.getloadavg()[0]:.1f}; memory +{memory_mb() - before:.0f} MB"
    )
    if how == "cold":
        window.close()
        bench.close()
        del window, bench
        gc.collect()  # here, not in one of the threads that read
        return None
    return window


def frames_of(window: MainWindow, steps: int) -> None:
    """Zoom and push through the whole run, and the same with pyqtgraph's own curves."""
    curves = window.plots_dock.curves
    rng = np.random.default_rng(0)
    pump(1.0)  # what the small charts need is still worked out
    ours, turns = [], []
    for frame in range(FRAMES):
        left, right = place(frame, steps, rng)
        began = time.perf_counter()
        curves.main.look_at(left, right)
        curves.main.plot.viewport().repaint()
        ours.append(time.perf_counter() - began)
        turns.append(pump(2 * FOLLOW_MS / 1000 if frame % 3 == 0 else 0.002))  # the other charts follow in between
    x, y = curves.main.data_of("raw")
    smoothed = curves.main.data_of("smoothed")[1]
    plain = []
    widget: Any = pg.PlotWidget()
    item = widget.getPlotItem()
    item.setDownsampling(auto=True, mode="peak")
    item.setClipToView(True)
    for values in (y, smoothed):
        widget.plot(x, values, connect="finite")
    widget.resize(curves.main.plot.size())
    widget.show()
    QApplication.processEvents()
    for frame in range(0, FRAMES, 4):
        left, right = place(frame, steps, rng)
        began = time.perf_counter()
        item.setXRange(left, right, padding=0)
        widget.viewport().repaint()
        plain.append(time.perf_counter() - began)
    for name, times in (("ours", ours), ("pyqtgraph's own", plain)):
        times.sort()
        worst = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(
            f"zoom and push, {name}: {statistics.median(times) * 1000:.1f} ms a frame, "
            f"99th percentile {worst * 1000:.1f} ms ({1 / worst:.0f} frames/s)"
        )
    turns.sort()
    print(
        f"zoom and push: while the other charts follow, the longest turn of the loop is "
        f"{turns[-1] * 1000:.1f} ms, the 99th percentile {turns[int(len(turns) * 0.99)] * 1000:.1f} ms"
    )
    print(f"zoom and push: {statistics.median(plain) / statistics.median(ours):.1f} times as fast")


def place(frame: int, steps: int, rng: np.random.Generator) -> tuple[float, float]:
    """Go in, along and out again."""
    share = 0.5 ** (8 * abs(np.sin(frame / 19)))
    left = float(rng.uniform(0, 1 - share)) * steps if frame % 3 == 0 else (1 - share) / 2 * steps
    return left, left + share * steps


if __name__ == "__main__":
    main()
