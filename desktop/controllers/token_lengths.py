"""How long the rows of a dataset are in the tokens of a model; of a large file a sample of them."""

from __future__ import annotations

from collections.abc import Callable

from desktop.core.dataset.browse import Rows
from desktop.core.dataset.index import RowIndex
from desktop.core.dataset.report import Cancelled
from desktop.engine.preview import Previewer
from desktop.engine.seen_rows import Asked, Lengths, Measured

MOST_ROWS = 3000


def token_lengths(
    index: RowIndex,
    previewer: Previewer,
    asked: Asked,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Lengths:
    """Measure the rows of a scanned file; ``on_progress`` gets the rows done and all that will be looked at."""
    measured, looked_at = Measured(), min(index.rows, MOST_ROWS)
    rows = Rows(index)
    try:
        for group in rows.sample(MOST_ROWS):
            if is_cancelled():
                raise Cancelled
            measured.extend(previewer.measure(group, asked))
            on_progress(len(measured.lengths) + measured.refused, looked_at)
    finally:
        rows.close()
    return Lengths(
        lengths=measured.lengths,
        seen=measured.seen,
        trained=measured.trained,
        rows_total=index.rows,
        max_length=asked.max_length,
        kind=asked.kind,
        refused=measured.refused,
    )
