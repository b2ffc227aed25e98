"""From a dataset file to what a method learns from: read, checked, encoded, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from trainer_image.arguments import DataPlan
from trainer_image.data.splitting import split
from trainer_image.errors import TrainerError
from trainer_image.formats import (
    FEEDS,
    Kind,
    LeftOut,
    Reading,
    Row,
    RowProblem,
    Told,
    UnreadableFileError,
    is_parquet,
    parquet_files,
    read_examples,
    read_rows,
    rows_of,
    why_not,
    with_text,
)

AS_FOUND = Told()
"""Nobody has said how a file is read: it is found out."""


class Item(Protocol):
    """What a method learns from, made of one row."""

    @property
    def row(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def learned(self) -> int:
        """Tokens that are learned; an item without any is left out."""

    @property
    def tokens(self) -> int:
        """All tokens."""

    @property
    def was_cut(self) -> bool:
        """True where the row was longer than max_length."""


@dataclass(frozen=True)
class Prepared:
    """A dataset ready to train on, and what was left out on the way; the items are of the method's own kind."""

    train: list[Any]
    evaluation: list[Any]
    problems: list[RowProblem]
    nothing_to_learn: list[Any]
    left_out: list[LeftOut]
    """Good rows that the method has no use for."""
    rows_cut: int
    sha256: str
    has_turns: bool = True
    """False where the rows are plain text, which no chat template touches."""

    @property
    def rows_left_out(self) -> int:
        return len(self.problems) + len(self.nothing_to_learn) + len(self.left_out)

    @property
    def trained_tokens(self) -> int:
        return sum(item.learned for item in self.train)

    @property
    def total_tokens(self) -> int:
        return sum(item.tokens for item in self.train)


Tell = Callable[[int, int], None]
"""Is told how many rows are encoded, and of how many."""


def untold(done: int, total: int) -> None:
    """Tell nobody."""


Encode = Callable[[Iterable[Any]], Iterator[Item | RowProblem]]
"""Turns the examples of a dataset into what a method learns from, or says what is wrong with one."""


def prepare(plan: DataPlan, kind: Kind, encode: Encode, tell: Tell = untold) -> Prepared:
    """Read, check, encode and split the dataset."""
    path = Path(plan.dataset)
    reading = read_dataset(path, kind, plan.told)
    if reading.rows == 0:
        raise TrainerError("bad_data", f"There are no rows in {path.name}.", "Choose another file.")
    if reading.shape is None or kind not in FEEDS[reading.shape]:
        raise TrainerError("bad_data", _unfit(reading, kind, path), "Choose another file or another method.")
    problems, items = list(reading.problems), list[Any]()
    for item in encode(reading.examples):
        (problems if isinstance(item, RowProblem) else items).append(item)
        tell(min(item.row, reading.rows - 1), reading.rows)
    # The last rows of a file may be ones that nothing is made of.
    tell(reading.rows, reading.rows)
    problems.sort(key=lambda problem: problem.row)
    if problems and (plan.stop_at_bad_rows or not items):
        raise TrainerError("bad_data", *_in_words(problems, reading.rows))
    learned = [item for item in items if item.learned]
    if not learned:
        sentence = f"No row has anything left to learn within {plan.max_length} tokens."
        raise TrainerError("bad_data", sentence, "Raise Longest row.")
    kept = {item.row for item in learned}
    train, evaluation = split(learned, plan.eval_split_size, plan.seed)
    return Prepared(
        train=train,
        evaluation=evaluation,
        problems=problems,
        # A row that became several items is left out where none of them is learned, and counts once.
        nothing_to_learn=list({item.row: item for item in items if item.row not in kept}.values()),
        left_out=reading.left_out,
        rows_cut=len({item.row for item in items if item.was_cut}),
        sha256=sha256_of(path),
        has_turns=reading.shape != "text" and kind != "text",
    )


def read_dataset(path: Path, kind: Kind, told: Told = AS_FOUND) -> Reading:
    """Read any dataset file, Parquet too, into examples and problems."""
    try:
        part = told.read.part
        items = list(_read_parquet(path, part) if is_parquet(path, part) else read_rows(path, told.read))
        return read_examples(items, told.shape, kind, told.mapping)
    except UnreadableFileError as error:
        raise TrainerError("bad_data", error.sentence, error.hint) from error


def _read_parquet(path: Path, part: str | None) -> Iterator[Row | RowProblem]:
    import pyarrow
    from pyarrow import parquet

    files, before = parquet_files(path, part), 0
    try:
        for place, name in enumerate(files.names):
            with files.open(place) as source, parquet.ParquetFile(source) as file:
                values = [with_text(row) for batch in file.iter_batches() for row in batch.to_pylist()]
            yield from rows_of(values, before, name if len(files.names) > 1 else "")
            before += len(values)
    except pyarrow.ArrowInvalid as error:
        raise UnreadableFileError(f"{path.name} is no whole Parquet file.", "Fetch or save it again.") from error


def sha256_of(path: Path) -> str:
    """Return the fingerprint by which a resume knows that the dataset is still the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unfit(reading: Reading, kind: Kind, path: Path) -> str:
    if reading.shape is not None:
        return f"{path.name} does not fit this method. {why_not(reading.shape, kind)}"
    first = reading.problems[0]
    return first.sentence if first.kind == "unknown_shape" else f"{path.name}: {first}"


def _in_words(problems: Sequence[RowProblem], rows: int) -> tuple[str, str]:
    named = " ".join(str(problem) for problem in problems[:3])
    more = f" And {len(problems) - 3} more." if len(problems) > 3 else ""
    count = "1 row" if len(problems) == 1 else f"{len(problems)} rows"
    sentence = f"{count} of {rows} cannot be used. {named}{more}"
    return sentence, "Mend the rows, or set Bad rows to leave_out."
