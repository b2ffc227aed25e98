"""Curves follow the events, a resume takes steps back, and a failure says what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from desktop.core import feeds
from desktop.core.series import smooth
from desktop.ui.runs.phase_line import now_line, phase_seconds
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import Failed, Finished, Paused, Phase, RunConfig

StartRun = Callable[..., str]


@pytest.fixture
def watching(window: MainWindow) -> MainWindow:
    window.views.show("watch")
    return window


def drawn(window: MainWindow, name: str = "raw") -> list[float]:
    return [round(float(x), 6) for x in window.plots_dock.curves.main.data_of(name)[0]]


def test_curves_show_what_is_appended(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    trainer = bench.trainer(start_run())
    for number in range(1, 6):
        trainer.step(number, 3.0 - number / 10)
    trainer.evaluate(5, 2.2)
    trainer.checkpoint(5)
    qtbot.waitUntil(lambda: drawn(watching) == [1, 2, 3, 4, 5])
    curves = watching.plots_dock.curves
    _, y = curves.main.data_of("smoothed")
    assert y == pytest.approx(smooth(np.array([2.9, 2.8, 2.7, 2.6, 2.5]), curves.smoothing.value() / 100))
    assert drawn(watching, "evaluation") == [5]
    assert drawn(watching, "checkpoint") == [5]
    qtbot.waitUntil(lambda: len(curves.small["learning_rate"].data_of("raw")[0]) == 5)
    assert watching.plots_dock.head.numbers["main"].value.text() == "2.50"
    assert watching.plots_dock.head.numbers["evaluation"].value.text() == "2.20"


def test_a_run_that_waits_says_for_what_and_whether_it_starts_by_itself(
    watching: MainWindow, bench: Bench, start_run: StartRun, config: RunConfig, qtbot: QtBot
) -> None:
    start_run("first")
    runs, said = bench.services.runs, watching.plots_dock.waiting.text
    watching.selection.select(runs.start(config, name="second", engine="docker"))
    qtbot.waitUntil(lambda: said() == "This run waits for first. It starts by itself.", timeout=60_000)
    runs.queue.pause()
    qtbot.waitUntil(lambda: said() == "This run waits: the queue is stopped.", timeout=60_000)


@pytest.mark.parametrize("is_overlaid", [False, True])
def test_curves_grow_on_after_the_folder_of_a_run_was_away(
    is_overlaid: bool, watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run()
    trainer = bench.trainer(run_id).step(1).step(2)
    curves = watching.plots_dock.curves
    if is_overlaid:
        bench.trainer(start_run("other")).step(1)
        watching.plots_dock.compare([run_id])
    steps = lambda: [track.series.column("step").tolist() for track in curves.tracks if track.run_id == run_id]  # noqa: E731
    qtbot.waitUntil(lambda: steps() == [[1, 2]], timeout=60_000)
    runs = bench.services.runs
    folder = runs.get(run_id).folder
    aside = folder.rename(folder.parent.parent / "elsewhere")
    qtbot.waitUntil(lambda: runs.get(run_id).is_away, timeout=60_000)
    aside.rename(folder)
    qtbot.waitUntil(lambda: not runs.get(run_id).is_away, timeout=60_000)
    trainer.step(3)
    qtbot.waitUntil(lambda: steps() == [[1, 2, 3]], timeout=60_000)
    if not is_overlaid:
        qtbot.waitUntil(lambda: drawn(watching) == [1, 2, 3], timeout=60_000)


def test_a_number_reads_alike_above_the_curves_and_beside_its_own(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer = bench.trainer(start_run())
    for number, seconds in enumerate((30.0, 2.0, 2.5, 1.0, 3.0), start=1):
        trainer.step(number, 2.0, seconds=seconds)
    dock = watching.plots_dock
    qtbot.waitUntil(lambda: len(drawn(watching)) == 5, timeout=60_000)
    chart = dock.curves.small["tokens_per_s"]
    qtbot.waitUntil(lambda: len(chart.data_of("raw")[0]) == 5, timeout=60_000)
    qtbot.waitUntil(lambda: chart.values.text() == dock.head.numbers["tokens/s"].value.text(), timeout=60_000)
    assert chart.data_of("raw")[1][-1] != pytest.approx(chart.data_of("smoothed")[1][-1], rel=0.01)


def test_a_resume_takes_back_what_it_makes_again(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer = bench.trainer(start_run())
    for number in range(1, 8):
        trainer.step(number, 2.0)
    qtbot.waitUntil(lambda: len(drawn(watching)) == 7)
    trainer.hello(resumed_from=4)
    trainer.step(5, 1.0)
    qtbot.waitUntil(lambda: drawn(watching) == [1, 2, 3, 4, 5])
    assert watching.plots_dock.curves.main.data_of("raw")[1][-1] == 1.0


def test_other_axes_and_losses_that_are_none(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    trainer = bench.trainer(start_run())
    for number, loss in enumerate((2.0, None, 1.0), 1):
        trainer.step(number, loss, seconds=60)
    qtbot.waitUntil(lambda: len(drawn(watching)) == 3)
    curves = watching.plots_dock.curves
    curves.axis.setCurrentIndex(curves.axis.findData("time"))
    assert drawn(watching) == [0, 1, 2]
    curves.axis.setCurrentIndex(curves.axis.findData("tokens"))
    assert drawn(watching) == [800, 1600, 2400]
    curves.log.setChecked(True)
    curves.axis.setCurrentIndex(curves.axis.findData("step"))
    curves.main.hovered.emit(2.9)
    assert "<b>1.00</b>" in curves.main.values.text()
    curves.main.hovered.emit(1.1)
    assert "<b>2.00</b>" in curves.main.values.text()


def test_a_long_run_is_worked_out_in_a_thread_its_loss_first(
    watching: MainWindow,
    bench: Bench,
    start_run: StartRun,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id = start_run("long")
    trainer = bench.trainer(run_id)
    for number in range(1, 31):
        trainer.step(number, 3.0 - number / 30)
    start_run("short")
    qtbot.waitUntil(lambda: drawn(watching) == [], timeout=60_000)
    monkeypatch.setattr(feeds, "LONG", 20)
    goes_on = threading.Event()
    make_ready = feeds.Feeds.make_ready

    def hold(self: feeds.Feeds, wanted: Iterable[tuple[str, bool]], look: feeds.Look) -> None:
        names = list(wanted)
        if ("loss", True) not in names:
            assert goes_on.wait(60)
        make_ready(self, names, look)

    monkeypatch.setattr(feeds.Feeds, "make_ready", hold)
    watching.selection.select(run_id)
    curves = watching.plots_dock.curves
    try:
        qtbot.waitUntil(lambda: len(drawn(watching)) == 30, timeout=60_000)
        assert len(curves.small["learning_rate"].data_of("raw")[0]) == 0
    finally:
        goes_on.set()
    qtbot.waitUntil(lambda: len(curves.small["learning_rate"].data_of("raw")[0]) == 30, timeout=60_000)


def test_hidden_curves_are_not_drawn(window: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    trainer = bench.trainer(start_run())
    trainer.step(1, 2.0)
    qtbot.waitUntil(lambda: window.plots_dock.curves.ticks.is_dirty)
    assert window.views.current == "setup"
    window.plots_dock.curves.ticks._tick()
    assert drawn(window) == []
    window.views.show("watch")
    qtbot.waitUntil(lambda: drawn(window) == [1])


def test_phases_have_names_and_times(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run()
    trainer = bench.trainer(run_id)
    trainer.phase("import", 14)
    trainer.say(Phase(name="load"))
    runs = bench.services.runs
    qtbot.waitUntil(lambda: runs.get(run_id).progress.phase is not None)
    run = runs.get(run_id)
    trainer.wait(20)
    assert phase_seconds(run, trainer.now) == {"import": 14, "load": pytest.approx(20)}
    assert now_line(run, trainer.now) == "Loading the model · for 20 s"
    assert "import" not in watching.plots_dock.ribbon.accessibleName()
    assert "libraries 14 s" in watching.plots_dock.ribbon.accessibleName()


def test_failure_says_what_to_do(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run()
    trainer, panel = bench.trainer(run_id), watching.plots_dock.failure
    trainer.checkpoint(3)
    trainer.print("first line\nCUDA out of memory\n")
    assert panel.isHidden()
    trainer.say(Failed(code="out_of_memory", sentence="The card is full.", hint="Lower Rows at once."))
    qtbot.waitUntil(panel.isVisible)
    assert panel.sentence.text() == "The card is full."
    assert panel.hint.text() == "Lower Rows at once."
    panel.show_log.click()
    assert panel.log.isVisible()
    assert "CUDA out of memory" in panel.log.toPlainText()
    panel.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "The card is full." in copied
    assert "CUDA out of memory" in copied
    assert not watching.bar.is_empty
    resume = panel.buttons.itemAt(0).widget()
    assert resume.text() == "Resume"
    resume.click()
    qtbot.waitUntil(lambda: len(bench.engine.started) == 2)
    assert panel.isHidden()


def test_a_failure_of_yesterday_is_told_again(bench: Bench, start_run: StartRun, qtbot: QtBot, tmp_path: Path) -> None:
    run_id = start_run()
    bench.trainer(run_id).step(1, 2.0)
    bench.trainer(run_id).say(Failed(code="diverged", sentence="The loss is no number.", hint="Lower the rate."))
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "failed")
    bench.close()
    again = make_bench(tmp_path)
    again.services.runs.load()
    window = MainWindow(again.services)
    qtbot.addWidget(window)
    window.show()
    window.views.show("watch")
    assert window.plots_dock.failure.isVisible()
    assert window.plots_dock.failure.sentence.text() == "The loss is no number."
    assert drawn(window) == [1]
    again.close()


def test_samples_are_read_again_and_follow(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run(sample_prompts=("Who are you?",))
    trainer, dock = bench.trainer(run_id), watching.samples_dock
    trainer.sample(10, "Who are you?", "A model.")
    trainer.sample(20, "Who are you?", "A captain.")
    qtbot.waitUntil(lambda: [sample.text for sample in dock.samples] == ["A model.", "A captain."])
    watching.selection.select("")
    assert dock.samples == []
    watching.selection.select(run_id)
    qtbot.waitUntil(lambda: len(dock.samples) == 2)
    trainer.hello(resumed_from=10)
    qtbot.waitUntil(lambda: [sample.step for sample in dock.samples] == [10])


def test_the_end_offers_to_judge(watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot) -> None:
    run_id = start_run("captain")
    bench.trainer(run_id).step(1, 1.5)
    bench.trainer(run_id).files.adapter.mkdir()
    bench.trainer(run_id).say(Finished(step=1, adapter="adapter", seconds=3))
    qtbot.waitUntil(lambda: not watching.bar.is_empty)
    qtbot.waitUntil(lambda: watching.bar.action.text() == "Judge it")
    assert "captain is finished" in watching.bar.sentence.whole_text()
    watching.bar.action.click()
    assert watching.views.current == "judge"
    qtbot.waitUntil(lambda: bench.services.chat.run_id == run_id)


def test_pausing_is_said_until_the_run_has_paused(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run()
    trainer, actions = bench.trainer(run_id), watching.actions_by_name
    pause, save, cancel = actions["pause"], actions["checkpoint"], actions["cancel"]
    trainer.step(1, 2.0)
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).step == 1)
    save.trigger()
    qtbot.waitUntil(lambda: not save.isEnabled())
    assert save.text() == "Saving a checkpoint…"
    trainer.checkpoint(1)
    qtbot.waitUntil(save.isEnabled)
    assert save.text() == "Checkpoint now"
    pause.trigger()
    qtbot.waitUntil(lambda: pause.text() == "Pausing…")
    assert not pause.isEnabled()
    assert not save.isEnabled()
    assert cancel.isEnabled()
    assert watching.plots_dock.head.now.whole_text().startswith("Pauses after this step")
    trainer.say(Paused(step=1))
    qtbot.waitUntil(lambda: pause.text() == "Resume")
    assert pause.isEnabled()


def test_cancelling_is_said_and_can_be_hurried(
    watching: MainWindow, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run()
    actions = watching.actions_by_name
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).body is not None, timeout=60_000)
    actions["cancel"].trigger()
    qtbot.waitUntil(lambda: actions["cancel"].text().startswith("Cancelling…"))
    assert actions["pause"].text() == "Pause"
    assert not actions["pause"].isEnabled()
    actions["cancel"].trigger()
    qtbot.waitUntil(lambda: bench.services.runs.get(run_id).state == "cancelled", timeout=60_000)
    assert actions["cancel"].text() == "Cancel run"
