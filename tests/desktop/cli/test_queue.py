"""``queue``, and what ``train`` says when others are at work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desktop.cli.queue import moment
from desktop.controllers import keeper
from desktop.controllers import runs as runs_module
from desktop.paths import Home
from tests.desktop.cli.conftest import Terminal


@pytest.fixture
def train(terminal: Terminal, config_file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Start or queue a run by a name and return its id."""
    monkeypatch.setattr(runs_module, "DOUBLE_CLICK_S", 0.0)

    def start(name: str, *words: str) -> str:
        said = terminal.type("train", str(config_file), "--detach", "--name", name, "--json", *words)
        assert said.code == 0
        return str(said.json["id"])

    return start


def names(terminal: Terminal) -> list[str]:
    return [one["name"] for one in terminal.type("queue", "show", "--json").json["waiting"]]


def test_what_waits_is_shown_moved_and_kept_by_somebody(
    terminal: Terminal, train: Callable[..., str], config_file: Path, kept: list[Home]
) -> None:
    assert terminal.type("queue", "show").out == "Nothing waits.\n"
    assert kept == []
    first = train("A")
    train("B")
    assert kept == [terminal.home]
    said = terminal.type("train", str(config_file), "--queue", "--name", "C")
    assert said.out.startswith("C waits for B, which is before it. It starts by itself: tunedeck runs follow ")
    shown = terminal.type("queue", "show")
    assert [line.split()[-1] for line in shown.out.splitlines()] == ["A", "B", "C"]
    assert terminal.type("queue", "show", "--json").json["running"] == [first]
    moved = terminal.type("queue", "move", "C", "first")
    assert (moved.code, names(terminal)) == (0, ["C", "B"])
    assert "does not wait in the queue" in terminal.refused("queue", "move", "A", "up")
    assert terminal.type("queue", "move", "C", "sideways").code == 2


def test_the_queue_is_stopped_and_goes_on(terminal: Terminal, train: Callable[..., str], kept: list[Home]) -> None:
    train("A")
    train("B")
    kept.clear()
    assert terminal.type("queue", "pause").out == "The queue is stopped; what runs goes on.\n"
    shown = terminal.type("queue", "show")
    assert "waits: the queue is stopped" in shown.out
    assert shown.out.endswith("The queue is stopped: tunedeck queue go on\n")
    assert kept == []
    assert terminal.type("queue", "go", "on").out == "The queue goes on.\n"
    assert kept == [terminal.home]
    assert terminal.type("queue", "after-failure", "stop").out == "The queue stops when a run fails.\n"
    assert terminal.type("queue", "show", "--json").json["after_failure"] == "stop"


def test_a_run_is_started_beside_the_others_or_later(terminal: Terminal, train: Callable[..., str]) -> None:
    train("A")
    beside = train("B", "--now")
    assert beside in terminal.engines["docker"].bodies
    later = train("C", "--at", "2099-01-31T22:30")
    (waiting,) = terminal.type("queue", "show", "--json").json["waiting"]
    assert waiting["waiting_for"].startswith("starts on 31 Jan at ")
    assert terminal.type("queue", "start", "C", "--json").json == {"id": later, "state": "starting"}
    assert terminal.type("train", "config.json", "--at", "soon").code == 2


def test_a_time_to_start_is_the_next_of_its_kind() -> None:
    now = datetime.now().astimezone()
    for minutes in (2, -2):
        there = now + timedelta(minutes=minutes)
        found = moment(f"{there:%H:%M}")
        assert timedelta(0) < found - now < timedelta(days=1, minutes=1)
        assert (found.hour, found.minute) == (there.hour, there.minute)


def test_the_keeper_leaves_once_nothing_waits_and_there_is_but_one(terminal: Terminal) -> None:
    assert terminal.type("queue", "run").code == 0
    with keeper.only_one(terminal.home) as is_mine:
        assert is_mine
        assert terminal.type("queue", "run").code == 0
