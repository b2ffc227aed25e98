"""The catalogue: saved configs, runs, their summaries and chats, in one SQLite file.

The run folders are the truth; what is lost with this file is names and chats, never a result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import URL, CursorResult, Table, create_engine, delete, event, exists, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker

from desktop.body import EngineName
from desktop.core.run import Run, RunState
from desktop.core.tables import Base, RunRow, TurnRow
from desktop.errors import StoreError
from trainer_image.contract import CONTRACT

MIGRATIONS = Path(__file__).parent / "migrations"
Reopened = Literal["written_anew", "made_anew", "replaced"]
"""What became of a lost file: all of it was written again, nothing could be, or another one had taken its place."""


@dataclass(frozen=True)
class RunRecord:
    """What the catalogue knows of a run without looking into its folder."""

    id: str
    name: str
    engine: EngineName
    folder: Path
    values: dict[str, Any]
    created: datetime
    started: datetime | None
    ended: datetime | None
    state: RunState
    step: int
    total_steps: int | None
    loss: float | None
    size_bytes: int
    after: str | None
    position: float | None
    not_before: datetime | None
    earlier_s: float | None


@dataclass(frozen=True)
class Turn:
    """One prompt of a chat and one answer to it."""

    run_id: str
    checkpoint: int | None
    speaker: str
    prompt: str
    answer: str
    first_token_s: float
    tokens_per_s: float
    asked: datetime


class Store:
    """One open database file; make it on the thread that uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": 15})
        event.listen(self._engine, "connect", _set_pragmas)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        try:
            self._open()
        except StoreError:
            self._engine.dispose()
            raise

    def _open(self) -> None:
        """Bring the file to the newest form, and remember which file it is."""
        path = self.path
        try:
            migrate(path)
        except CommandError as error:
            raise StoreError(
                f"The database {path} was made by a newer Tunedeck.",
                "Update this one, or give another home with --home.",
                code="database_newer",
            ) from error
        except (DatabaseError, sqlite3.DatabaseError) as error:
            raise StoreError(
                f"The database {path} cannot be read: {error.__cause__ or error}.",
                "Move it away and call `tunedeck runs rebuild`: the run folders hold every result.",
                code="database_unreadable",
            ) from error
        self._file = _identity(path)

    def is_lost(self) -> bool:
        """Say whether the file was deleted or replaced since it was opened, in a home that is still there.

        What is written from then on goes into a file without a name, and is gone with this app.
        """
        try:
            return _identity(self.path) != self._file and self.path.parent.is_dir()
        except OSError:  # a disk that does not answer now
            return False

    def reopen(self) -> Reopened:
        """Open what lies at the path now, and put into it what it lacks of the lost file, as far as that can be read.

        StoreError where what lies there cannot be read; then the lost file goes on being used.
        """
        was_there, kept = self.path.exists(), self._rows()
        self._open()
        self._engine.dispose()
        with self.session() as session:
            for table, rows in kept:
                session.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
        return "replaced" if was_there else "written_anew" if kept else "made_anew"

    def _rows(self) -> list[tuple[Table, list[dict[str, Any]]]]:
        """Return everything in the file that is open, which may have no name any more."""
        try:
            with self._engine.connect() as connection:
                found = [(table, connection.execute(select(table)).mappings()) for table in Base.metadata.sorted_tables]
                tables = [(table, [dict(row) for row in rows]) for table, rows in found]
        except DatabaseError:
            return []
        return [(table, rows) for table, rows in tables if rows]

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session that is committed at its end; for those who keep their own tables in this file."""
        with self._sessions.begin() as session:
            yield session

    # Runs

    def run_records(self) -> list[RunRecord]:
        """Return every run, newest first."""
        with self.session() as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.created.desc(), RunRow.id.desc()))
            return [_as_record(row) for row in rows]

    def save_run(self, run: Run) -> None:
        """Write what the catalogue keeps of a run."""
        with self.session() as session:
            session.merge(RunRow(**_values(run)))

    def add_missing(self, runs: Iterable[Run]) -> None:
        """Write the runs that the catalogue does not have, with their places; another app may do the same just now."""
        rows = [
            {**_values(run), "position": run.position, "not_before": run.not_before and run.not_before.astimezone(UTC)}
            for run in runs
        ]
        if rows:
            with self.session() as session:
                session.execute(sqlite.insert(RunRow).on_conflict_do_nothing(), rows)

    def place(self, run_id: str, position: float | None, not_before: datetime | None) -> None:
        """Keep a run's place in the queue."""
        values = {"position": position, "not_before": not_before and not_before.astimezone(UTC)}
        with self.session() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(**values))

    def change_waiting(self, run: Run, write: Callable[[], object]) -> bool:
        """Keep another config of a run that waits; return False where it waits no more.

        ``write`` puts it into the folder meanwhile: until both are done no other app may start the run.
        """
        with self.session() as session:
            change = update(RunRow).where(RunRow.id == run.id, RunRow.state == RunState.WAITING.value)
            change = change.values(values=run.config.model_dump(mode="json"))
            is_mine = cast("CursorResult[Any]", session.execute(change)).rowcount == 1
            if is_mine:
                write()
            return is_mine

    def take_over(
        self,
        run_id: str,
        *,
        state: RunState = RunState.WAITING,
        to: RunState = RunState.STARTING,
        known_live: Collection[str] | None = None,
    ) -> bool:
        """Take a run out of ``state``, for the one app that may move it on or give it up; return whether this one may.

        With ``known_live`` it may not where another run is live by now: another app has just started that one.
        """
        with self.session() as session:
            mine = update(RunRow).where(RunRow.id == run_id, RunRow.state == state.value)
            if known_live is not None:
                is_live = RunRow.state.in_([RunState.STARTING.value, RunState.RUNNING.value])
                mine = mine.where(~exists().where(is_live, RunRow.id.not_in(known_live)).correlate(None))
            mine = mine.values(state=to.value)
            mine = mine.execution_options(synchronize_session=False)
            return cast("CursorResult[Any]", session.execute(mine)).rowcount == 1

    def delete_run(self, run_id: str) -> None:
        with self.session() as session:
            session.execute(delete(RunRow).where(RunRow.id == run_id))

    # Chats

    def add_turn(self, turn: Turn) -> None:
        """Keep a turn; one with a run that has been deleted meanwhile has nowhere to go."""
        with self.session() as session:
            if session.get(RunRow, turn.run_id) is not None:
                session.add(TurnRow(**{**turn.__dict__}))

    def turns(self, run_id: str) -> list[Turn]:
        """Return what was said with the models of a run, oldest first."""
        with self.session() as session:
            rows = session.scalars(select(TurnRow).where(TurnRow.run_id == run_id).order_by(TurnRow.id))
            return [
                Turn(
                    row.run_id,
                    row.checkpoint,
                    row.speaker,
                    row.prompt,
                    row.answer,
                    row.first_token_s,
                    row.tokens_per_s,
                    _utc(row.asked),
                )
                for row in rows
            ]


