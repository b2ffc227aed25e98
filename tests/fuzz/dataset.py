"""Lets atheris look for a file that the dataset doctor stumbles over: run by hand, it ends when it has found one.

    python3 -m venv FOLDER && FOLDER/bin/pip install atheris numpy pyarrow pydantic   # as pyproject.toml pins them
    FOLDER/bin/python -m tests.fuzz.dataset [-max_total_time=360] [FOLDER THAT KEEPS WHAT IT HAS TRIED]
    FOLDER/bin/python -m tests.fuzz.dataset --again FILE_OR_FOLDER...                 # what was found, once more

Every input is a file: its bytes as they are, packed, in another encoding, or rows of a known shape with damage, as
lines, array, table or Parquet. Beside crashes and hangs it looks for what is worse: rows that are lost, numbers of rows
that lead elsewhere, and the same file reported otherwise when it is read in parts, strictly, or by numpy.
"""

from __future__ import annotations

import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["trainer_image.formats", "desktop.core.dataset"]):
    from desktop.core.dataset import native, reading, scan
    from desktop.core.dataset.bad_place import bad_spans
    from desktop.core.dataset.report import Report, ScanOptions
    from desktop.core.dataset.report_json import as_json
    from desktop.core.dataset.row_access import rows_at, sample_rows
    from desktop.core.dataset.source_lines import find_row, lines_around
    from desktop.errors import AppError
    from trainer_image.formats import KINDS
from tests.fuzz.dataset_files import file_of, write_dictionary, write_seeds

SECONDS = 8.0
"""So much of a processor a file of this size may take, as slow as code is that is being watched."""
OUTCOMES = ("accept", "warn", "ask", "reject")


class Here:
    """Does what worker processes do, in this one, which is watched; all that they say is sent as to another."""

    def __init__(self, size: int, _module: str) -> None:
        self.size = size

    def run(
        self,
        tasks: list[tuple[Any, ...]],
        heard: Callable[[int, str, Any], None],
        every: float = 0.1,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        for number, (task, *arguments) in enumerate(tasks):
            tick()
            module, _, name = task.partition(":")
            running = getattr(import_module(module), name)(*_sent(arguments))
            word = "said"
            while word == "said":
                try:
                    value = next(running)
                except StopIteration as end:
                    word, value = "result", end.value
                heard(number, word, _sent(value))

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        return


def _sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _facts(report: Report) -> tuple[object, ...]:
    """Return what has to be the same however a file is read."""
    counts = report.rows_total, report.rows, report.bad_rows, report.left_out, report.problem_counts
    found = report.outcome, report.sentence, report.shape, report.meaning, report.votes, report.problems
    return *counts, *found, report.duplicates.exact, report.languages, report.empty_fields, set(report.columns)


def _check(report: Report) -> None:
    """See that a report is one: nothing lost, and everything in it can be shown, printed and looked up."""
    assert report.outcome in OUTCOMES
    assert report.rows + report.bad_rows + report.left_out == report.rows_total
    assert bool(report.rows) or report.outcome in ("ask", "reject")
    assert sum(report.problem_counts.values()) == report.bad_rows
    said = [report.sentence, report.hint, *report.notes, *(finding.message for finding in report.warnings)]
    said += [text for problem in report.problems for text in (problem.sentence, problem.fix, str(problem))]
    assert report.sentence.strip()
    for text in said:
        assert "\n" not in text, text
        text.encode()
    json.dumps(as_json(report), allow_nan=False).encode()


def _check_rows(report: Report) -> None:
    """See that the numbers of rows lead to them."""
    index = report.index
    if index is None:
        return
    items = rows_at(index, 1, report.rows_total + 1)
    numbers = [getattr(item, "number", None) or getattr(item, "row", None) for item in items]
    assert numbers == list(range(1, report.rows_total + 1)), numbers
    for most in (1, report.rows_total):
        assert all(item in items for group in sample_rows(index, most) for item in group)
    for problem in report.problems[:3]:
        assert items[problem.row - 1].line == problem.line
        (again,) = rows_at(index, problem.row, 1)
        assert again == items[problem.row - 1]
        for line in _end(lines_around(index, problem.line, 1, 1, problem.part)):
            spans = bad_spans(line.text, problem)
            assert all(0 <= start <= end <= len(line.text) for start, end in spans), spans
        _end(find_row(index, "a", problem.row))


def _end(running: Any) -> Any:
    while True:
        try:
            next(running)
        except StopIteration as end:
            return end.value


def _asked(number: int, path: Path) -> ScanOptions:
    """Return what is asked of a file: nothing of most, or what its rows are made into, or whether it overlaps."""
    if 0 < number <= len(KINDS):
        return ScanOptions(kind=KINDS[number - 1])
    if number == len(KINDS) + 1:
        return ScanOptions(evaluation=path)
    if number == len(KINDS) + 2:
        return ScanOptions(mapping={"question": "prompt", "answer": "text"}, shape="question_answer")
    return ScanOptions(near=number % 2 == 0)


def examine(data: bytes) -> None:
    """Read one file in every way that there is."""
    made = file_of(data)
    began = time.thread_time()
    with tempfile.TemporaryDirectory() as folder, _replaced(scan, "Crew", Here):
        path = Path(folder) / made.name
        path.write_bytes(made.content)
        options = _asked(made.asked, path)
        report = scan.scan(path, options)
        _check(report)
        _check_rows(report)
        if report.index is not None and report.index.places:
            with _replaced(scan, "PART", made.part):
                assert _facts(scan.scan(path, options)) == _facts(report), "read in parts"
            with _replaced(native, "_LIBRARY", None):
                assert _facts(scan.scan(path, options)) == _facts(report), "read by numpy"
            with _replaced(reading, "_begin_of_lines", lambda _: None):
                assert _facts(scan.scan(path, options)) == _facts(report), "read strictly"
    taken = time.thread_time() - began
    assert taken < SECONDS, f"{taken:.1f} s for {len(made.content):,} bytes"


def _again(paths: list[Path]) -> None:
    """Examine inputs once more, and say of each that is refused why."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    for file in files:
        try:
            examine(file.read_bytes())
        except (AssertionError, AppError) as error:
            print(f"{file}: {type(error).__name__}: {error}")
    print(f"{len(files)} files read")


def main() -> None:
    if sys.argv[1:2] == ["--again"]:
        _again([Path(word) for word in sys.argv[2:]])
        return
    with tempfile.TemporaryDirectory(prefix="tunedeck-fuzz-") as folder:
        beginning = write_seeds(Path(folder) / "seeds")
        words = write_dictionary(Path(folder) / "words.dict")
        limits = [f"-dict={words}", "-max_len=16384", "-timeout=60", "-rss_limit_mb=3000", "-print_final_stats=1"]
        # libFuzzer keeps what it finds in the first folder, so ours comes last; what the user says goes before.
        atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], str(beginning)], examine)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
