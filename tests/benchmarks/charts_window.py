"""A real window over fakes at the doorways, for the programs here that measure it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtWidgets import QApplication

from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import Finished, Launch, RunConfig, RunFolder, write_event


def put_run(home: Path, run_id: str, name: str, write_events: Callable[[Path], None], steps: int | None) -> None:
    """Put a run into a home; with ``steps`` it has finished after so many."""
    files = RunFolder(home / "runs" / run_id)
    files.path.mkdir(parents=True)
    model = home.parent / "models" / "smol-135m"
    files.config.write_text(RunConfig(model=str(model), dataset=str(home.parent / "answers.jsonl")).model_dump_json())
    now = datetime.now(UTC)
    files.launch.write_text(Launch(engine="docker", name=name, created=now, started=now).model_dump_json())
    write_events(files.events)
    if steps is not None:
        with files.events.open("a") as file:
            file.write(write_event(Finished(seq=10**9, step=steps, adapter=None, seconds=1.0)))


def open_window(folder: Path) -> tuple[Bench, MainWindow]:
    """Open the window on a home, at the view where curves are."""
    bench = make_bench(folder)
    window = MainWindow(bench.services)
    window.resize(1920, 1080)
    window.views.show("watch")
    window.show()
    gc.freeze()  # as the app does
    pump(0.5)
    return bench, window


def pump(seconds: float) -> float:
    """Let the window live for a while; return the longest turn of its loop, in seconds."""
    until = time.perf_counter() + seconds
    longest = 0.0
    while (began := time.perf_counter()) < until:
        QApplication.processEvents()
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.001)
    return longest


def wait_drawn(window: MainWindow, points: int, seconds: float = 120.0) -> tuple[float, float]:
    """Wait until so many points are drawn and painted; return how long, and the longest time without the loop."""
    began = last = time.perf_counter()
    longest = 0.0
    chart = window.plots_dock.curves.main
    while len(chart.data_of("raw")[0]) < points or not window.plots_dock.curves.isVisible():
        QApplication.processEvents()
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        assert now - began < seconds, "waited in vain"
        time.sleep(0.0005)
    paint(window)
    return time.perf_counter() - began, max(longest, time.perf_counter() - last)


def paint(window: MainWindow) -> None:
    """Paint every chart now."""
    for _, chart in window.plots_dock.curves.named_charts():
        chart.plot.viewport().repaint()


def memory_mb() -> float:
    """Return the memory of this process that no other shares, and what it shares, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