def migrate(path: Path, to: str = "head") -> None:
    """Bring a database file to the newest form, or make a new one."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["database"] = str(path)
    command.upgrade(config, to)


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells one file from another, whatever their names; None where there is none."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


def _values(run: Run) -> dict[str, Any]:
    """Return what the catalogue keeps of a run, but for its place in the queue."""
    return {
        "id": run.id,
        "name": run.name,
        "engine": run.engine,
        "folder": str(run.folder),
        "values": run.config.model_dump(mode="json"),
        "contract": CONTRACT,
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "state": run.state.value,
        "step": run.step,
        "total_steps": run.total_steps,
        "loss": run.loss,
        "size_bytes": run.size_bytes,
        "after": run.after,
        "earlier_s": run.earlier_s,
    }


def _utc(moment: datetime) -> datetime:
    """SQLite keeps no time zone; everything here is written in UTC."""
    return moment.replace(tzinfo=UTC)


def _as_record(row: RunRow) -> RunRecord:
    return RunRecord(
        id=row.id,
        name=row.name,
        engine=cast(EngineName, row.engine),
        folder=Path(row.folder),
        values=row.values,
        created=_utc(row.created),
        started=_utc(row.started) if row.started else None,
        ended=_utc(row.ended) if row.ended else None,
        state=RunState(row.state),
        step=row.step,
        total_steps=row.total_steps,
        loss=row.loss,
        size_bytes=row.size_bytes,
        after=row.after,
        position=row.position,
        not_before=_utc(row.not_before) if row.not_before else None,
        earlier_s=row.earlier_s,
    )
