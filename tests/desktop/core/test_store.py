"""The catalogue: what is saved is read back, by whoever, whatever happened to the writer."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from desktop.core.config_values import read_values
from desktop.core.run import Run, RunState
from desktop.core.saved_configs import SavedConfigs
from desktop.core.store import Store, Turn, migrate
from desktop.core.tables import Base
from desktop.errors import StoreError
from desktop.paths import PROJECT, Home
from tests.fakes import START
from trainer_image.contract import RunConfig


@pytest.fixture
def run(home: Home, config: RunConfig) -> Run:
    return Run("r1", "First", "process", home.runs / "r1", config, START, RunState.RUNNING, started=START)


def turn(number: int, run_id: str = "r1") -> Turn:
    return Turn(run_id, None, "tuned", f"prompt {number}", f"answer {number}", 0.5, 20.0, START)


# Runs and turns


def test_a_run_comes_back(store: Store, run: Run) -> None:
    ended = START + timedelta(hours=1, microseconds=5)
    store.save_run(
        replace(
            run,
            ended=ended,
            state=RunState.FINISHED,
            step=9,
            total_steps=9,
            loss=0.25,
            size_bytes=2**40,
            earlier_s=90.5,
        )
    )
    (record,) = store.run_records()
    assert (record.id, record.name, record.engine, record.folder) == ("r1", "First", "process", run.folder)
    assert (record.created, record.started, record.ended) == (START, START, ended)
    assert (record.state, record.step, record.total_steps, record.loss) == (RunState.FINISHED, 9, 9, 0.25)
    assert (record.size_bytes, record.earlier_s) == (2**40, 90.5)
    assert read_values(record.values) == run.config


def test_runs_come_newest_first(store: Store, run: Run) -> None:
    for number in (2, 1, 3):
        store.save_run(replace(run, id=f"r{number}", created=START + timedelta(seconds=number)))
    assert [record.id for record in store.run_records()] == ["r3", "r2", "r1"]


def test_saving_a_run_again_keeps_its_chat(store: Store, run: Run) -> None:
    store.save_run(run)
    store.add_turn(turn(1))
    store.save_run(replace(run, name="Second"))
    assert [record.name for record in store.run_records()] == ["Second"]
    assert store.turns("r1") == [turn(1)]


def test_a_start_in_the_hours_of_another_zone_is_the_same_moment(store: Store, run: Run) -> None:
    here = START.astimezone(timezone(timedelta(hours=5, minutes=45)))
    store.save_run(run)
    store.place("r1", 1.0, here)
    store.add_missing([replace(run, id="r2", position=2.0, not_before=here)])
    assert {record.id: record.not_before for record in store.run_records()} == {"r1": START, "r2": START}


def test_turns_come_in_order_and_go_with_their_run(store: Store, run: Run) -> None:
    store.save_run(run)
    store.save_run(replace(run, id="r2"))
    for number in range(3):
        store.add_turn(turn(number))
    store.add_turn(turn(9, "r2"))
    assert store.turns("r1") == [turn(0), turn(1), turn(2)]
    store.delete_run("r1")
    assert store.turns("r1") == []
    assert store.turns("r2") == [turn(9, "r2")]
    store.delete_run("r1")


def test_a_turn_with_a_run_that_is_deleted_is_let_go(store: Store) -> None:
    store.add_turn(turn(1, "deleted"))
    assert store.turns("deleted") == []


# The file


def test_the_file_has_a_write_ahead_log_and_foreign_keys(store: Store, home: Home) -> None:
    assert store.run_records() == []
    with closing(sqlite3.connect(home.database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with store.session() as session:
        assert session.connection().exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_opening_twice_migrates_once_and_loses_nothing(home: Home, config: RunConfig) -> None:
    first = Store(home.database)
    SavedConfigs(first).save("mine", config)
    first.close()
    migrate(home.database)
    second, third = Store(home.database), Store(home.database)
    assert [saved.name for saved in SavedConfigs(second).all()] == ["mine"]
    SavedConfigs(third).save("other", config)
    assert [saved.name for saved in SavedConfigs(second).all()] == ["mine", "other"]
    second.close()
    third.close()


def test_tables_are_those_of_the_models(store: Store, home: Home) -> None:
    """The migrations and the classes say the same, or the next change of one forgets the other."""
    with store._engine.connect() as connection:
        # SQLite has one kind of float; its FLOAT and SQLAlchemy's DOUBLE are the same to it.
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []


def test_a_database_of_the_first_version_keeps_what_it_has(home: Home, config: RunConfig, run: Run) -> None:
    migrate(home.database, "1")
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute(
            "INSERT INTO runs (id, name, engine, folder, 'values', contract, created, state, step, size_bytes)"
            " VALUES ('r1', 'First', 'process', '/runs/r1', '{}', 1, '2026-01-02 03:04:05', 'finished', 4, 10)"
        )
        connection.commit()
    store = Store(home.database)
    (record,) = store.run_records()
    assert (record.name, record.state, record.after) == ("First", RunState.FINISHED, None)
    store.save_run(replace(run, id="r2", after="r1", state=RunState.WAITING))
    assert {record.id: record.after for record in store.run_records()} == {"r1": None, "r2": "r1"}
    store.close()


def test_one_app_alone_takes_over_a_run_that_waits(home: Home, run: Run) -> None:
    first, second = Store(home.database), Store(home.database)
    first.save_run(replace(run, state=RunState.WAITING, after="r0"))
    assert [store.take_over("r1") for store in (first, second, first)] == [True, False, False]
    assert second.run_records()[0].state is RunState.STARTING
    assert not first.take_over("nobody")
    first.close()
    second.close()


@pytest.mark.parametrize("data", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tunedeck.sqlite3"
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        Store(path)
    assert caught.value.code == "database_unreadable"
    assert "tunedeck runs rebuild" in caught.value.hint
    assert path.read_bytes() == data


def test_a_database_of_a_newer_app_is_refused_and_left_alone(home: Home) -> None:
    Store(home.database).close()
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '999'")
        connection.commit()
    with pytest.raises(StoreError) as caught:
        Store(home.database)
    assert "newer" in caught.value.sentence
    assert caught.value.code != "database_unreadable"  # `runs rebuild` would move it away


def unlink(home: Home) -> None:
    for path in home.path.glob("tunedeck.sqlite3*"):
        path.unlink()


def test_a_file_that_is_deleted_while_it_is_open_is_written_anew(
    store: Store, home: Home, run: Run, config: RunConfig
) -> None:
    store.save_run(run)
    store.add_turn(turn(1))
    SavedConfigs(store).save("mine", config)
    assert not store.is_lost()
    unlink(home)
    assert store.is_lost()
    store.save_run(replace(run, name="Written where nobody finds it"))
    assert store.reopen() == "written_anew"
    assert not store.is_lost()
    other = Store(home.database)
    assert [record.name for record in other.run_records()] == ["Written where nobody finds it"]
    assert other.turns("r1") == [turn(1)]
    assert [saved.name for saved in SavedConfigs(other).all()] == ["mine"]
    other.close()


def test_a_file_of_which_nothing_can_be_read_any_more_is_made_anew(store: Store, home: Home, run: Run) -> None:
    store.save_run(run)
    store.close()  # so that nothing holds the old file
    unlink(home)
    assert store.is_lost()
    assert store.reopen() == "made_anew"
    assert store.run_records() == []
    placed = replace(run, state=RunState.WAITING, position=2.0, not_before=START)
    store.add_missing([placed])
    store.add_missing([replace(placed, name="Another app was faster")])
    (record,) = store.run_records()
    assert (record.name, record.position, record.not_before) == ("First", 2.0, START)


def test_a_file_that_another_one_has_replaced_wins_and_gets_what_it_lacks(
    store: Store, home: Home, run: Run, config: RunConfig
) -> None:
    store.save_run(run)
    SavedConfigs(store).save("mine", config)
    unlink(home)
    other = Store(home.database)
    other.save_run(replace(run, name="As another app has it"))
    assert store.is_lost()
    assert store.reopen() == "replaced"
    assert [record.name for record in store.run_records()] == ["As another app has it"]
    assert [saved.name for saved in SavedConfigs(other).all()] == ["mine"]
    other.close()


def test_what_cannot_be_read_in_the_place_of_the_file_changes_nothing(store: Store, home: Home, run: Run) -> None:
    store.save_run(run)
    unlink(home)
    home.database.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError):
        store.reopen()
    assert store.is_lost()
    assert [record.id for record in store.run_records()] == ["r1"]


def test_a_home_that_is_away_as_a_whole_is_no_lost_file(store: Store, home: Home) -> None:
    home.path.rename(home.path.with_name("elsewhere"))
    assert not store.is_lost()
    home.path.with_name("elsewhere").rename(home.path)
    assert not store.is_lost()


def test_a_home_with_signs_in_its_name(tmp_path: Path, config: RunConfig) -> None:
    path = tmp_path / "a %20 b#?&;ü" / "tunedeck.sqlite3"
    opened = Store(path)
    SavedConfigs(opened).save("mine", config)
    opened.close()
    assert path.is_file()


WRITER = """
import sys
from pathlib import Path
from desktop.core.saved_configs import SavedConfigs
from desktop.core.store import Store
from trainer_image.contract import RunConfig

