"""``queue``, and what ``train`` says when others are at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desktop.cli.queue_words import cards, moment
from desktop.controllers import assembly as assembly_module
from desktop.controllers import keeper
from desktop.controllers import runs as runs_module
from desktop.errors import ConfigError
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
    assert "soon is no time to start." in terminal.refused("train", "config.json", "--at", "soon")


def test_a_run_that_waits_is_given_another_hour(
    terminal: Terminal, train: Callable[..., str], kept: list[Home]
) -> None:
    train("A")
    later = train("B")
    kept.clear()
    said = terminal.type("queue", "at", "B", "2099-01-31", "22:30")
    assert (said.code, said.out) == (0, "B: starts on 31 Jan at 22:30.\n")
    assert kept == [terminal.home]
    (waiting,) = terminal.type("queue", "--json").json["waiting"]
    assert datetime.fromisoformat(waiting["not_before"]).astimezone().isoformat().startswith("2099-01-31T22:30")
    assert "starts on 31 Jan at 22:30" in terminal.type("queue").out
    said = terminal.type("queue", "at", "B", "now", "--json")
    assert (said.json["id"], said.json["not_before"], said.json["waiting_for"]) == (later, None, "waits for A")
    assert "A has begun already." in terminal.refused("queue", "at", "A", "+2h")
    assert "noonish is no time to start." in terminal.refused("queue", "at", "B", "noonish")
    assert "2020-01-01 06:00 has passed." in terminal.refused("queue", "at", "B", "2020-01-01 06:00")


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine have two cards."""
    read = assembly_module.read_machine
    monkeypatch.setattr(assembly_module, "read_machine", lambda *rest: replace(read(*rest), gpu_indices=(0, 1)))


@pytest.mark.usefixtures("two_cards")
def test_a_run_that_waits_is_given_other_cards(terminal: Terminal, train: Callable[..., str]) -> None:
    train("A", "--gpus", "0")
    train("B", "--gpus", "0")
    assert "GPU 0 · waits for A (GPU 0)" in terminal.type("queue").out
    assert "This machine has no GPU 3." in terminal.refused("queue", "on", "B", "3")
    assert "b names no cards." in terminal.refused("queue", "on", "B", "b")
    said = terminal.type("queue", "on", "B", "0,", "1", "--json").json
    assert (said["gpus"], said["waiting_for"]) == ([0, 1], "waits for A (GPU 0)")
    assert terminal.type("queue", "on", "B", "1").out == "B: GPU 1 · starts now.\n"
    assert terminal.type("queue", "on", "B", "all", "--json").json["gpus"] is None
    assert terminal.type("queue", "on", "B", "cpu", "--json").json["gpus"] == []
    assert "A has begun already." in terminal.refused("queue", "on", "A", "1")


def test_a_time_to_start_is_the_next_of_its_kind() -> None:
    now = datetime.now().astimezone()
    for minutes in (2, -2):
        there = now + timedelta(minutes=minutes)
        found = moment(f"{there:%H:%M}", now)
        assert found is not None
        assert timedelta(0) < found - now < timedelta(days=1, minutes=1)
        assert (found.hour, found.minute) == (there.hour, there.minute)


def test_a_time_to_start_may_be_written_in_many_ways() -> None:
    now = datetime(2026, 11, 22, 12, 0).astimezone()
    assert moment("now", now) is None
    for word, away in (("+2h", 120), ("+90m", 90), ("+1h30m", 90), ("+1d", 1440), ("+5min", 5)):
        assert moment(word, now) == now + timedelta(minutes=away)
    six = datetime(2026, 11, 23, 6, 0).astimezone()
    assert moment("2026-11-23 06:00", now) == moment("2026-11-23T06:00", now) == moment(six.isoformat(), now) == six
    for word in ("", "+", "+2", "2h", "24:30", "+99999999999d", "2026-13-01 06:00", "+0h", "11:59:00 "):
        with pytest.raises(ConfigError):
            moment(word, now)


def test_cards_are_named_by_number() -> None:
    assert [cards(word) for word in ("all", "cpu", "1", "1, 0", "1,1")] == [None, (), (1,), (0, 1), (1,)]
    for word in ("", "0;1", "-1", "gpu"):
        with pytest.raises(ConfigError):
            cards(word)


def test_the_keeper_leaves_once_nothing_waits_and_there_is_but_one(terminal: Terminal) -> None:
    assert terminal.type("queue", "run").code == 0
    with keeper.only_one(terminal.home) as is_mine:
        assert is_mine
        assert terminal.type("queue", "run").code == 0
