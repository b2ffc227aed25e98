"""What the user writes on runs: tags, notes, and that one is put away; kept in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import select

from desktop.core.store import Store
from desktop.core.tables import RunRow
from desktop.errors import StoreError

LONGEST_TAG = 40


@dataclass(frozen=True)
class Labels:
    """The labels of one run."""

    tags: tuple[str, ...] = ()
    notes: str = ""
    is_archived: bool = False


NONE = Labels()


class RunLabels:
    """Reads and writes the labels of every run of a home."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> dict[str, Labels]:
        """Return the labels of the runs that have some, by id."""
        with self._store.session() as session:
            rows = session.execute(select(RunRow.id, RunRow.tags, RunRow.notes, RunRow.is_archived)).all()
        labels = {row.id: Labels(tuple(row.tags or ()), row.notes or "", bool(row.is_archived)) for row in rows}
        return {id: one for id, one in labels.items() if one != NONE}

    def set_tags(self, run_id: str, tags: Iterable[str]) -> Labels:
        """Give a run these tags and no others."""
        return self._change(run_id, tags=clean_tags(tags))

    def set_notes(self, run_id: str, notes: str) -> Labels:
        return self._change(run_id, notes=notes.strip())

    def archive(self, run_id: str, is_archived: bool = True) -> Labels:
        """Put a run away, or take it out again; its folder stays."""
        return self._change(run_id, is_archived=is_archived)

    def _change(self, run_id: str, **values: object) -> Labels:
        with self._store.session() as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise StoreError(f"There is no run {run_id}.", "`tunedeck runs list` shows them.")
            now = replace(Labels(tuple(row.tags or ()), row.notes, row.is_archived), **values)  # type: ignore[arg-type]
            row.tags, row.notes, row.is_archived = list(now.tags), now.notes, now.is_archived
            return now


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags without the blanks around them, each once, in their order."""
    cleaned = dict.fromkeys(" ".join(tag.split()) for tag in tags)
    for tag in cleaned:
        if len(tag) > LONGEST_TAG:
            raise StoreError(
                f"A tag has at most {LONGEST_TAG} letters: {tag[:20]}… is longer.", "Put it into the notes."
            )
    return tuple(tag for tag in cleaned if tag)
