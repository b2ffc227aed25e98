"""The table of runs: its model, what it shows, and what can be done from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from desktop.body import Body
from desktop.engine.steps import BuildStep
from desktop.ui.runs.model import RUN_ROLE, Column, RunsModel, subline
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import CheckpointRequest, Finished, Paused, PauseRequest, RunConfig, read_request

StartRun = Callable[..., str]


def requests_of(bench: Bench, run_id: str) -> list[object]:
    file = bench.trainer(run_id).files.requests
    return [read_request(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_model_keeps_qt_s_rules(bench: Bench, start_run: StartRun, qtmodeltester: ModelTester, qtbot: QtBot) -> None:
    model = RunsModel(bench.services.runs, bench.services.labels)
    qtmodeltester.check(model)
    first = start_run("first")
    second = start_run("second")
    assert model.rowCount() == 2
    assert model.row_of(second) == 0
    bench.trainer(first).step(40, 1.234)
    bench.trainer(first).say(Finished(step=40, adapter="adapter", seconds=40))
    qtbot.waitUntil(lambda: bench.services.runs.get(first).state == "finished")
    bench.services.runs.delete(first)
    assert model.rowCount() == 1
    qtmodeltester.check(model)


def test_model_says_how_far_a_run_is(bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    model = RunsModel(bench.services.runs, bench.services.labels)
    run_id = start_run()
    with qtbot.waitSignal(model.dataChanged, check_params_cb=lambda *_: model.index(0, Column.LOSS).data() == "1.23"):
        bench.trainer(run_id).step(40, 1.2345, seconds=2)
    assert model.index(0, Column.PROGRESS).data() == "40 of 100"
    assert model.index(0, Column.TIME).data() == "2 min left"
    assert model.index(0, Column.STATE).data() == "running"
    assert "1.2345" in model.index(0, Column.LOSS).data(Qt.ItemDataRole.ToolTipRole)
    assert "running" in model.index(0, Column.RUN).data(Qt.ItemDataRole.AccessibleTextRole)


def test_what_is_made_ready_is_named(bench: Bench, config: RunConfig, window: MainWindow) -> None:
    bench.engine.start = lambda spec: "1"  # type: ignore[method-assign]
    run_id = bench.services.runs.start(config, engine="docker")
    bench.services.setup.progressed.emit("docker", BuildStep(2, 9, "installing torch", 12.0))
    run = window.runs_dock.model.index(0, 0).data(RUN_ROLE)
    assert run.id == run_id
    assert subline(run) == "starting · step 2 of 9: installing torch"
    window.selection.select(run_id)
    assert window.plots_dock.head.now.whole_text().startswith("Step 2 of 9: installing torch")


def test_space_pauses_and_resumes(bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run()
    window.views.show("watch")
    window.runs_dock.table.setFocus()
    action = window.actions_by_name["pause"]
    qtbot.waitUntil(lambda: action.isEnabled() and action.text() == "Pause")
    qtbot.keyClick(window.runs_dock.table, Qt.Key.Key_Space)
    assert [type(request) for request in requests_of(bench, run_id)] == [PauseRequest]
    bench.trainer(run_id).checkpoint(10)
    bench.trainer(run_id).say(Paused(step=10, checkpoint="checkpoints/checkpoint-10"))
    qtbot.waitUntil(lambda: action.text() == "Resume")
    qtbot.keyClick(window.runs_dock.table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(bench.engine.started) == 2)
    assert bench.services.runs.get(run_id).state.is_live


def test_space_in_a_text_field_is_a_space(window: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run()
    window.views.show("watch")
    qtbot.keyClicks(window.log_dock.search, "a b")
    assert window.log_dock.search.text() == "a b"
    assert requests_of(bench, run_id) == []


def test_actions_go_to_the_selected_run(
    bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot, config: RunConfig
) -> None:
    first, second = start_run("first", seed=11), start_run("second")
    window.selection.select(first)
    assert window.runs_dock.table.currentIndex().row() == 1
    window.actions_by_name["checkpoint"].trigger()
    assert [type(request) for request in requests_of(bench, first)] == [CheckpointRequest]
    assert requests_of(bench, second) == []
    window.actions_by_name["load_config"].trigger()
    assert window.config_dock.form.config == config.model_copy(update={"seed": 11})
    assert window.views.current == "setup"
    qtbot.mouseClick(
        window.runs_dock.table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=window.runs_dock.table.visualRect(window.runs_dock.shown.index(0, 0)).center(),
    )
    assert window.selection.run_id == second


def test_what_is_deleted_can_be_had_back_for_a_while(
    bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run()
    assert not window.actions_by_name["delete_run"].isEnabled()
    bench.trainer(run_id).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(window.actions_by_name["delete_run"].isEnabled)
    dock = window.runs_dock
    window.actions_by_name["delete_run"].trigger()
    assert dock.shown.rowCount() == 0
    assert window.selection.run_id == ""
    qtbot.waitUntil(lambda: "frees" in dock.bin_line.sentence.whole_text())
    dock.bin_line.undo.click()
    assert window.selection.run_id == run_id
    assert bench.services.runs.get(run_id).folder.is_dir()
    window.actions_by_name["delete_run"].trigger()
    folder = bench.services.runs.get(run_id).folder
    dock.bin_line.now.click()
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id) is None)
    assert not folder.exists()
    assert dock.bin_line.isHidden()


def test_a_run_begun_with_ctrl_held_is_chosen_alone(
    bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot
) -> None:
    window.views.show("watch")
    first = start_run("first")
    table = window.runs_dock.table
    assert window.selection.chosen == (first,)
    qtbot.keyPress(table, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.keyboardModifiers() == Qt.KeyboardModifier.ControlModifier
    second = start_run("second")
    window.selection.select(second)
    qtbot.keyRelease(table, Qt.Key.Key_Control)
    assert window.selection.chosen == (second,)


def test_the_row_that_follows_one_put_away_is_chosen(
    bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot
) -> None:
    runs = [start_run(name) for name in ("first", "second", "third")]
    for run_id in runs:
        bench.trainer(run_id).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(lambda: all(bench.services.runs.get(run_id).state == "finished" for run_id in runs), timeout=60_000)
    window.views.show("watch")
    window.selection.select(runs[1])
    for action in ("archive_runs", "delete_run"):
        window.actions_by_name[action].trigger()
        looked_at = window.selection.run_id
        assert window.selection.chosen == (looked_at,)
        assert window.runs_dock.table.selectionModel().isSelected(window.runs_dock.table.currentIndex())
    assert window.runs_dock.shown.rowCount() == 1


def test_the_notice_of_how_a_run_ended_goes_when_it_goes_on(
    bench: Bench, window: MainWindow, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run()
    bench.trainer(run_id).step(24, 1.0)
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).step == 24, timeout=60_000)
    bench.engine.bodies[run_id] = Body("exited", exit_code=137)
    qtbot.waitUntil(lambda: "killed" in window.bar.sentence.whole_text(), timeout=60_000)
    assert window.bar.hint.whole_text().startswith("Resume begins again: it has no checkpoint yet.")
    window.selection.select(run_id)
    qtbot.waitUntil(lambda: window.actions_by_name["pause"].text() == "Resume", timeout=60_000)
    window.actions_by_name["pause"].trigger()
    assert window.bar.sentence.whole_text() == "first begins again: it has no checkpoint yet."
    assert window.bar.more.text() == ""


def test_empty_is_a_beginning(window: MainWindow, start_run: StartRun) -> None:
    assert window.runs_dock.stack.currentIndex() == 0
    start_run()
    assert window.runs_dock.stack.currentIndex() == 1
    assert window.selection.run_id


def test_search_narrows(window: MainWindow, start_run: StartRun, qtbot: QtBot) -> None:
    start_run("bread"), start_run("parrot")
    window.runs_dock.begin_search()
    qtbot.keyClicks(window.runs_dock.search, "parr")
    assert [window.runs_dock.shown.index(row, 0).data() for row in range(window.runs_dock.shown.rowCount())] == [
        "parrot"
    ]


def test_who_opens_the_window_while_a_run_is_at_work_sees_that_one(
    bench: Bench, start_run: StartRun, qtbot: QtBot, tmp_path: Path
) -> None:
    live = start_run("live")
    newer = start_run("newer")
    bench.trainer(newer).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(lambda: bench.services.runs.get(newer).state == "finished", timeout=60_000)
    again = make_bench(tmp_path)
    again.engine.bodies.update(bench.engine.bodies)
    bench.close()
    window = MainWindow(again.services)
    qtbot.addWidget(window)
    window.show()
    again.services.runs.load()
    qtbot.waitUntil(lambda: window.selection.run_id == live, timeout=60_000)
    window.selection.select(newer)
    assert window.selection.run_id == newer
    again.close()