saved = SavedConfigs(Store(Path(sys.argv[1])))
number = 0
while True:
    saved.save(f"config {number % 50}", RunConfig(model="m" * 2000, dataset=f"d{number}"))
    number += 1
    print(number, flush=True)
"""


def test_a_writer_killed_in_the_middle_leaves_a_good_file(home: Home) -> None:
    for round in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home.database)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            written = 0
            while written < 25 + 7 * round:
                written = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        assert writer.returncode == -signal.SIGKILL
        with closing(sqlite3.connect(home.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store = Store(home.database)
        saved = {one.name for one in SavedConfigs(store).all()}
        assert {f"config {number % 50}" for number in range(written)} <= saved
        SavedConfigs(store).save("after", RunConfig(model="m", dataset="d"))
        store.close()


FIRST_START = """
import sys
from pathlib import Path
from desktop.core import store

sys.stdin.readline()
store.Store(Path(sys.argv[1])).close()
"""


def test_two_apps_may_make_the_first_database_at_once(home: Home) -> None:
    apps = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_START, str(home.database)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    outcomes: list[str] = []
    waiting = [threading.Thread(target=lambda app=app: outcomes.append(app.communicate("\n")[1])) for app in apps]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    assert [app.returncode for app in apps] == [0, 0, 0], "\n".join(outcomes)


def test_a_migration_killed_in_the_middle_is_done_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    create = op.create_table

    def die_at_the_second(name: str, *columns: object) -> object:
        made.append(name)
        if len(made) == 2:
            raise KeyboardInterrupt
        return create(name, *columns)  # type: ignore[arg-type]

    monkeypatch.setattr(op, "create_table", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        Store(home.database)
    monkeypatch.undo()
    store = Store(home.database)
    assert store.run_records() == []
    store.close()
