"""The command line on a home of its own, in this process, with fake engines behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from desktop import cli
from desktop.controllers import assembly as assembly_module
from desktop.controllers import following as following_module
from desktop.core import folders
from desktop.core.progress import Progress, advance
from desktop.core.run import Run, RunState, with_progress
from desktop.core.store import Store
from desktop.paths import Home
from tests.fakes import START, FakeBuilder, FakeEngine, FakeTrainer
from trainer_image.contract import RunConfig


@dataclass(frozen=True)
class Said:
    """What one call of the command line gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Terminal:
    """Types words and reads what comes."""

    home: Home
    capsys: pytest.CaptureFixture[str]
    engines: dict[str, FakeEngine] = field(
        default_factory=lambda: {"docker": FakeEngine("docker"), "process": FakeEngine("process")}
    )
    builders: dict[str, FakeBuilder] = field(
        default_factory=lambda: {"docker": FakeBuilder(), "process": FakeBuilder()}
    )

    def type(self, *words: str) -> Said:
        self.capsys.readouterr()
        try:
            code = cli.run(cli.parse(["--home", str(self.home.path), *words]))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else -1
        captured = self.capsys.readouterr()
        assert "Traceback (most recent call last)" not in captured.err + captured.out
        return Said(code, captured.out, captured.err)

    def refused(self, *words: str) -> str:
        """Type something that the user has to mend; return the one sentence."""
        said = self.type(*words)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("tunedeck: ")
        assert said.err.count("\n") == 1
        return said.err


@pytest.fixture
def terminal(
    home: Home, qtbot: QtBot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, no_docker: None
) -> Terminal:
    """A terminal whose engines and builders are fakes."""
    made = Terminal(home, capsys)
    monkeypatch.setattr(following_module, "POLL_MS", 5)
    monkeypatch.setattr(following_module, "LOOK_MS", 20)
    controller, setup = assembly_module.Runs, assembly_module.Setup

    def with_fakes(home: Home, store: Store, engines: object, *rest: Any) -> Any:
        return controller(home, store, made.engines, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(assembly_module, "Runs", with_fakes)
    monkeypatch.setattr(assembly_module, "Setup", lambda builders, jobs: setup(dict(made.builders), jobs))  # type: ignore[arg-type]
    return made


@pytest.fixture
def config_file(tmp_path: Path, config: RunConfig) -> Path:
    """The smallest config there is, beside its dataset and model."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model": "tiny-model", "dataset": "captain.jsonl"}))
    return path


@pytest.fixture
def make_run(home: Home, config: RunConfig) -> Callable[..., FakeTrainer]:
    """Put a run into home and catalogue; return its trainer, for what it says."""

    def make(id: str = "20260102-030405-ab12", name: str = "First", state: RunState = RunState.RUNNING) -> FakeTrainer:
        run = Run(id, name, "docker", home.runs / id, config, START, state, started=START)
        folders.write_run(run, gpus=())
        store = Store(home.database)
        store.save_run(run)
        store.close()
        return FakeTrainer(run.files)

    return make


@pytest.fixture
def settle(home: Home) -> Callable[[FakeTrainer, RunState], None]:
    """Write the state of a run down, as the app that followed it has done."""

    def write(trainer: FakeTrainer, state: RunState) -> None:
        run = folders.read_run(trainer.folder.path)
        assert run is not None
        done = with_progress(replace(run, state=state), advance(Progress(), folders.read_events(trainer.folder)))
        store = Store(home.database)
        store.save_run(done)
        store.close()

    return write


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Home]:
    """The homes that a keeper was asked for; none is started, for it would speak to the real engines."""
    asked: list[Home] = []
    monkeypatch.setattr("desktop.controllers.keeper.ensure", asked.append)
    return asked


@pytest.fixture(autouse=True)
def no_waiting_for_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake engine's bodies never end by themselves, so nothing is gained by waiting for it."""
    monkeypatch.setattr("desktop.cli.live.CLEARING_S", 0.0)
