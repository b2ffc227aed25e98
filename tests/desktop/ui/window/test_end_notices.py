"""How a run ended is told until somebody has seen it, by whichever window; and nothing moves when it is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.core.run import RunState
from desktop.core.unseen_ends import UnseenEnds
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.contract import Failed, Finished

WAIT_MS = 60_000
StartRun = Callable[..., str]
Finish = Callable[[str], str]


@pytest.fixture
def finish(bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot) -> Finish:
    """Let a run finish while another one is looked at."""

    def make(name: str) -> str:
        run_id = start_run(name)
        bench.trainer(run_id).step(100, 1.0).say(Finished(step=100, adapter="adapter", seconds=100))
        qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state is RunState.FINISHED, timeout=WAIT_MS)
        return run_id

    window.selection.select(start_run("looked at"))
    return make


def unseen(bench: Bench) -> list[str]:
    return UnseenEnds(bench.store).all()


def another_window(bench: Bench, qtbot: QtBot) -> MainWindow:
    made = MainWindow(bench.services)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_an_end_waits_while_an_info_goes_by_itself(
    window: MainWindow, bench: Bench, finish: Finish, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.bar._leaving, "start", lambda: left.append(window.bar.sentence.whole_text()))
    left: list[str] = []
    run_id = finish("lunch")
    bench.services.notices.post("info", "A checkpoint is saved.")
    assert left == ["A checkpoint is saved."]
    window.bar._leaving.timeout.emit()
    assert window.bar.sentence.whole_text() == "lunch is finished."
    assert left == ["A checkpoint is saved."], "the end does not go by itself"
    assert unseen(bench) == [run_id]


@pytest.mark.parametrize("how", ["pressed", "closed", "chosen", "clicked"])
def test_an_end_goes_when_it_is_seen(how: str, window: MainWindow, bench: Bench, finish: Finish, qtbot: QtBot) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
    run_id = finish("lunch")
    assert window.bar.action.text() == "Judge it"
    if how == "pressed":
        window.bar.action.click()
        assert window.views.current == "judge"
    elif how == "closed":
        window.bar.dismiss()
    elif how == "chosen":
        window.selection.select(run_id)
    else:
        table, model = window.runs_dock.table, window.runs_dock.shown
        row = next(at for at in range(model.rowCount()) if model.index(at, 0).data() == "lunch")
        window.views.show("watch")
        qtbot.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(model.index(row, 0)).center()
        )
    assert window.bar.is_empty
    assert unseen(bench) == []
    assert another_window(bench, qtbot).bar.is_empty


def test_a_window_in_the_background_has_not_seen_what_it_chose(
    window: MainWindow, bench: Bench, finish: Finish, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = finish("lunch")
    monkeypatch.setattr(QApplication, "activeWindow", lambda: None)
    window.selection.select(run_id)
    assert window.bar.sentence.whole_text() == "lunch is finished."
    assert unseen(bench) == [run_id]


def test_a_dock_that_floats_is_looked_at_too(
    window: MainWindow, bench: Bench, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = finish("lunch")
    monkeypatch.setattr(QApplication, "activeWindow", lambda: window.runs_dock)
    window.selection.select(run_id)
    assert window.bar.is_empty
    assert unseen(bench) == []


def test_a_slower_app_does_not_tell_again_what_was_seen(window: MainWindow, bench: Bench, finish: Finish) -> None:
    run_id = finish("lunch")
    run = bench.services.runs.get(run_id)
    assert run is not None
    bench.services.runs.ends.see(run_id)
    assert unseen(bench) == []
    bench.services.runs.ends.mark(run_id, run.state, run.failure)
    assert unseen(bench) == []


def test_looking_counts_where_another_app_has_told_the_end(
    window: MainWindow, bench: Bench, finish: Finish, qtbot: QtBot
) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT_MS)
    run_id = finish("lunch")
    bench.services.runs.ends._unseen.clear()
    window.selection.select(run_id)
    assert unseen(bench) == []


def test_the_next_window_tells_what_nobody_has_seen(
    window: MainWindow, bench: Bench, finish: Finish, start_run: StartRun, qtbot: QtBot
) -> None:
    first = finish("first")
    second = start_run("second")
    bench.trainer(second).wait(300).say(Failed(code="crashed", sentence="It broke.", hint="Look at its log."))
    qtbot.waitUntil(lambda: bench.services.runs.get(second).state is RunState.FAILED, timeout=WAIT_MS)
    bar = another_window(bench, qtbot).bar
    assert (bar.sentence.whole_text(), bar.hint.whole_text()) == ("second: It broke.", "Look at its log.")
    assert bar.more.text() == "and 1 more"
    bar.dismiss()
    assert (bar.sentence.whole_text(), bar.action.text()) == ("first is finished.", "Judge it")
    assert unseen(bench) == [first]
    # Seen in one window is seen.
    assert [shown.notice.run_id for shown in window.bar._waiting] == [first]


def test_many_ends_are_told_in_one_sentence(
    window: MainWindow, bench: Bench, finish: Finish, start_run: StartRun, qtbot: QtBot
) -> None:
    finished = [finish(name) for name in ("first", "second")]
    failed = start_run("third")
    bench.trainer(failed).wait(300).say(Failed(code="crashed", sentence="It broke.", hint=""))
    qtbot.waitUntil(lambda: bench.services.runs.get(failed).state is RunState.FAILED, timeout=WAIT_MS)
    bar = another_window(bench, qtbot).bar
    for told in (window.bar, bar):
        assert told.sentence.whole_text() == "3 runs ended since you looked last: 2 finished, 1 failed."
        assert told.more.text() == ""
    bench.services.runs.ends.see(finished[0])
    told = "2 runs ended since you looked last: "
    assert bar.sentence.whole_text().startswith(told), "two of them are still to be seen"
    assert "1 finished" in bar.sentence.whole_text()
    assert "1 failed" in bar.sentence.whole_text()
    bar.action.click()
    assert bar.is_empty
    assert unseen(bench) == []
    assert window.bar.is_empty


def test_a_run_that_goes_on_has_not_ended(window: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run("again")
    bench.trainer(run_id).say(Failed(code="crashed", sentence="It broke.", hint=""))
    qtbot.waitUntil(lambda: unseen(bench) == [run_id], timeout=WAIT_MS)
    bench.engine.bodies.pop(run_id, None)  # a body that does not go is waited for
    bench.services.runs.resume(run_id)
    qtbot.waitUntil(lambda: unseen(bench) == [] and window.bar.is_empty, timeout=WAIT_MS)


@pytest.mark.parametrize("how", ["put into the bin", "deleted"])
def test_a_deleted_run_is_told_of_no_more(window: MainWindow, bench: Bench, finish: Finish, how: str) -> None:
    run_id = finish("gone")
    if how == "deleted":
        bench.services.runs.delete(run_id)
    else:
        bench.services.run_bin.put([run_id])
    assert window.bar.is_empty
    assert unseen(bench) == []


def test_nothing_moves_when_a_notice_comes_or_goes(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    window.views.show("watch")
    qtbot.wait(50)
    places = lambda: [(dock.mapTo(window, QPoint()), dock.size()) for dock in window.docks.values()]  # noqa: E731
    before = places()
    bench.services.notices.post("warning", "The disk is filling up.", "Free some space.")
    qtbot.waitUntil(window.bar.content.isVisible, timeout=WAIT_MS)
    assert places() == before
    bench.services.notices.post("error", "It did not start. " * 12, "Look at the doctor.")
    bar = window.bar
    qtbot.waitUntil(lambda: bar.hint.y() > bar.sentence.y(), timeout=WAIT_MS)
    assert places() == before
    assert bar.sentence.height() + bar.hint.height() <= bar.content.height(), "both lines are whole"
    bar.dismiss()
    bar.dismiss()
    qtbot.waitUntil(lambda: not bar.content.isVisible(), timeout=WAIT_MS)
    assert places() == before
