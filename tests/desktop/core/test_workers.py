"""Two worker processes that share a start: they do their work, end together, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from desktop.core.dataset.report import Cancelled
from desktop.core.dataset.scan import scan
from desktop.workers import Crew, WorkerLost
from trainer_image.formats import ReadOptions

MODULE = "desktop.core.dataset.reading"
PROJECT = Path(__file__).resolve().parents[3]
ENCODINGS = ["utf-8", "utf-16", "cp1252", "utf-8-sig"] * 3
WAIT_S = 60.0
HELD_UP = """
import os
import time
from concurrent.futures import ThreadPoolExecutor

def work():
    with ThreadPoolExecutor(1) as lane:
        lane.submit(time.sleep, 3600)
        while True:
            yield os.getpid()
            time.sleep(0.01)
"""
APP = """
import os
from desktop.workers import Worker, twins

workers = {workers}
print(*[next(worker.stream("held_up:work")) for worker in workers], flush=True)
os._exit(0)
"""


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def family() -> set[int]:
    """Return the processes that this one has started, and those that they have."""
    return {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture
def started() -> Iterator[Callable[[], set[int]]]:
    """Tell which processes have come since the test began; in the end they have all gone."""
    before = family()
    yield lambda: family() - before
    assert family() <= before


@pytest.fixture
def tasks(tmp_path: Path) -> list[tuple[Any, ...]]:
    """Return tasks to which the answers are the encodings."""
    files = [tmp_path / f"{number}.txt" for number in range(len(ENCODINGS))]
    for file, encoding in zip(files, ENCODINGS, strict=True):
        file.write_text("Größe und Länge, déjà vu.\n" * 9, encoding)
    return [(f"{MODULE}:encoding_of", file, ReadOptions()) for file in files]


def answers(crew: Crew, tasks: list[tuple[Any, ...]]) -> list[Any]:
    heard: dict[int, Any] = {}
    crew.run(tasks, lambda number, word, value: heard.update({number: value} if word == "result" else {}))
    return [heard[number] for number in range(len(tasks))]


@pytest.mark.parametrize("size", [1, 2])
def test_a_crew_does_every_task(size: int, tasks: list[tuple[Any, ...]], started: Callable[[], set[int]]) -> None:
    with Crew(size, MODULE) as crew:
        assert [answers(crew, tasks) for _ in range(2)] == [ENCODINGS] * 2
        assert len(started()) == size


def test_what_lies_in_the_folder_is_not_run(
    tasks: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Callable[[], set[int]]
) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit\n", "utf-8")
    (tmp_path / "desktop.py").write_text("raise SystemExit\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    with Crew(1, MODULE) as crew:
        assert answers(crew, tasks) == ENCODINGS


def test_a_crew_that_had_nothing_to_do_ends(started: Callable[[], set[int]]) -> None:
    with Crew(2, MODULE):
        assert started()


@pytest.mark.parametrize("which", [min, max])
def test_it_is_noticed_when_either_is_lost(
    which: Callable[[set[int]], int], tasks: list[tuple[Any, ...]], started: Callable[[], set[int]]
) -> None:
    with Crew(2, MODULE) as crew:
        wait_until(lambda: len(started()) == 2)
        os.kill(which(started()), signal.SIGKILL)
        with pytest.raises(WorkerLost):
            # The other one may do some of them before this one is asked for anything.
            answers(crew, tasks * 100)


def test_a_scan_that_is_stopped_leaves_no_process(tmp_path: Path, started: Callable[[], set[int]]) -> None:
    file = tmp_path / "rows.jsonl"
    # Each of these rows has to be read by itself, so it takes its time.
    file.write_text("".join(f'{{"prompt": "{n}", "completion": "{n}", "n": [{n}]}}\n' for n in range(150_000)), "utf-8")
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        scan(file, is_cancelled=lambda: len(started()) == 2 and next(asked) > 2)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may be there to see an orphan off
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("workers", ["[Worker()]", "twins('held_up')"])
def test_an_app_that_is_gone_leaves_no_process(workers: str, tmp_path: Path) -> None:
    (tmp_path / "held_up.py").write_text(HELD_UP, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    app = [sys.executable, "-c", APP.format(workers=workers)]
    # Its workers have its stderr, and would hold up a pipe.
    said = subprocess.run(app, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, check=True, timeout=WAIT_S).stdout
    left = [int(word) for word in said.split()]
    assert len(left) == (1 if workers == "[Worker()]" else 2)
    try:
        wait_until(lambda: all(map(has_ended, left)))
    finally:
        for pid in left:
            if not has_ended(pid):
                os.kill(pid, signal.SIGKILL)
