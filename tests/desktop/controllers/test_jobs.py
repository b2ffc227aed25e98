"""Work off the GUI thread, and its results on it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.jobs import Jobs, Lane
from desktop.errors import AppError, EngineError


def test_a_result_comes_back_on_this_thread(jobs: Jobs, qtbot: QtBot) -> None:
    worked: list[threading.Thread] = []
    came: list[tuple[int, threading.Thread]] = []

    def work() -> int:
        worked.append(threading.current_thread())
        return 42

    jobs.run("pool", work, lambda result: came.append((result, threading.current_thread())))
    assert came == []
    qtbot.waitUntil(lambda: bool(came))
    assert came == [(42, threading.main_thread())]
    assert worked[0] is not threading.main_thread()


def test_an_expected_error_goes_to_who_asked(jobs: Jobs, qtbot: QtBot) -> None:
    told: list[AppError] = []
    crashes: list[object] = []
    jobs.crashed.connect(crashes.append)
    error = EngineError("No engine.", "Start it.")

    def work() -> None:
        raise error

    jobs.run("engine", work, lambda _: told.append(AppError("done?")), told.append)
    qtbot.waitUntil(lambda: bool(told))
    assert told == [error]
    assert crashes == []


def test_an_expected_error_that_nobody_wants_is_logged(
    jobs: Jobs, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        raise EngineError("No engine.", "Start it.")

    jobs.run("engine", work)
    qtbot.waitUntil(lambda: "No engine. Start it." in caplog.text)


def test_a_mistake_of_ours_is_a_crash_and_leaves_nobody_waiting(jobs: Jobs, qtbot: QtBot) -> None:
    told: list[AppError] = []

    def work() -> None:
        raise ZeroDivisionError("by zero")

    with qtbot.waitSignal(jobs.crashed) as crash:
        jobs.run("build", work, failed=told.append)
    assert isinstance(crash.args[0], ZeroDivisionError)
    qtbot.waitUntil(lambda: bool(told))
    assert "ZeroDivisionError" in told[0].sentence


def test_a_crash_without_a_listener_for_failures(jobs: Jobs, qtbot: QtBot) -> None:
    with qtbot.waitSignal(jobs.crashed):
        jobs.run("pool", lambda: [][0])


@pytest.mark.parametrize(("lane", "at_once"), [("engine", 1), ("build", 1), ("pool", 3)])
def test_lanes_are_as_wide_as_they_say(jobs: Jobs, qtbot: QtBot, lane: Lane, at_once: int) -> None:
    lock, inside, most = threading.Lock(), 0, 0
    gate = threading.Barrier(at_once)
    done: list[object] = []

    def work() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.wait(60)  # passes only when as many are inside as the lane is wide
        with lock:
            inside -= 1

    for _ in range(at_once * 3):
        jobs.run(lane, work, done.append)
    qtbot.waitUntil(lambda: len(done) == at_once * 3)
    assert most == at_once


def test_a_lane_keeps_its_order(jobs: Jobs, qtbot: QtBot) -> None:
    done: list[int] = []
    for number in range(50):
        jobs.run("engine", lambda number=number: number, done.append)  # type: ignore[misc]
    qtbot.waitUntil(lambda: len(done) == 50)
    assert done == list(range(50))


def test_a_job_may_speak_before_its_end(jobs: Jobs, qtbot: QtBot) -> None:
    heard: list[threading.Thread] = []
    gate = threading.Event()

    def work() -> None:
        jobs.call_soon(lambda: heard.append(threading.current_thread()))
        assert gate.wait(60)

    jobs.run("build", work)
    qtbot.waitUntil(lambda: bool(heard))
    gate.set()
    assert heard == [threading.main_thread()]


def test_closing_waits_for_what_runs_and_drops_its_result(qtbot: QtBot) -> None:
    jobs = Jobs()
    entered, gate, ended = threading.Event(), threading.Event(), threading.Event()
    told: list[object] = []

    def work() -> None:
        entered.set()
        assert gate.wait(60)
        ended.set()

    jobs.run("engine", work, told.append)
    assert entered.wait(60)
    threading.Timer(0.05, gate.set).start()
    assert jobs.close() is False
    assert ended.is_set()
    jobs.run("engine", lambda: told.append("third"), told.append)
    jobs.call_soon(lambda: told.append("fourth"))
    qtbot.wait(20)
    assert told == []
    jobs.close()


def test_closing_does_not_wait_for_a_build_and_says_so(qtbot: QtBot) -> None:
    jobs = Jobs()
    entered, gate = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        gate.wait(60)

    jobs.run("build", work)
    assert entered.wait(60)
    assert jobs.close() is True
    gate.set()


def test_closing_still_does_what_the_engine_was_asked(qtbot: QtBot, tmp_path: Path) -> None:
    """The last thing before the end may be to kill a run or to clear a chat away."""
    jobs = Jobs()
    gate = threading.Event()
    jobs.run("engine", lambda: gate.wait(60))
    jobs.run("engine", (tmp_path / "killed").touch)
    threading.Timer(0.05, gate.set).start()
    jobs.close()
    assert (tmp_path / "killed").exists()
