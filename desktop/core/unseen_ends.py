"""Which runs have ended without anybody having seen it yet; kept in the catalogue, so that no restart forgets it."""

from __future__ import annotations

from sqlalchemy import select, update

from desktop.core.store import Store
from desktop.core.tables import RunRow


class UnseenEnds:
    """Reads and writes a mark on the runs of a home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[str]:
        """Return the ids of the runs whose end nobody has seen, the one that ended first before the others."""
        with self._store.session() as session:
            rows = select(RunRow.id).where(RunRow.is_end_unseen).order_by(RunRow.ended, RunRow.id)
            return list(session.scalars(rows))

    def mark(self, run_id: str, is_unseen: bool) -> None:
        """Take note that the end of a run has, or has not, been seen."""
        with self._store.session() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(is_end_unseen=is_unseen))
