"""The catalogue: saved configs, runs, their summaries and chats, in one SQLite file.

The run folders are the truth; what is lost with this file is names and chats, never a result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import URL, CursorResult, create_engine, delete, event, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker

from desktop.body import EngineName
from desktop.core.run import Run, RunState
from desktop.core.tables import ConfigRow, RunRow, TurnRow
from desktop.errors import StoreError
from trainer_image.contract import CONTRACT, RunConfig

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class SavedConfig:
    """A config under the name that the user gave it."""

    name: str
    values: dict[str, Any]
    saved: datetime


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
            migrate(path)
        except CommandError as error:
            self._engine.dispose()
            raise StoreError(
                f"The database {path} was made by a newer Tunedeck.",
                "Update this one, or give another home with --home.",
                code="database_newer",
            ) from error
        except (DatabaseError, sqlite3.DatabaseError) as error:
            self._engine.dispose()
            raise StoreError(
                f"The database {path} cannot be read: {error.__cause__ or error}.",
                "Move it away and call `tunedeck runs rebuild`: the run folders hold every result.",
                code="database_unreadable",
            ) from error

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session that is committed at its end; for those who keep their own tables in this file."""
        with self._sessions.begin() as session:
            yield session

    # Saved configs

    def configs(self) -> list[SavedConfig]:
        """Return every saved config by name."""
        with self.session() as session:
            return [_as_config(row) for row in session.scalars(select(ConfigRow).order_by(ConfigRow.name))]

    def config(self, name: str) -> SavedConfig | None:
        with self.session() as session:
            row = session.get(ConfigRow, name)
            return _as_config(row) if row else None

    def save_config(self, name: str, config: RunConfig) -> SavedConfig:
        """Save ``config`` under ``name``, over an older one of that name."""
        with self.session() as session:
            row = ConfigRow(
                name=name, values=config.model_dump(mode="json"), contract=CONTRACT, saved=datetime.now(UTC)
            )
            session.merge(row)
            return _as_config(row)

    def rename_config(self, name: str, new_name: str) -> None:
        with self.session() as session:
            row = session.get(ConfigRow, name)
            if row is None:
                raise StoreError(f"There is no saved config called {name}.", "`tunedeck config list` shows them.")
            if session.get(ConfigRow, new_name) is not None:
                raise StoreError(f"There is already a config called {new_name}.", "Choose another name.")
            row.name = new_name

    def delete_config(self, name: str) -> None:
        with self.session() as session:
            session.execute(delete(ConfigRow).where(ConfigRow.name == name))

    # Runs

    def run_records(self) -> list[RunRecord]:
        """Return every run, newest first."""
        with self.session() as session:
            rows = session.scalars(select(RunRow).order_by(RunRow.created.desc(), RunRow.id.desc()))
            return [_as_record(row) for row in rows]

    def save_run(self, run: Run) -> None:
        """Write what the catalogue keeps of a run."""
        with self.session() as session:
            session.merge(
                RunRow(
                    id=run.id,
                    name=run.name,
                    engine=run.engine,
                    folder=str(run.folder),
                    values=run.config.model_dump(mode="json"),
                    contract=CONTRACT,
                    created=run.created,
                    started=run.started,
                    ended=run.ended,
                    state=run.state.value,
                    step=run.step,
                    total_steps=run.total_steps,
                    loss=run.loss,
                    size_bytes=run.size_bytes,
                    after=run.after,
                )
            )

    def take_over(self, run_id: str) -> bool:
        """Take a run that waits, for the one app that may start it or give it up; return whether this one may."""
        starting, waiting = RunState.STARTING.value, RunState.WAITING.value
        with self.session() as session:
            mine = update(RunRow).where(RunRow.id == run_id, RunRow.state == waiting).values(state=starting)
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


def _utc(moment: datetime) -> datetime:
    """SQLite keeps no time zone; everything here is written in UTC."""
    return moment.replace(tzinfo=UTC)


def _as_config(row: ConfigRow) -> SavedConfig:
    return SavedConfig(row.name, row.values, _utc(row.saved))


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
    )
