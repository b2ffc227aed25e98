"""One pass over a dataset file: everything the doctor shows, found by worker processes in parts of the file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from desktop.core.dataset.counts import Counts, Guess, Look, TallyOptions
from desktop.core.dataset.file_hash import FileHash
from desktop.core.dataset.found_copies import Part
from desktop.core.dataset.index import Place, RowIndex
from desktop.core.dataset.refused import with_facts
from desktop.core.dataset.report import Cancelled, Progress, Report, ScanOptions
from desktop.core.dataset.verdict import Findings, refusal, report_of
from desktop.errors import AppError
from desktop.workers import Crew, WorkerLost
from trainer_image.formats.files import BRACKETS
from trainer_image.formats.opening import open_regular
from trainer_image.formats.rows import UnreadableFileError

_READING = "desktop.core.dataset.reading"
_DUPLICATES = "desktop.core.dataset.duplicates:find_duplicates"
WORKERS = 2
PART = 16 << 20
_PARALLEL_FROM = 4 << 20
NEAR_UP_TO = 256 << 20
_LANGUAGES_FROM = 2 << 20
"""Of larger files only so many bytes' worth of rows are looked at for their language."""


def scan(
    path: Path,
    options: ScanOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Report:
    """Read a whole file and report on it; what is wrong with it is in the report, and only Cancelled is raised."""
    options = options or ScanOptions()
    began = time.monotonic()
    try:
        size = _size_of(path)
        findings = _found(path, size, options, on_progress, is_cancelled)
    except (Cancelled, WorkerLost):
        raise
    except AppError as error:
        report = with_facts(refusal(path, error.sentence, error.hint), is_cancelled)
        return replace(report, seconds=time.monotonic() - began)
    return replace(report_of(path, size, findings), seconds=time.monotonic() - began)


def _found(
    path: Path,
    size: int,
    options: ScanOptions,
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> Findings:
    sizes = {path: size}
    if options.evaluation is not None:
        with suppress(AppError):  # told when its turn comes
            sizes[options.evaluation] = _size_of(options.evaluation)
    try:
        with tempfile.TemporaryDirectory(prefix="tunedeck-scan-") as folder:
            findings = _Scan(path, size, options, Path(folder), on_progress, is_cancelled).run()
    except WorkerLost:
        # The system ends a process that has a part of a file mapped which is there no more.
        if (shorter := _shorter_one(sizes)) is None:
            raise
    else:
        if (shorter := _shorter_one(sizes)) is None:
            return findings
    hint = "Wait until nothing writes it any more, and read it again."
    raise AppError(f"{shorter.name} has become shorter while it was read.", hint, "bad_data")


def _shorter_one(sizes: Mapping[Path, int]) -> Path | None:
    """Return the file that is shorter than it was."""
    return next((path for path, size in sizes.items() if _is_shorter(path, size)), None)


def _is_shorter(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size < size
    except OSError:
        return True


def _size_of(path: Path) -> int:
    try:
        with open_regular(path):
            return path.stat().st_size
    except (UnreadableFileError, OSError) as error:
        sentence = getattr(error, "sentence", f"{path.name} cannot be read.")
        raise AppError(sentence, getattr(error, "hint", "Choose another file."), "bad_data") from error


@dataclass
class _Counted:
    """What the parts of one file came to."""

    look: Look
    counts: Counts
    parts: list[Part] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)


class _Scan:
    """One scan, with its workers and its folder for what is too much to be sent about."""

    def __init__(
        self,
        path: Path,
        size: int,
        options: ScanOptions,
        folder: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._path, self._size, self._options, self._folder = path, size, options, folder
        self._on_progress, self._is_cancelled = on_progress, is_cancelled
        self._near = options.near if options.near is not None else size <= NEAR_UP_TO
        self._bytes = self._rows = self._files = 0
        self._told = 0.0

    def run(self) -> Findings:
        sha256 = FileHash(self._path)
        try:
            return self._find(sha256)
        finally:
            sha256.stop()

    def _find(self, sha256: FileHash) -> Findings:
        with Crew(WORKERS if self._size > _PARALLEL_FROM else 1, _READING) as self._crew:
            counted = self._count(self._path, self._size)
            others: _Counted | None = None
            if self._options.evaluation is not None:
                others = self._count(self._options.evaluation, _size_of(self._options.evaluation), is_other=True)
            duplicates, overlap = self._ask(_DUPLICATES, counted.parts, others.parts if others else [], self._near)
        while not sha256.is_ready(0.1):
            self._stop_if_cancelled()
        index = RowIndex(self._path, counted.look.read, counted.counts.rows, tuple(counted.places))
        other = others.counts if others else None
        return Findings(counted.look, counted.counts, sha256.result(), duplicates, overlap, other, index, self._options)

    def _count(self, path: Path, size: int, *, is_other: bool = False) -> _Counted:
        """Count the rows as they are guessed to be, and again if the whole file says that the guess was wrong."""
        asked = self._options
        shape, kind = (None, None) if is_other else (asked.shape, asked.kind)
        question = (f"{_READING}:look", path, asked.read, asked.mapping, shape, kind)
        seen: Look = self._ask(*question)
        counted = self._count_once(path, size, seen)
        if seen.begin is not None and counted.counts.problem_counts["broken_letters"]:
            encoding = self._ask(f"{_READING}:encoding_of", path, asked.read)
            if encoding != seen.facts.encoding:
                counted = self._count_once(path, size, self._ask(*question, False))
        guess = Guess.by(counted.counts.survey, shape, kind)
        if guess != counted.look.guess:
            counted = self._count_once(path, size, replace(counted.look, guess=guess))
        return counted

    def _count_once(self, path: Path, size: int, seen: Look) -> _Counted:
        asked = self._options
        one_in = max(1, size // _LANGUAGES_FROM)
        in_brackets = BRACKETS in seen.facts.notes
        tally_options = TallyOptions(
            asked.mapping, asked.kept, self._near, one_in, bool(seen.doubtful_encoding), in_brackets
        )
        self._bytes = self._rows = 0
        tasks: list[tuple[Any, ...]] = []
        files: list[Path] = []

        def records() -> Path:
            self._files += 1
            files.append(self._folder / f"{self._files}.npy")
            return files[-1]

        if seen.begin is None:
            tasks.append((f"{_READING}:tally_rows", path, seen.read, seen.guess, tally_options, records()))
        else:
            for begin in range(seen.begin, max(size, 1), PART):
                end, is_first = min(size, begin + PART), begin == seen.begin
                task = f"{_READING}:tally_lines"
                tasks.append((task, path, begin, end, is_first, seen, tally_options, records()))
        results = self._run(tasks, size)
        counted = _Counted(seen, results[0][0])
        rows = lines = 0
        for number, (file, (counts, places)) in enumerate(zip(files, results, strict=True)):
            counted.parts.append(Part(file, rows, lines))
            counted.places += (Place(one.row + rows, one.line + lines, one.offset) for one in places)
            rows, lines = rows + counts.rows, lines + counts.lines
            if number:
                counted.counts.add(counts, self._options.kept)
        return counted

    def _stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise Cancelled

    def _ask(self, task: str, *arguments: Any) -> Any:
        return self._run([(task, *arguments)], 0)[0]

    def _run(self, tasks: list[tuple[Any, ...]], size: int) -> list[Any]:
        """Do the tasks, and tell of their progress on the way."""
        results: list[Any] = [None] * len(tasks)

        def hear(number: int, word: str, value: Any) -> None:
            if word == "result":
                results[number] = value
            elif value is not None:
                self._bytes += value[0]
                self._rows += value[1]

        def tick() -> None:
            self._stop_if_cancelled()
            now = time.monotonic()
            if size and now - self._told >= 0.1:
                self._told = now
                self._on_progress(Progress(self._bytes, size, self._rows))

        self._crew.run(tasks, hear, tick=tick)
        if size:
            self._on_progress(Progress(size, size, self._rows))
        return results
