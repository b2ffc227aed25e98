"""Lets atheris look for a file that the dataset doctor stumbles over: run by hand, it ends when it has found one.

    pip install atheris
    python tests/fuzz/dataset.py [-max_total_time=600] [FOLDER WITH FILES TO BEGIN WITH]

Beside crashes and hangs it looks for what is worse: rows that are lost, and parts of a file that are read otherwise
than the whole.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["trainer_image.formats", "desktop.core.dataset"]):
    from desktop.core.dataset.counts import Counts, TallyOptions
    from desktop.core.dataset.reading import look, tally_lines, tally_rows
    from desktop.errors import AppError
    from trainer_image.formats import ReadOptions

OPTIONS = TallyOptions()
ENDINGS = (".jsonl", ".json", ".csv", ".txt", "")


def _end(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _whole(counts: Counts) -> tuple[object, ...]:
    assert counts.good + counts.left_out + counts.problem_counts.total() == counts.rows
    return counts.rows, counts.good, counts.problem_counts, counts.problems, counts.survey.votes


def examine(data: bytes) -> None:
    """Read one file in both ways."""
    choice = atheris.FuzzedDataProvider(data)
    ending = choice.PickValueInList(list(ENDINGS))
    cut = choice.ConsumeIntInRange(1, 4000)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / f"rows{ending}", Path(folder) / "out.npy"
        path.write_bytes(choice.ConsumeBytes(len(data)))
        try:
            seen = _end(look(path, ReadOptions(), None, None, None))
            strict = _whole(_end(tally_rows(path, seen.read, seen.guess, OPTIONS, out))[0])
        except AppError:
            return
        if seen.begin is None:
            return
        middle, size = min(seen.begin + cut, path.stat().st_size), path.stat().st_size
        counts, _ = _end(tally_lines(path, seen.begin, middle, True, seen, OPTIONS, out))
        behind, _ = _end(tally_lines(path, middle, size, False, seen, OPTIONS, out))
        counts.add(behind, OPTIONS.kept)
        assert _whole(counts) == strict


if __name__ == "__main__":
    atheris.Setup(sys.argv, examine)
    atheris.Fuzz()
