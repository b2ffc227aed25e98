"""A trainer that is kept ready: who gets it, who does not, and what is left of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers import keep_ready
from desktop.controllers.keep_ready import KeepReady
from desktop.core.run import Run, RunState
from desktop.engine.launch import LaunchSpec
from desktop.errors import EngineError, StoreError
from tests.desktop.controllers.conftest import App
from trainer_image.contract import RunConfig, RunFolder
from trainer_image.contract.standby import STANDBY_WORD, left_file, read_standby, taken_file, waiting_file

WAIT_MS = 60_000


class Window:
    """An app whose form says one config, with a trainer kept ready for it."""

    def __init__(self, app: App, config: RunConfig, qtbot: QtBot) -> None:
        self.app, self.config, self.qtbot = app, config, qtbot
        self.engine_name = app.engine.name
        app.engine.on_start = come_up
        shared = (app.store, app.runs, app.engines, app.machine, app.setup, app.jobs)
        self.keep = KeepReady(app.home, *shared)  # type: ignore[arg-type]
        self.keep.choose(True)
        self.keep.follow(lambda: (self.config, self.engine_name))

    def change(self, **knobs: object) -> RunConfig:
        self.config = self.config.model_copy(update=knobs)
        self.keep.look_again()
        return self.config

    def stood(self, *, besides: str | None = None) -> RunFolder:
        """Wait until a trainer stands ready, another than ``besides``."""

        def is_there() -> bool:
            id = self.keep.run_id
            return id is not None and id != besides and RunFolder(self.app.home.runs / id).log.exists()

        self.qtbot.waitUntil(is_there, timeout=WAIT_MS)
        assert self.keep.run_id is not None
        return RunFolder(self.app.home.runs / self.keep.run_id)


def come_up(spec: LaunchSpec) -> None:
    """Begin the log, as a trainer does first of all."""
    RunFolder(spec.folder).log.touch()


@pytest.fixture
def window(app: App, config: RunConfig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setattr(keep_ready, "REST_MS", 20)
    monkeypatch.setattr(keep_ready, "LOOK_MS", 20)
    made = Window(app, config, qtbot)
    yield made
    made.keep.close()


def is_cleared_away(app: App, files: RunFolder) -> bool:
    return files.path.name not in app.engine.bodies and not files.path.exists()


def test_it_stands_ready_for_the_form_and_is_no_run(window: Window) -> None:
    files = window.stood()
    note = read_standby(waiting_file(files))
    assert note is not None
    assert note.config == window.config
    spec = window.app.engine.specs[files.path.name]
    assert spec.arguments == (str(files.path), STANDBY_WORD)
    assert window.app.runs.all() == []
    assert window.app.runs.rebuild() == 0


def test_a_start_takes_it_without_a_second_body(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    run_id = window.app.runs.start(window.config, name="Mine")
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert taken_file(files).exists()
    assert len(window.app.engine.asked("start")) == 1
    assert window.app.engine.asked("signal") == []
    run = window.app.run(run_id)
    assert (run.name, run.state) == ("Mine", RunState.STARTING)
    assert window.app.runs.start(window.config, name="Mine") == run_id
    window.app.trainer(run_id).run()
    qtbot.waitUntil(lambda: window.app.run(run_id).state is RunState.FINISHED, timeout=WAIT_MS)
    again = window.stood(besides=run_id)
    assert again.path != files.path


def test_other_knobs_take_it_too(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    other = window.config.model_copy(update={"max_steps": 77, "learning_rate": 1e-5})
    assert window.app.runs.start(other) == files.path.name
    assert RunConfig.model_validate_json(files.config.read_bytes()) == other


def test_another_method_gets_a_trainer_of_its_own(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    other = window.config.model_copy(update={"method": "pretrain"})
    run_id = window.app.runs.start(other)
    assert run_id != files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)


def test_another_dataset_gets_a_trainer_of_its_own(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    files = window.stood()
    other = tmp_path / "other.jsonl"
    other.write_bytes(Path(window.config.dataset).read_bytes())
    run_id = window.app.runs.start(window.config.model_copy(update={"dataset": str(other)}))
    assert run_id != files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert window.app.engine.specs[run_id].arguments == (str(window.app.run(run_id).folder),)


def test_a_file_that_was_replaced_gets_a_trainer_of_its_own(window: Window, qtbot: QtBot) -> None:
    """A body would go on seeing the old file, which its mount holds."""
    files = window.stood()
    dataset = Path(window.config.dataset)
    aside = dataset.with_name("aside")
    aside.write_bytes(dataset.read_bytes())
    aside.replace(dataset)
    assert window.app.runs.start(window.config) != files.path.name


def test_who_wants_a_start_from_scratch_gets_one(window: Window) -> None:
    files = window.stood()
    assert window.app.runs.start(window.config, standing=False) != files.path.name


def test_it_follows_the_form(window: Window, tmp_path: Path, qtbot: QtBot) -> None:
    first = window.stood()
    window.change(max_steps=5)
    other = tmp_path / "other.jsonl"
    other.write_bytes(Path(window.config.dataset).read_bytes())
    window.change(dataset=str(other))
    second = window.stood(besides=first.path.name)
    qtbot.waitUntil(lambda: is_cleared_away(window.app, first), timeout=WAIT_MS)
    window.change(dataset=str(tmp_path / "missing.jsonl"))
    qtbot.waitUntil(lambda: is_cleared_away(window.app, second), timeout=WAIT_MS)


def test_a_choice_against_it_ends_it(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.keep.choose(False)
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert window.app.runs.start(window.config) != files.path.name


def test_one_that_has_left_is_cleared_away(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    waiting_file(files).rename(left_file(files))
    window.app.engine.exit(files.path.name, 0)
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert window.keep.run_id is None


def test_one_that_died_unseen_is_replaced_under_the_same_run(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.app.engine.exit(files.path.name, 137)
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert window.app.engine.specs[run_id].arguments == (str(files.path),)
    assert not waiting_file(files).exists()


def test_an_engine_that_refuses_it_leaves_no_folder(window: Window, qtbot: QtBot) -> None:
    first = window.stood()
    window.keep.end()
    qtbot.waitUntil(lambda: is_cleared_away(window.app, first), timeout=WAIT_MS)
    window.app.engine.refusals["start"] = EngineError("No.", code="no")
    asked = len(window.app.engine.asked("start"))
    window.keep.look_again()
    qtbot.waitUntil(lambda: len(window.app.engine.asked("start")) > asked, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.keep.run_id is None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: list(window.app.home.runs.iterdir()) == [], timeout=WAIT_MS)


def test_nothing_stands_ready_while_a_run_is_at_work(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    waiting = window.app.runs.start(window.config.model_copy(update={"max_steps": 5}))
    assert waiting != run_id
    assert window.keep.run_id is None
    assert len(window.app.engine.asked("start")) == 1 + (window.app.run(waiting).state is not RunState.WAITING)


def test_a_closed_window_leaves_none(window: Window) -> None:
    files = window.stood()
    window.keep.close()
    window.app.jobs.close()
    assert is_cleared_away(window.app, files)


def test_another_app_of_the_home_takes_it(window: Window, open_app: Callable[..., App], qtbot: QtBot) -> None:
    files = window.stood()
    other = open_app(window.app.engines)
    other.runs.load()
    run_id = other.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: other.run(run_id).body is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.keep.run_id is None, timeout=WAIT_MS)
    assert window.app.engine.asked("signal") == []
    assert window.app.engine.bodies[run_id].state == "running"


# An app that is killed


def kill(window: Window) -> None:
    """Let go of everything as the kernel does, with nothing said."""
    own = window.keep._own
    assert own is not None
    own.close()
    window.keep._own = None
    window.keep._looking.stop()
    window.keep.follow(lambda: None)


def test_one_that_a_killed_app_left_is_cleared_away_by_the_next(
    window: Window, open_app: Callable[..., App], config: RunConfig, qtbot: QtBot
) -> None:
    files = window.stood()
    other = open_app(window.app.engines)
    shared = (other.store, other.runs, other.engines, other.machine, other.setup, other.jobs)
    next_window = KeepReady(other.home, *shared)  # type: ignore[arg-type]
    next_window.clear_leftovers()
    asked: list[None] = []
    other.jobs.run("engine", lambda: None, asked.append)
    qtbot.waitUntil(lambda: bool(asked), timeout=WAIT_MS)
    assert files.path.exists()  # somebody looks after it
    kill(window)
    next_window.clear_leftovers()
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert other.runs.all() == []


def test_a_run_whose_app_was_killed_before_it_told_the_trainer_to_go(
    window: Window, open_app: Callable[..., App], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer waits on, and says nothing: the run has not begun, and can be resumed."""
    files = window.stood()
    monkeypatch.setattr(window.app.jobs, "run", lambda *_, **__: None)
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    window.app.runs._following.polling.stop()
    window.app.runs._following.looking.stop()
    live = window.app.runs._book.live[run_id]
    if live.start is not None:
        live.start.end()
        live.start = None
    other = open_app(window.app.engines)
    other.runs.load()
    qtbot.waitUntil(lambda: other.run(run_id).state is RunState.INTERRUPTED, timeout=WAIT_MS)
    failure = other.run(run_id).failure
    assert failure is not None
    assert failure.code == "not_started"
    other.runs.resume(run_id)
    qtbot.waitUntil(lambda: other.run(run_id).body is not None, timeout=WAIT_MS)
    assert taken_file(files).exists()
    assert len(window.app.engine.asked("start")) == 1
    other.trainer(run_id).run()
    qtbot.waitUntil(lambda: other.run(run_id).state is RunState.FINISHED, timeout=WAIT_MS)


