"""The table of runs with everything in it: sorted, narrowed, tagged, put away, deleted, renamed, made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from desktop.controllers.notices import Notice
from desktop.core.passport import passport
from desktop.core.run import Run, RunState
from desktop.engine.named_image import named_image
from desktop.ui.runs.columns import Column, model_name
from desktop.ui.runs.dock import RunsDock
from desktop.ui.runs.labels_dialog import RunLabelsDialog
from desktop.ui.runs.passport import PassportDialog, groups_of
from desktop.ui.runs.reproduce_dialog import ReproduceDialog
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from tests.fakes import START
from trainer_image.contract import Finished, RunConfig

StartRun = Callable[..., str]


@pytest.fixture
def finished(bench: Bench, start_run: StartRun, qtbot: QtBot) -> Callable[..., str]:
    """Make a run that has finished with a loss after so many of 100 steps."""

    def make(name: str, loss: float = 1.0, steps: int = 100, **changes: object) -> str:
        run_id = start_run(name, **changes)
        bench.trainer(run_id).step(steps, loss).say(Finished(step=steps, adapter="adapter", seconds=1))
        qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state is RunState.FINISHED)
        return run_id

    return make


@pytest.fixture
def dock(window: MainWindow) -> RunsDock:
    window.views.show("watch")
    return window.runs_dock


def names(model: QAbstractItemModel) -> list[str]:
    return [model.index(row, Column.RUN).data() for row in range(model.rowCount())]


def opened(window: MainWindow, kind: type[QWidget]) -> QWidget:
    return next(child for child in window.findChildren(kind) if child.isVisible())


def test_columns_are_sorted_as_numbers_and_what_is_unknown_stands_last(
    dock: RunsDock, finished: Callable[..., str], start_run: StartRun
) -> None:
    finished("nine", 9.0), finished("ten", 10.0), start_run("none yet"), finished("half", 0.5)
    dock.table.sortByColumn(Column.LOSS, Qt.SortOrder.AscendingOrder)
    assert names(dock.shown) == ["half", "nine", "ten", "none yet"]
    dock.table.sortByColumn(Column.LOSS, Qt.SortOrder.DescendingOrder)
    assert names(dock.shown) == ["ten", "nine", "half", "none yet"]
    dock.table.sort_by(Column.RUN)
    assert names(dock.shown) == ["half", "nine", "none yet", "ten"]
    assert dock.filter.order.currentText() == "By name"
    dock.table.sort_by(-1)
    assert names(dock.shown) == ["none yet", "half", "ten", "nine"]


def test_what_trains_stands_above_what_waits_and_goes_back_when_it_ends(
    dock: RunsDock, finished: Callable[..., str], start_run: StartRun, bench: Bench, config: RunConfig, qtbot: QtBot
) -> None:
    finished("old")
    live = start_run("live")
    bench.services.runs.start(config, name="waiting")
    assert names(dock.shown) == ["live", "waiting", "old"]
    dock.choose([live])
    bench.services.runs.queue.pause()
    bench.trainer(live).say(Finished(step=1, adapter="adapter", seconds=1))
    qtbot.waitUntil(lambda: names(dock.shown) == ["waiting", "live", "old"], timeout=60_000)
    assert dock.table.selectionModel().selectedRows()[0].data() == "live"


def test_time_is_sorted_by_what_is_shown(
    dock: RunsDock, finished: Callable[..., str], start_run: StartRun, bench: Bench, qtbot: QtBot
) -> None:
    finished("done")
    for name, steps in (("soon", range(88, 91)), ("later", range(1, 4))):
        run_id = start_run(name)
        for step in steps:
            bench.trainer(run_id).step(step, 1.0)
        qtbot.waitUntil(
            lambda run_id=run_id: bench.services.runs.get(run_id).progress.seconds_left is not None, timeout=60_000
        )
    dock.table.sortByColumn(Column.TIME, Qt.SortOrder.AscendingOrder)
    assert names(dock.shown) == ["soon", "later", "done"]
    dock.table.sortByColumn(Column.TIME, Qt.SortOrder.DescendingOrder)
    assert names(dock.shown) == ["done", "later", "soon"]


def test_the_list_is_narrowed_by_words_state_and_tag(
    dock: RunsDock, finished: Callable[..., str], start_run: StartRun, bench: Bench, qtbot: QtBot
) -> None:
    labels = bench.services.labels
    first, second = finished("first"), start_run("second")
    labels.set_tags(first, ["keep", "maths"])
    labels.set_notes(second, "with the longer rows")
    dock.filter.state.setCurrentIndex(dock.filter.state.findData("finished"))
    assert names(dock.shown) == ["first"]
    assert dock.filter.unfold.text() == "Filter: 1"
    dock.filter.clear()
    qtbot.waitUntil(lambda: dock.filter.tag.findData("maths") > 0)
    dock.filter.tag.setCurrentIndex(dock.filter.tag.findData("maths"))
    assert names(dock.shown) == ["first"]
    labels.set_tags(first, ["keep"])
    qtbot.waitUntil(lambda: names(dock.shown) == ["second", "first"])  # no run has that tag, so nobody asks for it
    dock.search.setText("LONGER rows")
    assert names(dock.shown) == ["second"]
    dock.search.setText("smol-135m answers keep")
    assert names(dock.shown) == ["first"]
    dock.search.setText("no such run")
    assert dock.stack.currentIndex() == 2
    qtbot.mouseClick(dock.show_all, Qt.MouseButton.LeftButton)
    assert names(dock.shown) == ["second", "first"]
    assert dock.stack.currentIndex() == 1


def test_several_runs_that_come_back_are_chosen_again(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str]
) -> None:
    first, _, third = finished("first"), finished("second"), finished("third")
    window.selection.select(first)
    dock.choose([first, third])
    window.actions_by_name["archive_runs"].trigger()
    assert names(dock.shown) == ["second"]
    window.bar.action.click()  # Undo
    assert set(window.selection.chosen) == {first, third}
    assert window.selection.run_id == first


def test_a_run_is_put_away_and_back(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    first, second = finished("first"), finished("second")
    window.selection.select(first)
    window.actions_by_name["archive_runs"].trigger()
    assert names(dock.shown) == ["second"]
    assert window.selection.run_id == second
    window.bar.action.click()  # Undo
    assert names(dock.shown) == ["second", "first"]
    assert window.selection.run_id == first, "what came back is looked at again"
    assert window.selection.chosen == (first,)
    dock.choose([first, second])
    window.actions_by_name["archive_runs"].trigger()
    qtbot.waitUntil(lambda: dock.stack.currentIndex() == 2)
    assert dock.nothing.text() == "Every run is in the archive."
    dock.show_all.click()
    assert names(dock.shown) == ["second", "first"]
    dock.choose([first, second])
    qtbot.waitUntil(lambda: window.actions_by_name["archive_runs"].text() == "Take 2 runs out of the archive")
    window.actions_by_name["archive_runs"].trigger()
    assert not bench.services.labels.of(first).is_archived


def test_several_are_deleted_at_once_and_had_back(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    ids = [finished(name) for name in ("one", "two", "three")]
    bench.services.labels.set_tags(ids[0], ["keep"])
    (bench.home.runs / ids[0] / "weights").write_bytes(b"0" * 3_000_000)
    dock.choose(ids[:2])
    assert window.actions_by_name["delete_run"].text() == "Delete 2 runs"
    window.actions_by_name["delete_run"].trigger()
    assert names(dock.shown) == ["three"]
    assert window.selection.run_id == ids[2]
    qtbot.waitUntil(lambda: dock.bin_line.sentence.whole_text() == "Deleted 2 runs: frees 3 MB")
    dock.bin_line.undo.click()
    assert names(dock.shown) == ["three", "two", "one"]
    assert bench.services.labels.of(ids[0]).tags == ("keep",)
    bench.services.run_bin.put(ids[:1])
    bench.services.run_bin.close()
    assert not (bench.home.runs / ids[0]).exists()
    assert bench.services.runs.get(ids[0]) is None


def test_what_goes_on_is_not_deleted(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], start_run: StartRun, bench: Bench
) -> None:
    ids = [finished("done"), start_run("live")]
    dock.choose(ids)
    assert not window.actions_by_name["delete_run"].isEnabled()
    dock.choose(ids[:1])


def test_a_name_is_changed_in_its_place(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    run_id = finished("first")
    dock.table.setFocus()
    qtbot.keyClick(dock.table, Qt.Key.Key_F2)
    editor = next(box for box in dock.table.findChildren(QLineEdit) if box.isVisible())
    assert editor.text() == "first"
    qtbot.keyClicks(editor, "  better ")
    bench.services.runs.run_changed.emit(run_id)  # its folder was weighed meanwhile
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).name == "better")
    assert not dock.model.setData(dock.model.index(0, Column.RUN), "   ")
    assert bench.services.runs.get(run_id).name == "better"


def test_tags_are_completed_and_kept_for_several(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    labels = bench.services.labels
    first, second = finished("first"), finished("second")
    labels.set_tags(first, ["keep", "maths"])
    labels.set_tags(second, ["keep"])
    window.selection.select(first)
    dock.choose([first, second])
    window.actions_by_name["label_runs"].trigger()
    dialog = opened(window, RunLabelsDialog)
    assert isinstance(dialog, RunLabelsDialog)
    assert dialog.tags == ["keep"]
    assert dialog.entry.completer().model().rowCount() == 2
    dialog.chips[0].click()
    qtbot.keyClicks(dialog.entry, "good, next")
    qtbot.keyClick(dialog.entry, Qt.Key.Key_Return)
    dialog.keep.click()
    assert labels.of(first).tags == ("good", "next", "maths")
    assert labels.of(second).tags == ("good", "next")
    dock.choose([second])
    window.selection.select(second)
    window.actions_by_name["label_runs"].trigger()
    dialog = opened(window, RunLabelsDialog)
    assert isinstance(dialog, RunLabelsDialog)
    dialog.notes.setPlainText("parrots the prompt")
    dialog.keep.click()
    assert labels.of(second).notes == "parrots the prompt"
    shown = dock.shown.index(names(dock.shown).index("second"), Column.RUN)
    assert "parrots the prompt" in shown.data(Qt.ItemDataRole.ToolTipRole)


def test_a_narrow_list_has_two_lines_and_a_wide_table_every_column(
    dock: RunsDock, window: MainWindow, start_run: StartRun, qtbot: QtBot
) -> None:
    start_run()
    window.actions_by_name["all_runs"].setChecked(True)
    qtbot.waitUntil(lambda: not dock.table.isColumnHidden(Column.TAGS))
    assert [name for name, shown in window.docks.items() if shown.isVisible()] == ["runs"]
    window.actions_by_name["view_watch"].trigger()
    assert not window.actions_by_name["all_runs"].isChecked()
    assert window.docks["plots"].isVisible()
    qtbot.waitUntil(lambda: dock.table.isColumnHidden(Column.STATE))


def test_a_layout_is_not_remembered_with_one_dock_alone(window: MainWindow, bench: Bench, qtbot: QtBot) -> None:
    window.views.show("watch")
    window.actions_by_name["all_runs"].setChecked(True)
    window.close()
    again = MainWindow(bench.services)
    qtbot.addWidget(again)
    again.show()
    assert again.docks["plots"].isVisible()


def test_the_passport_is_read_copied_and_saved(
    dock: RunsDock,
    window: MainWindow,
    finished: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished("first", seed=11)
    window.actions_by_name["passport"].trigger()
    dialog = opened(window, PassportDialog)
    assert isinstance(dialog, PassportDialog)
    dialog.copy.click()
    text = QGuiApplication.clipboard().text()
    assert "torch: 2.9.0" in text
    assert "Cards: NVIDIA H200" in text
    assert "Seed: 11" in text
    assert "Driver: not said" in text
    file = tmp_path / "passport.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    dialog.save.click()
    assert json.loads(file.read_text())["config"]["seed"] == 11
    dialog.accept()


def test_what_a_run_had_no_use_for_is_not_open_in_its_passport(bench: Bench, start_run: StartRun) -> None:
    told = passport(bench.services.runs.get(start_run("bare")), None)
    bare = replace(told, engine="process", image="", device="cpu", gpus=(), driver="")
    lines = dict(line for _, group in groups_of(bare) for line in group)
    assert (lines["Cards"], lines["Driver"]) == ("none", "none")
    assert lines["Image"] == "none, it ran without a container"
    unsaid = dict(line for _, group in groups_of(replace(bare, engine="docker", device="")) for line in group)
    assert (unsaid["Cards"], unsaid["Image"]) == ("", "")


def test_a_run_is_made_again_and_what_is_not_the_same_is_said(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, config: RunConfig, qtbot: QtBot
) -> None:
    run_id = finished("first", seed=11)
    said: list[Notice] = []
    bench.services.notices.posted.connect(said.append)
    window.actions_by_name["reproduce"].trigger()
    window.actions_by_name["reproduce"].trigger()  # a second click
    qtbot.waitUntil(lambda: window.selection.run_id != run_id)
    again = window.selection.run_id
    assert len(bench.services.runs.all()) == 2
    run = bench.services.runs.get(again)
    assert (run.name, run.config.seed) == ("first (again)", 11)
    assert run.config == bench.services.runs.get(run_id).config
    trainer = bench.trainer(again)
    trainer.hello()
    lines = trainer.files.events.read_text().replace("2.9.0", "2.10.0")
    trainer.files.events.write_text(lines)
    trainer.plan(100)
    qtbot.waitUntil(lambda: any("cannot be quite the same" in notice.sentence for notice in said))
    notice = next(notice for notice in said if "quite the same" in notice.sentence)
    assert notice.hint == "torch: 2.9.0 then, 2.10.0 now."
    assert notice.run_id == again


def reproduced(bench: Bench) -> list[Run]:
    return [run for run in bench.services.runs.all() if run.name == "first (again)"]


def test_a_run_is_made_again_from_its_own_image_while_that_is_there(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    run_id = finished("first")
    bench.trainer(run_id).hello(image="sha256:a")
    window.actions_by_name["reproduce"].trigger()
    qtbot.waitUntil(lambda: bool(reproduced(bench)))
    assert named_image(reproduced(bench)[0].folder) == "sha256:a"
    qtbot.waitUntil(lambda: bool(reproduced(bench)[0].body))
    assert not window.findChildren(ReproduceDialog)


def test_what_cannot_be_the_same_is_asked_before_a_run_is_made_again(
    dock: RunsDock, window: MainWindow, finished: Callable[..., str], bench: Bench, qtbot: QtBot
) -> None:
    run_id = finished("first")
    bench.trainer(run_id).hello(image="sha256:gone")
    bench.dataset.write_text('{"question": "How deep is the sea?", "answer": "Who knows."}\n')
    window.actions_by_name["reproduce"].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(ReproduceDialog)))
    dialog = opened(window, ReproduceDialog)
    assert isinstance(dialog, ReproduceDialog)
    data, image = (doubt.text() for doubt in dialog.doubts)
    assert data.startswith(f"The dataset {bench.dataset.name} has changed: its SHA-256 was ")
    assert image == (
        "Its image sha256:gone cannot be used. It is no longer there. The image in use now would be taken."
    )
    dialog.cancel.click()
    assert not reproduced(bench)
    qtbot.waitUntil(lambda: not window.findChildren(ReproduceDialog))
    window.actions_by_name["reproduce"].trigger()
    qtbot.waitUntil(lambda: bool(window.findChildren(ReproduceDialog)))
    dialog = opened(window, ReproduceDialog)
    assert isinstance(dialog, ReproduceDialog)
    dialog.anyway.click()
    (again,) = reproduced(bench)
    assert named_image(again.folder) == ""
    assert window.selection.run_id == again.id


def test_many_runs_are_narrowed_and_sorted(bench: Bench, config: RunConfig, tmp_path: Path, qtbot: QtBot) -> None:
    for number in range(200):
        folder = bench.home.runs / f"20260101-{number:06d}-aaaa"
        run = Run(
            folder.name, folder.name, "docker", folder, config, START, RunState.FINISHED, started=START, ended=START
        )
        bench.store.save_run(replace(run, loss=number / 100, step=10, total_steps=10))
    bench.close()
    again = make_bench(tmp_path)
    window = MainWindow(again.services)
    qtbot.addWidget(window)
    window.show()
    again.services.runs.load()
    dock = window.runs_dock
    assert dock.shown.rowCount() == 200
    dock.search.setText("000199")
    assert dock.shown.rowCount() == 1
    dock.search.clear()
    dock.table.sortByColumn(Column.LOSS, Qt.SortOrder.DescendingOrder)
    assert names(dock.shown)[0] == "20260101-000199-aaaa"
    assert dock.shown.rowCount() == 200
    again.close()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("/models/smol", "smol"),
        ("Qwen/Qwen2.5-1.5B", "Qwen2.5-1.5B"),
        ("/caches/hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/12fd25f", "SmolLM2-135M"),
    ],
)
def test_a_model_has_a_short_name(model: str, name: str) -> None:
    assert model_name(model) == name
