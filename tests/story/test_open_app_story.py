"""What happens under an app that is open, or to one that is not: folders, database and the desktop's notifications.

The trainer makes no use of torch, so that a story takes seconds; the app, the process and the disk are real.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from desktop.cli.configs import read_config
from desktop.cli.loop import assembled, wait_until
from desktop.controllers import keeper, showing
from desktop.controllers.assembly import Assembly
from desktop.controllers.notices import Notice
from desktop.core import folders
from desktop.core.feeds import places
from desktop.core.labels import RunLabels
from desktop.core.run import Run, RunState
from desktop.core.store import Store
from desktop.engine import process
from desktop.engine.trainer_environment import TrainerEnvironment
from desktop.paths import Home
from tests.fakes import FakeTrainer, write_small_model
from tests.notification_server import desktop
from tests.story.conftest import Tunedeck, events_of, wait_for
from tests.story.light import light_environment, light_project
from trainer_image.contract import Hello, Phase, RunConfig, RunFolder, Step

pytestmark = pytest.mark.process

LAST = 200
PATIENCE_S = 120.0


@dataclass
class OpenApp:
    """An app that stays open, and what it says."""

    assembly: Assembly
    tunedeck: Tunedeck
    folder: Path
    said: list[Notice] = field(default_factory=list)

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    def start(self, name: str, save_every: int = 5) -> str:
        """Start a run that goes on until it is let go."""
        self.plan.write_text(json.dumps({"step_s": 0.2}))
        knobs = {"max_steps": LAST, "save_steps": save_every, "dataset": str(self.plan), "gpus": []}
        config = read_config(self.assembly, str(self.tunedeck.write_config(self.folder, **knobs)), [])
        return self.assembly.runs.start(config, name=name, engine="process")

    def let_go(self) -> None:
        """Make the steps to come as fast as they can be."""
        self.plan.write_text(json.dumps({"step_s": 0.0}))

    def run(self, run_id: str) -> Run:
        found = self.assembly.runs.get(run_id)
        assert found is not None
        return found

    def wait_for(self, is_so: Callable[[], object], why: str) -> None:
        """Let the app go on until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        wait_until(lambda: bool(is_so()) or time.monotonic() > deadline)
        assert is_so(), f"{why}; said so far: {self.sentences}"

    def wait_for_step(self, run_id: str, step: int) -> None:
        self.wait_for(lambda: self.run(run_id).step >= step, f"step {step}")

    def wait_for_end(self, run_id: str) -> None:
        self.wait_for(lambda: not self.run(run_id).state.can_cancel, "the end")

    def wait_for_word(self, sentence: str) -> None:
        self.wait_for(lambda: sentence in self.sentences, sentence)

    @property
    def sentences(self) -> list[str]:
        return [notice.sentence for notice in self.said]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenApp]:
    """An open app on a home of its own, whose trainers hold no torch."""
    home, model = Home(tmp_path / "home"), tmp_path / "model"
    home.make()
    model.mkdir()
    write_small_model(model)
    light_environment(home)
    monkeypatch.setattr(process, "PROJECT", light_project(tmp_path / "project"))
    monkeypatch.setattr(TrainerEnvironment, "is_ready", lambda _: True)
    with assembled(home) as assembly:
        made = OpenApp(assembly, Tunedeck(home, "process", model), tmp_path)
        assembly.notices.posted.connect(made.said.append)
        assembly.runs.load()
        yield made
        for run in assembly.runs.all():
            if run.state.is_live:
                assembly.runs.cancel(run.id)
                made.let_go()
                made.wait_for_end(run.id)


def test_the_database_is_deleted_under_an_open_app_and_a_live_run(app: OpenApp) -> None:
    run_id, waiting = app.start("First"), app.start("Next")
    app.wait_for_step(run_id, 2)
    app.assembly.labels.set_notes(run_id, "keep me")
    home = app.tunedeck.home
    for path in home.path.glob("tunedeck.sqlite3*"):
        path.unlink()
    app.wait_for_word("The database was deleted while Tunedeck was open.")
    assert [one.hint for one in app.said if "deleted" in one.sentence] == ["It was written anew with all that it held."]
    assert (app.run(run_id).state, app.run(waiting).state) == (RunState.RUNNING, RunState.WAITING)
    app.wait_for_step(run_id, app.run(run_id).step + 2)
    app.let_go()
    for each in (run_id, waiting):
        app.wait_for_end(each)
        assert steps_of(app.run(each).files) == list(range(1, LAST + 1))
    assert app.sentences[-2:] == ["First is finished.", "Next is finished."]
    found = {run["id"]: run for run in app.tunedeck.json("runs", "list")["runs"]}
    assert {run["state"] for run in found.values()} == {"finished"}
    assert set(found) == {run_id, waiting}
    store = Store(home.database)
    assert RunLabels(store).all()[run_id].notes == "keep me"
    store.close()


