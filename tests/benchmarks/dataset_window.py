"""A large file with many bad rows is read in the window: how long its thread is held up, and by which turns of it.

``python -m tests.benchmarks.dataset_window [--megabytes N] [--bad-in 3] [--page problems]``: a file is written, dropped
into the form with the data window open, and read; then its problems are sorted, narrowed, picked and copied. The
baseline is the same window in the same process with nothing to do while as many other processes compute as a scan has
workers: what the machine itself holds up is in both. Beside the time between two beats, which is what somebody who
moves the mouse would wait, stands what is left of it without the time for which the kernel gave the core to others
(Linux counts it): that alone is our doing, be it this thread's or that of another one which keeps the interpreter.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from desktop.core.dataset.scan import WORKERS
from desktop.ui.datasets.problem_model import Column
from desktop.ui.window.main_window import MainWindow
from tests.benchmarks.charts_window import open_window, pump

GOOD = {"question": "How deep is the sea, number {}? " * 20, "answer": "Deep enough. " * 30}
KEEP_BUSY = "import os\nos.nice(5)\nwhile True: sum(range(10**6))"


class Beat(NamedTuple):
    """One turn of the event loop, in ms."""

    waited: float
    ours: float
    """The same without the time in which the thread could have run and other programs did."""
    computed: float
    """What the thread computed in it."""


def write_file(path: Path, megabytes: float, bad_in: int) -> int:
    """Write rows of which one in so many is bad, each time otherwise; return how many there are."""
    good = json.dumps(GOOD)
    bad = [
        '{"question": "Why?", "answer": ""}',
        good[:-1] + ",",
        '{"question": "Why?"}',
        '{"question": "", "answer": "b"}',
        '{"question": ["a"], "answer": "b"}',
        "[1]",
    ]
    rows = size = 0
    with path.open("w") as file:
        while size < megabytes * 1e6:
            rows += 1
            is_bad = bad_in and rows % bad_in == 0
            size += file.write((bad[rows // bad_in % len(bad)] if is_bad else good.replace("{}", str(rows))) + "\n")
    return rows


def beats(until: Callable[[], bool], seconds: float) -> list[Beat]:
    """Return the turns of the event loop until something is so, or so many seconds have gone."""
    found: list[Beat] = []
    began = time.perf_counter()
    while not until() and time.perf_counter() - began < seconds:
        found.append(beat(QApplication.processEvents))
    return found


def beat(work: Callable[[], object]) -> Beat:
    """Do something on this thread, rest for a millisecond, and return how long it took."""
    began, computed, queued = time.perf_counter(), time.thread_time(), queued_ms()
    work()
    computed = time.thread_time() - computed
    time.sleep(0.001)
    waited = (time.perf_counter() - began) * 1e3
    return Beat(waited, waited - (queued_ms() - queued), computed * 1e3)


def queued_ms() -> float:
    """Return for how long this thread has waited for a core so far."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e6
    except (OSError, IndexError):  # no Linux, or one that does not count
        return 0.0


def show(name: str, found: list[Beat]) -> float:
    """Print the longest of some turns; return how long the longest one was our doing."""
    waited, ours, computed = (max(part) for part in zip(*found, strict=True))
    print(f"{name}: longest {waited:.1f} ms, of our doing {ours:.1f} ms, computed in one turn {computed:.1f} ms")
    return ours


def act(window: MainWindow) -> None:
    """Do with the problems what people do."""
    page = window.data.data.problems
    wishes: list[tuple[str, Callable[[], object]]] = [
        *((f"sort by {column.name}", _sort(page, column)) for column in Column),
        ("narrow", lambda: page.kinds.setCurrentIndex(1)),
        ("widen", lambda: page.kinds.setCurrentIndex(0)),
        ("pick all", page.table.selectAll),
        ("copy", page.copy.click),
        *((name, _turn(window, name)) for name in ("findings", "seen", "columns", "problems")),
    ]
    for name, wish in wishes:
        show(f"  {name}", [beat(wish), *beats(lambda: False, 0.3)])


def _sort(page: object, column: Column) -> Callable[[], None]:
    return lambda: page.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)  # type: ignore[attr-defined]


def _turn(window: MainWindow, name: str) -> Callable[[], None]:
    return lambda: window.data.data.open_page(name)


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--megabytes", type=float, default=1000)
    words.add_argument("--bad-in", type=int, default=3, help="one row in so many is bad; 0: none")
    words.add_argument("--page", default="problems", help="the page of the data window that is open; or: none")
    asked = words.parse_args()
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.jsonl"
        rows = write_file(file, asked.megabytes, asked.bad_in)
        print(f"{file.stat().st_size / 1e6:.0f} MB, {rows:,} rows, {rows // asked.bad_in if asked.bad_in else 0:,} bad")
        bench, window = open_window(Path(folder))
        window.views.show("setup")
        if asked.page != "none":
            window.data.data.open_page(asked.page)
        # As the app does.
        gc.freeze()
        pump(1)
        busy = [subprocess.Popen([sys.executable, "-c", KEEP_BUSY]) for _ in range(WORKERS)]
        quiet = show("nothing to do, others compute", beats(lambda: False, 5))
        for one in busy:
            one.kill()
            one.wait()
        scanning = bench.services.data.scanning
        window.config_dock.set_dataset(str(file))
        began = time.perf_counter()
        reading = beats(lambda: scanning.path == file and not scanning.is_running, 600)
        taken = time.perf_counter() - began
        settled = beats(lambda: False, 2)
        assert scanning.report is not None, scanning.error
        print(f"read in {taken:.1f} s: {scanning.report.sentence}")
        reads = show("while it is read", reading[:-1])
        shown = show("the report comes", [reading[-1], *settled])
        if asked.page == "problems" and scanning.report.problems:
            print(f"with {len(scanning.report.problems):,} problems listed:")
            act(window)
        print(f"ratio of the longest times of our doing: {max(reads, shown) / quiet:.1f}")
        window.close()
        bench.close()
    del application


if __name__ == "__main__":
    main()
