"""Which runs have ended without anybody having seen it yet; kept in the catalogue, so that no restart forgets it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update

from desktop.core.run import RunState
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

    def mark(self, run_id: str) -> None:
        """Take note that a run ends and nobody has seen it; before the catalogue says so, and by the first app only.

        Each app of a home notices an end by itself: one that is slower must not mark anew what has been seen.
        """
        goes_on = RunRow.state.in_([state.value for state in RunState if state.can_cancel])
        with self._store.session() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id, goes_on).values(is_end_unseen=True))

    def mark_again(self, run_ids: Collection[str]) -> None:
        """Take note that nobody has seen the ends of these runs, which have ended before."""
        if run_ids:
            with self._store.session() as session:
                session.execute(update(RunRow).where(RunRow.id.in_(run_ids)).values(is_end_unseen=True))

    def see(self, run_ids: Collection[str]) -> None:
        """Take note that the ends of these runs have been seen."""
        with self._store.session() as session:
            marked = list(session.scalars(select(RunRow.id).where(RunRow.is_end_unseen, RunRow.id.in_(run_ids))))
            if marked:  # most runs that are looked at have nothing to be seen any more, and writing takes its time
                session.execute(update(RunRow).where(RunRow.id.in_(marked)).values(is_end_unseen=False))
