"""Which lines of a log are errors and warnings, above all the last words of a process that was ended."""

from __future__ import annotations

import numpy as np
import pytest

from desktop.core.log_levels import Level, level_of, look_through

ERRORS = (
    "Segmentation fault (core dumped)",
    "./start.sh: line 3:   481 Segmentation fault      (core dumped) python -m trainer_image.start",
    "Aborted (core dumped)",
    "Bus error",
    "Killed",
    "run.sh: line 12: 77 Killed python train.py",
    "Fatal Python error: Segmentation fault",
    "terminate called after throwing an instance of 'c10::Error'",
    "CUDA out of memory. Tried to allocate 2.00 GiB.",
    "[12.5] Out of memory: Killed process 4242 (python)",
    "E1122 03:00:00.123456 4242 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: -9)",
    "[E1122 03:00:00.123 ProcessGroupNCCL.cpp:607] [Rank 0] Watchdog caught a collective operation timeout",
    "[rank1]:[E1122 03:00:00.123 ProcessGroupNCCL.cpp:607] Some NCCL operations have failed",
    "F0203 03:00:00.1 file.cc:12] Check failed",
)
WARNINGS = ("W1122 03:00:00.123 4242 torch/run.py:793] Setting OMP_NUM_THREADS", "[W0901 03:00:00.1 a.cpp:3] slow")
PLAIN = (
    "Killed in action, he was remembered",
    "Aborted landings are safer",
    "E1122 is the number of the part",
    "Q: what runs out of memory first?",
    "loss 1.2 E1122 03",
    "{'loss': 2.1, 'learning_rate': 2e-4}",
)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        *((line, Level.ERROR) for line in ERRORS),
        *((line, Level.WARNING) for line in WARNINGS),
        *((line, Level.INFO) for line in PLAIN),
    ],
)
def test_a_line_is_what_it_says(line: str, level: Level) -> None:
    assert level_of(line.encode()) is level


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_each_of_them_is_found_among_others(end: str) -> None:
    lines = [word for line in (*ERRORS, *WARNINGS) for word in (line, PLAIN[-1])] + ["Killed", "Killed"]
    data = "".join(line + end for line in lines).encode()
    lengths = [len((line + end).encode()) for line in lines]
    found = look_through(data, np.cumsum(lengths, dtype=np.int64))
    levels = dict(found.levels)
    wanted = {number: level_of(line.encode()) for number, line in enumerate(lines)}
    assert levels == {number: level for number, level in wanted.items() if level is not Level.INFO}
    assert len(levels) == len(ERRORS) + len(WARNINGS) + 2


def test_a_line_that_is_still_being_written_is_none_yet() -> None:
    assert look_through(b"Killed", np.empty(0, np.int64)).levels == []
    assert look_through(b"fine\nKilled", np.array([5], np.int64)).levels == []
