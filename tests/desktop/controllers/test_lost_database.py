"""A database that is lost, or full of rubbish: the folders of the runs know everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pytestqt.qtbot import QtBot

from desktop.core.run import Run, RunState
from desktop.core.saved_configs import SavedConfigs
from tests.desktop.controllers.conftest import App, InState, OpenApp
from trainer_image.contract import (
    RunConfig,
)


def test_a_lost_database_is_read_back_from_the_folders(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).run(4)
    in_state(app, started, RunState.FINISHED)
    failed = app.runs.start(config, name="Second")
    qtbot.waitUntil(lambda: app.run(failed).body is not None)
    app.trainer(failed).begin().step(1).fail()
    in_state(app, failed, RunState.FAILED)
    app.runs.rename(failed, "Renamed")
    app.close()
    for path in app.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()
    (app.home.runs / "no-run").mkdir()
    (app.home.runs / "a-file").touch()

    later = open_app(app.engines)
    later.runs.load()
    assert later.runs.found_in_folders == 2
    assert [notice.sentence for notice in later.posted] == [
        "2 runs were not in the database and read back from the folders."
    ]
    assert later.runs.rebuild() == 0
    first, second = later.run(started), later.run(failed)
    assert (first.name, first.state, first.step, first.loss) == ("First", RunState.FINISHED, 4, 0.75)
    assert (second.name, second.state, second.step) == ("Renamed", RunState.FAILED, 1)
    assert second.failure is not None
    assert first.config == config
    assert {record.id for record in later.store.run_records()} == {started, failed}
    assert later.runs.series(started).column("step").tolist() == [1, 2, 3, 4]


def lose(app: App) -> None:
    for path in app.home.path.glob("tunedeck.sqlite3*"):
        path.unlink()


def lost_notices(app: App) -> list[str]:
    return [f"{one.sentence} {one.hint}" for one in app.posted if "database" in one.sentence]


def test_a_database_that_is_deleted_under_an_open_app_is_written_anew(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    SavedConfigs(app.store).save("mine", config)
    lose(app)
    app.runs.rename(started, "Renamed")
    waiting = app.runs.start(config, name="Second", not_before=datetime.now(UTC) + timedelta(hours=1))
    qtbot.waitUntil(lambda: bool(lost_notices(app)))
    assert lost_notices(app) == [
        "The database was deleted while Tunedeck was open. It was written anew with all that it held."
    ]
    app.trainer(started).step(2).finish(2)
    in_state(app, started, RunState.FINISHED)
    later = open_app(app.engines)
    later.runs.load()
    assert (later.run(started).name, later.run(started).state) == ("Renamed", RunState.FINISHED)
    assert (later.run(waiting).name, later.run(waiting).state) == ("Second", RunState.WAITING)
    assert [saved.name for saved in SavedConfigs(later.store).all()] == ["mine"]
    assert not later.posted
    assert len(lost_notices(app)) == 1


def test_two_apps_under_which_the_database_is_deleted_agree_on_another_one(
    app: App, started: str, config: RunConfig, open_app: OpenApp, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).begin().step(1)
    in_state(app, started, RunState.RUNNING)
    other = open_app(app.engines)
    other.runs.load()
    lose(app)
    for each in (app, other):
        qtbot.waitUntil(lambda each=each: bool(lost_notices(each)))
    assert [record.id for record in app.store.run_records()] == [started]
    again = other.runs.start(config, name="Seen by both", not_before=datetime.now(UTC) + timedelta(hours=1))
    qtbot.waitUntil(lambda: app.runs.get(again) is not None)
    assert not app.store.is_lost()
    assert not other.store.is_lost()


def test_rubbish_in_the_place_of_the_database_is_said_once_and_the_app_goes_on(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    lose(app)
    app.home.database.write_bytes(b"not a database at all" * 100)
    qtbot.waitUntil(lambda: bool(lost_notices(app)))
    app.trainer(started).run(2)
    in_state(app, started, RunState.FINISHED)
    assert len(lost_notices(app)) == 1
    assert "cannot be read" in lost_notices(app)[0]
    app.home.database.unlink()
    qtbot.waitUntil(lambda: len(lost_notices(app)) == 2)
    assert [record.id for record in app.store.run_records()] == [started]


def test_an_end_that_nobody_has_seen_is_not_lost_with_the_database(
    app: App, started: str, qtbot: QtBot, in_state: InState
) -> None:
    app.trainer(started).run(2)
    in_state(app, started, RunState.FINISHED)
    seen: list[str] = []
    app.runs.ends.was_seen.connect(seen.append)
    lose(app)
    app.home.database.write_bytes(b"not a database at all" * 100)
    qtbot.waitUntil(lambda: bool(lost_notices(app)), timeout=60_000)
    app.home.database.unlink()
    qtbot.waitUntil(lambda: len(lost_notices(app)) == 2, timeout=60_000)
    with qtbot.waitSignal(app.runs.looked, timeout=60_000):
        pass
    assert seen == []
    assert [notice.run_id for notice in app.runs.ends.unseen()] == [started]


def test_a_run_of_an_unreadable_config_is_told_once_and_the_others_are_shown(
    app: App, started: str, open_app: OpenApp, qtbot: QtBot
) -> None:
    broken = app.run(started).config.model_copy(update={"lora_r": -1})
    run = app.run(started)
    app.store.save_run(Run("broken", "Broken", "docker", run.folder, broken, run.created, RunState.FAILED))
    later = open_app(app.engines)
    later.runs.load()
    for _ in range(2):
        with qtbot.waitSignal(later.runs.looked):
            pass
    assert [one.id for one in later.runs.all()] == [started]
    assert len([notice for notice in later.posted if "Broken" in notice.sentence]) == 1