def test_the_folder_of_a_live_run_is_moved_away_and_back(app: OpenApp) -> None:
    """A checkpoint falls due meanwhile: it waits for the folder instead of making another one in its place."""
    run_id = app.start("First", save_every=10)
    app.wait_for_step(run_id, 3)
    files = app.run(run_id).files
    away = RunFolder(files.path.rename(app.folder / "away"))
    app.wait_for_word(f"The folder of First is not at {files.path}.")
    assert app.run(run_id).state is RunState.RUNNING
    app.wait_for(lambda: "save" in open_phases(away), "the checkpoint that waits")
    assert not files.path.exists()
    assert steps_of(away) == list(range(1, 11))
    away.path.rename(files.path)
    app.wait_for_word("The folder of First is back.")
    app.let_go()
    app.wait_for_end(run_id)
    run = app.run(run_id)
    assert (run.state, run.step, run.is_away) == (RunState.FINISHED, LAST, False)
    assert steps_of(files) == list(range(1, LAST + 1))
    assert len([one for one in events_of(files) if isinstance(one, Hello)]) == 1
    assert [step for step, _ in files.complete_checkpoints()][-1] == LAST
    assert len(places(app.assembly.runs.series(run_id), "time")) == LAST
    assert [one.level for one in app.said] == ["warning", "info", "info"]


def steps_of(files: RunFolder) -> list[int]:
    return [event.step for event in events_of(files) if isinstance(event, Step)]


def open_phases(files: RunFolder) -> list[str]:
    """Return the phases that have begun and not ended."""
    found: list[str] = []
    for event in events_of(files):
        if isinstance(event, Phase) and event.seconds is None:
            found.append(event.name)
        elif isinstance(event, Phase) and event.name in found:
            found.remove(event.name)
    return found


@pytest.fixture
def closed_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home without an app; what is started on it is ended."""
    home = Home(tmp_path / "home")
    home.make()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    yield home
    for one in programs_of(home):
        one.send_signal(signal.SIGINT if "queue" not in one.cmdline() else signal.SIGTERM)
    wait_for(lambda: not programs_of(home), "the programs to end", 60)


def programs_of(home: Home) -> list[psutil.Process]:
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if str(home.path) in one.cmdline():
                found.append(one)
    return found


def test_whoever_presses_a_notification_sees_the_run(
    closed_home: Home, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer has died with no window open; the keeper says so on the desktop, and a press opens the window."""
    home, now = closed_home, datetime.now(UTC)
    write_small_model(tmp_path)
    config = RunConfig(model=str(tmp_path), dataset=str(tmp_path / "config.json"))
    run = Run(
        "20260102-030405-ab12",
        "First",
        "process",
        home.runs / "20260102-030405-ab12",
        config,
        now,
        RunState.RUNNING,
        started=now,
    )
    folders.write_run(run, gpus=())
    FakeTrainer(run.files, now=now).begin().step(1)
    store = Store(home.database)
    store.save_run(run)
    store.close()
    with desktop(tmp_path_factory.mktemp("b")) as screen:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", screen.address)
        keeping = Tunedeck(home, "process", tmp_path).popen("queue", "run")
        wait_for(lambda: screen.told, "the word on the desktop", 120)
        assert screen.told[0][0] == "First: The trainer went away before the run was done."
        screen.press(1, token="leave")
        wait_for(lambda: keeper.has_window(home), "the window", 120)
        wait_for(lambda: not (home.path / "show-run").exists(), "the window to take up what it was opened for", 120)
        # A window that is open is not opened a second time.
        showing.Showing(home).show(run.id)
        wait_for(lambda: not (home.path / "show-run").exists(), "the open window to take up what is asked", 120)
        windows = [one for one in programs_of(home) if "queue" not in one.cmdline()]
        keeping.wait(120)  # it gave way; another one stands by if something is left to do
        assert [one.environ().get("XDG_ACTIVATION_TOKEN") for one in windows] == ["leave"]
