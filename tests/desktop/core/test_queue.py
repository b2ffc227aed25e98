"""Who may start, who waits for whom, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desktop.core.queue import Around, Move, blocks, in_order, lane_words, moved, position_at_end
from desktop.core.run import Run, RunState
from trainer_image.contract import RunConfig

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TWO = Around(cards=(0, 1), now=NOW)
NONE = Around(cards=(), now=NOW)
WAITING, RUNNING = RunState.WAITING, RunState.RUNNING


@pytest.fixture
def make(make_config: Callable[..., RunConfig]) -> Callable[..., Run]:
    made: list[str] = []

    def run(name: str, state: RunState = WAITING, gpus: tuple[int, ...] | None = None, **fields: object) -> Run:
        made.append(name)
        place = {"position": float(len(made))} if state is WAITING else {}
        config = make_config(gpus=gpus)
        return replace(Run(name, name, "docker", Path("/runs") / name, config, NOW, state), **{**place, **fields})  # type: ignore[arg-type]

    return run


def told(around: Around, *runs: Run) -> dict[str, str]:
    return blocks({run.id: run for run in runs}, around)


def test_on_a_machine_without_cards_one_run_goes_after_the_other(make: Callable[..., Run]) -> None:
    assert told(NONE, make("A"), make("B"), make("C", gpus=())) == {
        "A": "",
        "B": "waits for A",
        "C": "waits for B, which is before it",
    }
    assert told(NONE, make("A", RUNNING), make("B")) == {"B": "waits for A"}


def test_two_runs_of_one_card_each_start_side_by_side(make: Callable[..., Run]) -> None:
    assert told(TWO, make("A", gpus=(0,)), make("B", gpus=(1,)), make("C", gpus=())) == {"A": "", "B": "", "C": ""}


def test_a_run_on_both_cards_waits_for_both_and_is_not_passed(make: Callable[..., Run]) -> None:
    found = told(TWO, make("A", RUNNING, gpus=(1,)), make("B"), make("C", gpus=(0,)), make("D", gpus=()))
    assert found == {"B": "waits for A (GPU 1)", "C": "waits for B, which is before it (GPU 0)", "D": ""}


def test_a_body_that_is_just_leaving_holds_its_card(make: Callable[..., Run]) -> None:
    ended = make("A", RunState.FINISHED)
    assert told(replace(NONE, leaving=frozenset({"A"})), ended, make("B")) == {
        "B": "waits for A, which is just leaving"
    }
    assert told(NONE, ended, make("B")) == {"B": ""}


def test_a_run_of_a_later_time_lets_others_pass(make: Callable[..., Run]) -> None:
    later = make("A", not_before=NOW + timedelta(days=2))
    found = told(NONE, later, make("B"))
    assert found["A"].startswith("starts on 0")
    assert found["B"] == ""
    assert told(replace(NONE, now=NOW + timedelta(days=2)), later, make("B"))["A"] == ""
    assert told(NONE, make("A", not_before=NOW + timedelta(minutes=1)))["A"].startswith("starts at ")


def test_a_stopped_queue_says_why(make: Callable[..., Run]) -> None:
    assert told(replace(NONE, stopped_because="because X has failed"), make("A")) == {
        "A": "waits: the queue is stopped, because X has failed"
    }
    assert told(replace(NONE, stopped_because=""), make("A")) == {"A": "waits: the queue is stopped"}


def test_an_engine_that_does_not_answer_holds_its_own_runs_only(make: Callable[..., Run]) -> None:
    found = told(replace(NONE, silent=frozenset({"docker"})), make("A"), make("B", engine="process"))
    assert found == {"A": "waits for the Docker engine, which does not answer", "B": ""}


def test_the_second_run_of_a_chain_waits_and_then_comes_before_the_queue(make: Callable[..., Run]) -> None:
    first, queued = make("A", RUNNING), make("B")
    second = make("C", after="A", position=None)
    assert told(NONE, first, queued, second) == {"C": "waits for A", "B": "waits for A"}
    done = replace(first, state=RunState.FINISHED)
    assert told(NONE, done, queued, second) == {"C": "", "B": "waits for C"}
    assert told(NONE, make("D", after="gone")) == {"D": "waits for a run that is not there"}


def test_the_order_is_by_place_then_by_age(make: Callable[..., Run]) -> None:
    runs = [make("A", position=3.0), make("B", position=1.0), make("C", position=None), make("D", RUNNING)]
    assert [run.id for run in in_order(runs)] == ["B", "A", "C"]
    assert position_at_end(runs) == 4.0
    assert position_at_end([]) == 1.0


@pytest.mark.parametrize(
    ("run_id", "how", "order"),
    [
        ("C", "up", "ACBD"),
        ("A", "down", "BACD"),
        ("D", "first", "DABC"),
        ("A", "last", "BCDA"),
        ("B", "last", "ACDB"),
        ("C", "down", "ABDC"),
        ("B", "up", "BACD"),
    ],
)
def test_a_run_is_moved(make: Callable[..., Run], run_id: str, how: str, order: str) -> None:
    runs = {name: make(name) for name in "ABCD"}
    assert order_after(runs, run_id, how) == order  # type: ignore[arg-type]


def order_after(runs: dict[str, Run], run_id: str, how: Move) -> str:
    for each, place in moved(in_order(runs.values()), run_id, how).items():
        runs[each] = replace(runs[each], position=place)
    return "".join(run.id for run in in_order(runs.values()))


@pytest.mark.parametrize(("run_id", "how"), [("A", "up"), ("A", "first"), ("B", "down"), ("B", "last")])
def test_what_is_there_already_is_not_moved(make: Callable[..., Run], run_id: str, how: str) -> None:
    assert moved([make("A"), make("B")], run_id, how) == {}  # type: ignore[arg-type]


def test_the_order_never_wears_out(make: Callable[..., Run]) -> None:
    runs = {name: make(name) for name in "ABC"}
    order = "ABC"
    for _ in range(500):
        expected = order[0] + order[2] + order[1]
        order = order_after(runs, order[2], "up")
        assert order == expected
    worn_out = {name: make(name, position=1.0) for name in "ABCD"}
    assert order_after(worn_out, "D", "up") == "ABDC"
    assert order_after(worn_out, "A", "last") == "BDCA"


def test_the_cards_of_a_run_are_named_where_there_are_several() -> None:
    assert [lane_words(gpus, (0, 1)) for gpus in (None, (1, 0), (1,), ())] == [
        "both cards",
        "both cards",
        "GPU 1",
        "no card",
    ]
    assert [lane_words(gpus, (0, 1, 2)) for gpus in (None, (2, 0))] == ["all 3 cards", "GPU 0 and 2"]
    assert [lane_words(gpus, (0,)) for gpus in (None, (0,), ())] == ["", "", ""]
