"""An app starts while a run of 300,000 steps is at work: how long the window's thread is kept from everything else.

``python -m tests.benchmarks.charts_open_live [--steps N]``: told is how long taking in the runs keeps that thread, and
its longest piece of work after that in processor time, so that other programs do not count. The baseline is the same
app on the same run, read by that thread itself, as words in a terminal read it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QAbstractEventDispatcher
from PySide6.QtWidgets import QApplication

from desktop.body import Body
from desktop.core.curves import NAME
from tests.benchmarks.charts_run import write_run
from tests.benchmarks.charts_window import open_window, pump, put_run

RUN = "20260101-000000-live"
LIMIT_S = 300.0


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--steps", type=int, default=300_000)
    asked = words.parse_args()
    application = QApplication([])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put_run(folder / "home", RUN, "long", lambda path: write_run(path, asked.steps), None)
        begin(folder, asked.steps, in_this_thread=True)  # the catalogue learns of it
        for what, is_kept in (("never read", False), ("read before", True)):
            found = []
            for in_this_thread in (True, False):
                if not is_kept:
                    (folder / "home" / "runs" / RUN / NAME).unlink()
                found.append(begin(folder, asked.steps, in_this_thread=in_this_thread))
            (baseline, longest_before), (kept, longest) = found
            print(
                f"{asked.steps:,} steps, {what}: kept for {kept * 1000:.0f} ms, by the thread itself "
                f"{baseline * 1000:.0f} ms, ratio {kept / baseline:.3f}; longest piece of work after that "
                f"{longest * 1000:.0f} ms, by the thread itself {longest_before * 1000:.0f} ms"
            )
    del application


def begin(folder: Path, steps: int, *, in_this_thread: bool) -> tuple[float, float]:
    """Open an app until the whole run is drawn; return how long taking in took, and the longest piece of work, in s."""
    bench, window = open_window(folder)
    bench.engine.bodies[RUN] = Body("running", handle="1")
    pump(0.5)
    began = time.perf_counter()
    bench.services.runs.load(aside=not in_this_thread)
    kept = time.perf_counter() - began
    turns = Turns()
    window.selection.select(RUN)
    turns.note()
    chart, until = window.plots_dock.curves.main, time.monotonic() + LIMIT_S
    while len(chart.data_of("raw")[0]) < steps:
        QApplication.processEvents()
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.0005)
    pump(1.5)
    longest = turns.close()
    window.close()
    bench.close()
    return kept, longest


class Turns:
    """The longest stretch of processor time between two rests of the loop."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._began = time.thread_time()
        self._dispatcher = QAbstractEventDispatcher.instance()
        self._dispatcher.awake.connect(self.note)

    def note(self) -> None:
        now = time.thread_time()
        self.longest, self._began = max(self.longest, now - self._began), now

    def close(self) -> float:
        self.note()
        self._dispatcher.awake.disconnect(self.note)
        return self.longest


if __name__ == "__main__":
    main()