def test_a_run_that_is_cancelled_before_its_trainer_was_told_to_go(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.app.builders["docker"].ready = False
    window.app.builders["docker"].gate.clear()
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.builders["docker"].builds == 1, timeout=WAIT_MS)
    window.app.runs.cancel(run_id)
    window.app.builders["docker"].gate.set()
    qtbot.waitUntil(lambda: window.app.run(run_id).state is RunState.CANCELLED, timeout=WAIT_MS)
    assert left_file(files).exists()
    assert not waiting_file(files).exists()


# What changes in between


def hold(app: App) -> threading.Event:
    """Hold up whatever makes an engine ready, until the event is set."""
    gate = threading.Event()
    app.jobs.run("build", lambda: gate.wait(60))
    return gate


def is_started_anew(window: Window, files: RunFolder) -> bool:
    run_id = files.path.name
    was_killed = window.app.engine.asked("signal") == [(run_id, "kill")]
    return was_killed and window.app.engine.specs[run_id].arguments == (str(files.path),)


def test_a_file_that_is_replaced_between_click_and_go_ends_the_trainer(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    gate = hold(window.app)
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    dataset = Path(window.config.dataset)
    aside = dataset.with_name("aside")
    aside.write_bytes(dataset.read_bytes())
    aside.replace(dataset)
    gate.set()
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert window.app.engine.asked("signal") == [(run_id, "kill")]
    assert window.app.engine.specs[run_id].arguments == (str(files.path),)
    assert left_file(files).exists()


def test_a_new_image_gets_a_new_trainer(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.app.builders["docker"].ready = False
    window.app.setup.build("docker", lambda error: None)
    second = window.stood(besides=files.path.name)
    assert window.app.builders["docker"].builds == 1
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert waiting_file(second).exists()


def test_nothing_is_built_for_it(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.app.builders["docker"].ready = False
    window.keep.look_again()
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)
    assert window.app.builders["docker"].builds == 0
    assert window.keep.run_id is None


def test_a_build_between_click_and_go_ends_the_trainer(window: Window, qtbot: QtBot) -> None:
    """It was started from what has been replaced since."""
    files = window.stood()
    window.app.builders["docker"].ready = False
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert window.app.builders["docker"].builds == 1
    assert is_started_anew(window, files)


def test_an_image_that_another_app_has_built_ends_the_trainer(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    window.app.engine.outdated.add(files.path.name)
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert is_started_anew(window, files)


def test_a_note_that_cannot_be_read_any_more_ends_the_trainer(window: Window, qtbot: QtBot) -> None:
    files = window.stood()
    gate = hold(window.app)
    run_id = window.app.runs.start(window.config)
    assert run_id == files.path.name
    waiting_file(files).write_text("{")
    gate.set()
    qtbot.waitUntil(lambda: window.app.run(run_id).body is not None, timeout=WAIT_MS)
    assert is_started_anew(window, files)
    assert not waiting_file(files).exists()
    window.app.trainer(run_id).begin().step(1)
    qtbot.waitUntil(lambda: window.app.run(run_id).state is RunState.RUNNING, timeout=WAIT_MS)


def without_one(window: Window, qtbot: QtBot) -> None:
    """Let the trainer go that stands ready."""
    files = window.stood()
    window.keep.follow(lambda: None)
    qtbot.waitUntil(lambda: is_cleared_away(window.app, files), timeout=WAIT_MS)


def test_none_is_started_beside_a_run_that_came_meanwhile(window: Window, qtbot: QtBot) -> None:
    without_one(window, qtbot)
    gate = hold(window.app)
    window.keep.follow(lambda: (window.config, window.engine_name))
    qtbot.waitUntil(lambda: window.keep._attempt is not None, timeout=WAIT_MS)
    window.keep._resting.setInterval(WAIT_MS)  # nobody looks again
    window.app.runs.start(window.config, not_before=datetime.now(UTC) + timedelta(days=1))
    gate.set()
    ended: list[None] = []
    window.app.jobs.run("build", lambda: None, ended.append)
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT_MS)
    assert window.keep.run_id is None
    assert len(window.app.engine.asked("start")) == 1


def test_an_earlier_look_that_comes_to_nothing_ends_no_later_one(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_one(window, qtbot)
    gate, answers = hold(window.app), iter([False, True])
    monkeypatch.setattr(window.app.builders["docker"], "is_ready", lambda: next(answers))
    window.keep.follow(lambda: (window.config, window.engine_name))
    qtbot.waitUntil(lambda: window.keep._attempt is not None, timeout=WAIT_MS)
    first = window.keep._attempt
    window.keep.look_again()
    qtbot.waitUntil(lambda: window.keep._attempt is not first, timeout=WAIT_MS)
    gate.set()
    window.stood()


def test_it_asks_for_room_once_for_a_thousand_runs(
    app: App, config: RunConfig, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = (app.store, app.runs, app.engines, app.machine, app.setup, app.jobs)
    keep = KeepReady(app.home, *shared)  # type: ignore[arg-type]
    everything, asked = app.runs.all, []

    def count() -> list[Run]:
        asked.append(1)
        return everything()

    monkeypatch.setattr(app.runs, "all", count)
    for number in range(1000):
        app.runs.run_changed.emit(str(number))
    assert not keep._resting.isActive()  # there is no form
    keep.choose(True)
    keep.follow(lambda: None)
    for number in range(1000):
        app.runs.run_changed.emit(str(number))
    assert keep._resting.isActive()
    assert asked == []
    keep.close()


def test_a_disk_that_will_not_have_it_keeps_no_folder(
    window: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_one(window, qtbot)
    asked: list[Path] = []

    def refuse(folder: Path, *_: object) -> None:
        asked.append(folder)
        raise StoreError("The disk is full.")

    monkeypatch.setattr(keep_ready, "Reservation", refuse)
    window.keep.follow(lambda: (window.config, window.engine_name))
    qtbot.waitUntil(lambda: bool(asked), timeout=WAIT_MS)
    assert window.keep.run_id is None
    assert list(window.app.home.runs.iterdir()) == []
