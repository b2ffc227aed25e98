"""Checks a large dataset file, and has ``datasets.load_dataset`` merely load it: time, ratio and memory of each.

    python -m tests.benchmarks.dataset_check FILE.jsonl [--python PYTHON_WITH_DATASETS] [--rounds 2] [--near]

The two take turns, so that both meet the same machine. Memory is the peak of all processes of each together, pages that
they share counted once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from desktop.core.dataset import native
from desktop.core.dataset.report import ScanOptions
from desktop.core.dataset.scan import scan

LOAD = """
import sys, time
from datasets import load_dataset
began = time.monotonic()
rows = load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2]).num_rows
print(rows, time.monotonic() - began)
"""


@dataclass
class Measured:
    """One run: rows, seconds, peak memory, and processor seconds."""

    rows: int = 0
    seconds: float = 0.0
    peak: int = 0
    processor: float = 0.0


@contextmanager
def watched(measured: Measured, process: Callable[[], psutil.Process]) -> Iterator[None]:
    """Note the peak of what a process and those it has started use together."""
    ended = threading.Event()

    def watch() -> None:
        used: dict[int, float] = {}
        while not ended.wait(0.25):
            with suppress(psutil.Error):
                family = [process(), *process().children(recursive=True)]
                measured.peak = max(measured.peak, _memory(family))
                for one in family:
                    with suppress(psutil.Error):
                        times = one.cpu_times()
                        used[one.pid] = times.user + times.system
        measured.processor = sum(used.values())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _memory(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def check(file: Path, near: bool | None) -> Measured:
    """Check the file as the window does; our own process counts too, as the window's would."""
    measured = Measured()
    with watched(measured, psutil.Process):
        report = scan(file, ScanOptions(near=near))
    measured.rows, measured.seconds = report.rows_total, report.seconds
    print(f"  {report.outcome}: {report.sentence}")
    print(f"  {report.duplicates.exact:,} exact copies, {report.duplicates.near:,} near ones")
    return measured


def load(file: Path, python: str) -> Measured:
    """Load the file with datasets, without its imports, into a cache that is thrown away."""
    measured = Measured()
    with tempfile.TemporaryDirectory(dir=file.parent) as cache:
        environment = os.environ | {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
        command = [python, "-c", LOAD, str(file), cache]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        with watched(measured, lambda: psutil.Process(running.pid)):
            said, _ = running.communicate()
    if running.returncode:
        sys.exit(f"{python} has no datasets in it, or they cannot load {file.name}.")
    rows, seconds = said.decode().split()
    measured.rows, measured.seconds = int(rows), float(seconds)
    return measured


def command(file: Path, near: bool | None) -> float:
    """Return the seconds that ``tunedeck data check`` takes, from its start to its end."""
    words = [] if near is None else ["--near" if near else "--no-near"]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "desktop", "data", "check", str(file), "--json", *words], capture_output=True)
    return time.monotonic() - began


def show(name: str, measured: Measured) -> None:
    print(
        f"{name}: {measured.seconds:.2f} s, {measured.processor:.1f} s of processors, "
        f"peak {measured.peak / 1e6:.0f} MB, {measured.rows:,} rows"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--python", default=sys.executable, help="a Python that has datasets")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--near", action=argparse.BooleanOptionalAction)
    arguments = parser.parse_args()
    ours, theirs = list[float](), list[float]()
    for _ in range(arguments.rounds):
        loaded = load(arguments.file, arguments.python)
        show("load_dataset merely loads", loaded)
        began = time.monotonic()
        checked = check(arguments.file, arguments.near)
        show("the doctor checks", checked)
        theirs.append(loaded.seconds)
        ours.append(time.monotonic() - began)
        print(f"as a command, with the start of its Python: {command(arguments.file, arguments.near):.2f} s")
    print(
        f"lines were taken apart by {'lines.c' if native.take_apart(b'{}', 2) else 'numpy, as lines.c was not built'}"
    )
    print(f"the doctor takes {min(ours) / min(theirs):.2f} of the time ({min(theirs) / min(ours):.2f} times as fast)")


if __name__ == "__main__":
    main()
