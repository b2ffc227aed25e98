"""Rows of a file by their number, read by a worker that stays warm."""

from __future__ import annotations

from collections.abc import Iterator

from desktop.core.dataset.index import RowIndex
from desktop.workers import Worker
from trainer_image.formats import Row, RowProblem


class Rows:
    """The rows of one file; close it when nobody looks at them any more."""

    def __init__(self, index: RowIndex) -> None:
        self._index = index
        self._worker = Worker()

    def read(self, first: int, count: int) -> list[Row | RowProblem]:
        """Return ``count`` rows from row ``first`` on; fewer at the end of the file."""
        rows: list[Row | RowProblem] = self._worker.do(
            "desktop.core.dataset.row_access:read_rows_at", self._index, first, count
        )
        return rows

    def sample(self, most: int) -> Iterator[list[Row | RowProblem]]:
        """Yield rows in groups, at most so many, spread evenly over the file."""
        yield from self._worker.stream("desktop.core.dataset.row_access:sample_rows", self._index, most)

    def close(self) -> None:
        self._worker.close()
