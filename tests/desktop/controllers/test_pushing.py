"""Pushes as the window has them: begun, followed, stopped, refused with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.jobs import Jobs
from desktop.controllers.models import Models
from desktop.controllers.pushing import Push
from desktop.core.passport import passport
from desktop.core.run import Run, RunState
from desktop.errors import ConfigError
from desktop.paths import Home
from tests.fakes import START, FakeTrainer
from tests.hub import FakeHub
from trainer_image.contract import RunConfig

WEIGHTS = b"0123456789abcdef" * 300_000
WAIT_MS = 60_000


@dataclass
class Desk:
    """Models with a Hub behind them, and one finished run."""

    models: Models
    hub: FakeHub
    run: Run
    qtbot: QtBot
    tokens: list[str]
    is_offline: bool = False

    def push(self, repo: str = "captain", **how: bool) -> None:
        self.models.push(self.run, passport(self.run, None), repo, **how)

    def now(self) -> Push:
        push = self.models.pushes.get(self.run.id)
        assert push is not None
        return push

    def ended(self) -> Push:
        self.qtbot.waitUntil(lambda: not self.now().is_live, timeout=WAIT_MS)
        return self.now()


@pytest.fixture
def desk(home: Home, jobs: Jobs, qtbot: QtBot, make_config: Callable[..., RunConfig], tmp_path: Path) -> Iterator[Desk]:
    hub = FakeHub()
    folder = home.runs / "r1"
    folder.mkdir(parents=True)
    run = Run("r1", "First", "docker", folder, make_config(), START, RunState.FINISHED)
    FakeTrainer(run.files).run(2)
    (run.files.adapter / "adapter_model.safetensors").write_bytes(WEIGHTS)
    tokens = [hub.token]
    models = Models(
        home, jobs, lambda: tokens[0] if tokens else None, is_offline=lambda: made.is_offline, endpoint=hub.address
    )
    made = Desk(models, hub, run, qtbot, tokens)
    yield made
    models.close()
    hub.close()


def test_a_push_ends_at_its_address(desk: Desk) -> None:
    desk.push()
    ended = desk.ended()
    assert (ended.state, ended.error, ended.repo) == ("done", None, "ada/captain")
    assert ended.address == f"{desk.hub.address}/ada/captain"
    assert ended.is_private
    assert ended.done_bytes == ended.total_bytes
    files = desk.hub.models["ada/captain"].files
    assert files["adapter_model.safetensors"] == WEIGHTS
    assert sorted(files) == ["README.md", "adapter_config.json", "adapter_model.safetensors"]
    assert b'from_pretrained("ada/captain")' in files["README.md"]


def test_a_stopped_push_leaves_nothing_in_the_repository(desk: Desk) -> None:
    desk.hub.held = threading.Event()
    desk.push(is_private=False)
    desk.qtbot.waitUntil(lambda: desk.now().done_bytes > len(WEIGHTS) // 3, timeout=WAIT_MS)
    with pytest.raises(ConfigError, match="on its way"):
        desk.push()
    desk.models.pushes.stop("r1")
    assert desk.ended().state == "stopped"
    desk.hub.held.set()
    desk.hub.held = None
    assert desk.hub.models["ada/captain"].files == {}
    desk.push(is_private=False)
    assert desk.ended().state == "done"
    assert desk.hub.models["ada/captain"].files["adapter_model.safetensors"] == WEIGHTS


def test_closing_ends_a_push_without_waiting(desk: Desk, jobs: Jobs) -> None:
    others = psutil.Process().children()
    desk.hub.held = threading.Event()
    desk.push()
    desk.qtbot.waitUntil(lambda: desk.now().done_bytes > 0, timeout=WAIT_MS)
    (sender,) = [one for one in psutil.Process().children() if one not in others]
    desk.models.close()
    # The Hub still holds the upload: by itself it would not end.
    assert desk.ended().state == "stopped"
    assert not sender.is_running()
    desk.hub.held.set()
    jobs.close()
    assert desk.hub.models["ada/captain"].files == {}


def test_offline_stops_a_push_and_what_was_sent_is_not_there(desk: Desk) -> None:
    desk.hub.held = threading.Event()
    desk.push()
    desk.qtbot.waitUntil(lambda: desk.now().done_bytes > 0, timeout=WAIT_MS)
    desk.models.follow_offline(False)
    assert desk.now().is_live
    desk.models.follow_offline(True)
    assert desk.ended().state == "stopped"
    desk.hub.held.set()
    assert desk.hub.models["ada/captain"].files == {}


def test_what_cannot_be_pushed_is_refused_with_what_to_do(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="is no name on the Hub"):
        desk.push("a/b/c")
    finished = desk.run
    desk.run = replace(finished, state=RunState.FAILED)
    with pytest.raises(ConfigError, match="no finished model: it is failed"):
        desk.push()
    desk.run = replace(finished, config=finished.config.model_copy(update={"find_learning_rate": True}))
    with pytest.raises(ConfigError, match="looked for a learning rate"):
        desk.push()
    desk.run = replace(finished, folder=finished.folder.parent / "moved")
    with pytest.raises(ConfigError, match="is not where it was"):
        desk.push()
    desk.run, desk.is_offline = finished, True
    with pytest.raises(ConfigError) as caught:
        desk.push()
    assert caught.value.sentence == "Pushing a model needs the network, and Tunedeck is offline."
    assert desk.hub.asked == []


def test_without_a_token_it_says_where_to_get_one(desk: Desk) -> None:
    desk.tokens.clear()
    desk.push()
    error = desk.ended().error
    assert error is not None
    assert (error.code, error.sentence) == ("no_token", "Pushing to the Hub needs a token, and there is none.")
    assert "tunedeck token set" in error.hint
    assert desk.hub.asked == []
