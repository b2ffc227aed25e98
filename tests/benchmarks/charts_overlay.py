"""Fifty runs of two thousand points over each other, against pyqtgraph's own curves with the same points.

``python -m tests.benchmarks.charts_overlay [--runs N] [--points N]``: both figures come from this one run. Ours are
smoothed, and the small charts follow; the baseline is one plot with one line a run.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication

from desktop.core.run_log import read_events
from desktop.core.series import Series
from tests.benchmarks.charts_run import write_run
from tests.benchmarks.charts_window import open_window, pump

ROUNDS = 5


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=50)
    words.add_argument("--points", type=int, default=2000)
    asked = words.parse_args()
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        runs: list[tuple[str, str, Series]] = []
        for number in range(asked.runs):
            write_run(base / "events.jsonl", asked.points, seed=number)
            series = Series()
            series.add(read_events(base / "events.jsonl"))
            runs.append((f"run-{number}", f"run {number}", series))
        bench, window = open_window(base)
        curves = window.plots_dock.curves
        window.plots_dock._stack.setCurrentIndex(1)
        window.plots_dock._drawing.setCurrentWidget(curves)
        ours, processor, everything = [], [], []
        for _ in range(ROUNDS):
            run_id, name, series = runs[0]
            curves.show_series(series, run_id=run_id, name=name)
            pump(0.2)
            began, used = time.perf_counter(), time.process_time()
            curves.compare(runs[1:])
            curves.main.plot.viewport().repaint()
            ours.append(time.perf_counter() - began)
            processor.append(time.process_time() - used)
            while not curves.ticks.is_idle:
                pump(0.005)
            everything.append(time.perf_counter() - began)
        charts = len(curves.named_charts())
        pump(0.5)
        plain = plain_plot(runs, curves.main.plot.size())
        assert len(curves.main.data_of(f"smoothed run-{asked.runs - 1}")[0]) == asked.points
        best, base_line = min(ours), min(plain)
        print(
            f"{asked.runs} runs of {asked.points:,} points over each other: large chart "
            f"{statistics.median(ours) * 1000:.0f} ms (best {best * 1000:.0f} ms, {min(processor) * 1000:.0f} ms of "
            f"processor), all {charts} charts {statistics.median(everything) * 1000:.0f} ms without holding up the "
            f"window; one plot of pyqtgraph's own curves: {statistics.median(plain) * 1000:.0f} ms "
            f"(best {base_line * 1000:.0f} ms); ratio {base_line / best:.2f}"
        )
        window.close()
        bench.close()
    del application


def plain_plot(runs: list[tuple[str, str, Series]], size: Any) -> list[float]:
    """Draw the same losses with what pyqtgraph offers."""
    times = []
    for _ in range(ROUNDS):
        widget: Any = pg.PlotWidget()
        widget.resize(size)
        widget.show()
        QApplication.processEvents()
        began = time.perf_counter()
        for _, _, series in runs:
            widget.plot(np.array(series.column("step")), np.array(series.column("loss")), connect="finite")
        widget.viewport().repaint()
        times.append(time.perf_counter() - began)
        widget.close()
    return times


if __name__ == "__main__":
    main()
