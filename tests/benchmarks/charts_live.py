"""Four live runs at 200 events a second each, with their logs pouring: how long the window's thread is held up.

``python -m tests.benchmarks.charts_live [--seconds N] [--runs N] [--rate N]``: the baseline is the same window in the
same process before anything is live. A heartbeat asks for its turn every millisecond; the time between two beats is
what somebody who moves the mouse would wait.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QEventLoop, Qt, QTimer
from PySide6.QtWidgets import QApplication

from tests.benchmarks.charts_window import memory_mb, open_window, pump
from trainer_image.contract import RunConfig

WRITER = """
import random, sys, time
from datetime import UTC, datetime
from tests.benchmarks.charts_run import step_line
rate, folders = int(sys.argv[1]), sys.argv[2:]
dice, began, said = random.Random(1), time.monotonic(), 0
files = [(open(f + "/events.jsonl", "a"), open(f + "/train.log", "a")) for f in folders]
while True:
    due = int((time.monotonic() - began) * rate)
    for events, log in files:
        for step in range(said + 1, due + 1):
            events.write(step_line(step + 10, step, 1 + dice.random(), datetime.now(UTC), dice))
            log.write(f"{{'loss': {dice.random():.4f}, 'step': {step}, 'note': 'a line as trainers print them'}}\\n")
        events.flush(); log.flush()
    said = max(said, due)
    time.sleep(0.02)
"""


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=30)
    words.add_argument("--runs", type=int, default=4)
    words.add_argument("--rate", type=int, default=200)
    asked = words.parse_args()
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        bench, window = open_window(Path(folder))
        bench.services.runs.load()
        pump(1)
        quiet = beats(min(10.0, asked.seconds))
        config = RunConfig(model=str(bench.model), dataset=str(bench.dataset))
        runs = bench.services.runs
        ids = [runs.start(config, name=f"run {n}", engine="docker") for n in range(asked.runs)]
        for run_id in ids:
            bench.trainer(run_id).hello()
            bench.trainer(run_id).plan(10**6)
        window.selection.select(ids[0])
        folders = [str(bench.home.runs / run_id) for run_id in ids]
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(asked.rate), *folders])
        pump(3)
        used = time.process_time()
        live = beats(asked.seconds)
        used = (time.process_time() - used) / asked.seconds
        steps = sum(len(runs.series(run_id)) for run_id in ids)
        writer.kill()
        writer.wait()
        print(f"{asked.runs} live runs, {asked.rate} events/s each: {steps:,} steps taken in, {used:.0%} of a core")
        for name, gaps in (("nothing live", quiet), ("live", live)):
            print(
                f"{name}: between two beats 50 % {part(gaps, 0.5):.1f} ms, 99 % {part(gaps, 0.99):.1f} ms, "
                f"99.9 % {part(gaps, 0.999):.1f} ms, longest {gaps[-1]:.1f} ms"
            )
        print(f"ratio at 99.9 %: {part(live, 0.999) / part(quiet, 0.999):.1f}; memory of the app: {memory_mb():.0f} MB")
        window.close()
        bench.close()
    del application


def beats(seconds: float) -> list[float]:
    """Return the times between two turns of the window's thread, in ms, sorted."""
    gaps: list[float] = []
    clock, loop = QElapsedTimer(), QEventLoop()
    clock.start()

    def beat() -> None:
        gaps.append(clock.nsecsElapsed() / 1e6)
        clock.restart()

    heart = QTimer(interval=1)
    heart.setTimerType(Qt.TimerType.PreciseTimer)
    heart.timeout.connect(beat)
    heart.start()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()
    heart.stop()
    return sorted(gaps)


def part(gaps: list[float], share: float) -> float:
    return gaps[min(len(gaps) - 1, int(len(gaps) * share))]


if __name__ == "__main__":
    main()
