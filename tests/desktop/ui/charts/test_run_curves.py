"""Several runs on the same charts, pins, marks and samples, and what leaves the window as a file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from desktop.core import curves as curve_file
from desktop.core import feeds, pins
from desktop.core.pins import Pin
from desktop.core.run import RunState
from desktop.ui.charts.legend import TrackPopup
from desktop.ui.charts.run_colours import RunColours
from desktop.ui.charts.run_curves import RunCurves
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench, make_bench
from trainer_image.contract import Finished, Paused

StartRun = Callable[..., str]


@pytest.fixture
def watching(window: MainWindow) -> MainWindow:
    window.views.show("watch")
    return window


@pytest.fixture
def curves(watching: MainWindow) -> RunCurves:
    return watching.plots_dock.curves


@pytest.fixture
def runs(bench: Bench, start_run: StartRun, watching: MainWindow) -> list[str]:
    """Three runs of ten steps each, the first one selected."""
    ids = [start_run(name) for name in ("one", "two", "three")]
    for index, run_id in enumerate(ids):
        for number in range(1, 11):
            bench.trainer(run_id).step(number, 3.0 + index - number / 10)
        bench.trainer(run_id).evaluate(5, 2.5 + index)
        bench.services.runs.refresh(run_id)
    watching.selection.select(ids[0])
    watching.plots_dock.curves.redraw()
    return ids


def names(curves: RunCurves) -> list[str]:
    return [curve.name for curve in curves.main.curves if curve.look == "line"]


def test_runs_are_drawn_together_in_colours_and_dashes_of_their_own(
    watching: MainWindow, curves: RunCurves, runs: list[str]
) -> None:
    assert curves.legend.isHidden()
    watching.selection.compare(runs)
    assert names(curves) == ["smoothed", f"smoothed {runs[1]}", f"smoothed {runs[2]}"]
    assert len(curves.main.data_of(f"smoothed {runs[1]}")[0]) == 10
    assert len(curves.small["learning_rate"].data_of(f"smoothed {runs[2]}")[0]) == 10
    lines = [curve for curve in curves.main.curves if curve.look == "line"]
    assert len({curves.main.colour_of(line) for line in lines}) == 3
    assert len({line.dash for line in lines}) == 3
    assert [chip.text() for chip in curves.legend.chips] == ["one", "two", "three"]
    assert curves.legend.isVisible()


def test_compared_runs_are_smoothed_alike(
    watching: MainWindow, curves: RunCurves, runs: list[str], bench: Bench
) -> None:
    for number in range(11, 101):
        bench.trainer(runs[1]).step(number, 2.0)
    bench.services.runs.refresh(runs[1])
    assert curves.controls.percent.text() == "auto 0.33"
    watching.selection.compare(runs[:2])
    assert curves.controls.percent.text() == "auto 0.83"
    assert {track.feeds.of("loss", keeps_gaps=True).weight for track in curves.tracks} == {0.83}


def test_a_chart_that_this_run_does_without_leaves_the_axis_alone(
    watching: MainWindow, curves: RunCurves, start_run: StartRun, bench: Bench, qtbot: QtBot
) -> None:
    long, short = start_run("long"), start_run("short")
    for number in range(1, 1001):
        bench.trainer(long).step(number, 1.0, metrics={"mean_token_accuracy": 0.5 + number / 3000})
    for number in range(1, 11):
        bench.trainer(short).step(number, 1.0)
    for run_id in (long, short):
        bench.services.runs.refresh(run_id)
    watching.selection.select(long)
    qtbot.waitUntil(lambda: curves.main.axis.whole == (1, 1000))
    watching.selection.select(short)
    qtbot.waitUntil(lambda: not curves.main.axis._following)
    assert curves.main.axis.whole == (1, 10)


def test_a_run_has_the_same_colour_everywhere_and_tomorrow(
    watching: MainWindow, curves: RunCurves, runs: list[str], bench: Bench
) -> None:
    watching.selection.compare([runs[0], runs[2]])
    ink = curves.tracks[1].ink
    watching.selection.select(runs[2])
    assert curves.tracks[0].ink == ink
    line = next(curve for curve in curves.main.curves if curve.name == "smoothed")
    assert curves.main.colour_of(line) == ink.of(watching.theme.colours)
    assert RunColours(bench.services.settings).of(runs[2]) == ink


def test_compared_runs_share_no_colour_whenever_they_were_first_drawn(
    watching: MainWindow, curves: RunCurves, runs: list[str]
) -> None:
    for number in range(6):
        curves.colours.of(f"long gone {number}")
    first, later = runs[0], [f"late {number}" for number in range(3)]
    inks = [curves.colours.of(run_id) for run_id in (first, *later)]
    assert inks[0].colour == inks[1].colour  # the eighth run begins the row of colours again
    series = curves.tracks[0].series
    curves.compare([(later[0], "late", series)])
    drawn = [track.ink for track in curves.tracks]
    assert drawn[0] == inks[0]
    assert drawn[1].colour != inks[0].colour
    # One that comes between keeps those that are drawn as they are, in the table of the comparison too.
    curves.compare([(run_id, run_id, series) for run_id in (later[1], runs[1], later[0])])
    assert [track.ink for track in (curves.tracks[0], curves.tracks[3])] == drawn
    assert len({track.ink.colour for track in curves.tracks}) == 4
    assert [curves.colours.of(track.run_id) for track in curves.tracks] == [track.ink for track in curves.tracks]


def test_more_runs_than_colours_differ_in_their_dashes(curves: RunCurves, runs: list[str]) -> None:
    many = [f"run {number}" for number in range(20)]
    curves.colours.tell_apart(many)
    inks = [curves.colours.of(run_id) for run_id in many]
    assert len({ink.colour for ink in inks[:7]}) == 7
    assert len({(ink.colour, ink.dash) for ink in inks}) == 20


def test_a_run_is_moved_hidden_and_taken_away(watching: MainWindow, curves: RunCurves, runs: list[str]) -> None:
    watching.selection.compare(runs)
    popup = TrackPopup(curves.tracks[1], "steps", curves.legend)
    popup.changed.connect(curves.legend.changed)
    popup.removed.connect(lambda: curves.take_away(runs[1]))
    popup.shift.setValue(100)
    assert list(curves.main.data_of(f"smoothed {runs[1]}")[0]) == list(range(101, 111))
    assert curves.main.axis.whole[1] == 110
    popup.hide_it.click()
    assert len(curves.main.data_of(f"smoothed {runs[1]}")[0]) == 0
    assert len(curves.main.data_of(f"smoothed {runs[2]}")[0]) == 10
    popup.remove.click()
    assert names(curves) == ["smoothed", f"smoothed {runs[2]}"]
    curves.legend.end.click()
    assert names(curves) == ["smoothed"]
    assert curves.legend.isHidden()


def test_compared_runs_follow_their_events(
    watching: MainWindow, curves: RunCurves, runs: list[str], bench: Bench, qtbot: QtBot
) -> None:
    watching.selection.compare(runs)
    bench.trainer(runs[1]).step(11, 1.0)
    qtbot.waitUntil(lambda: len(curves.main.data_of(f"smoothed {runs[1]}")[0]) == 11)


def test_one_box_has_every_value_at_the_crosshair(watching: MainWindow, curves: RunCurves, runs: list[str]) -> None:
    curves.main.hovered.emit(4.2)
    text = curves.pointing.box.text.text()
    assert curves.pointing.box.isVisible()
    assert "step 4" in text
    assert "2.60" in text  # the loss, and what the other charts have there
    assert "Learning rate" in text
    curves.main.hovered.emit(None)
    assert not curves.pointing.box.isVisible()
    watching.selection.compare(runs)
    curves.main.hovered.emit(4.2)
    assert all(name in curves.pointing.box.text.text() for name in ("one", "two", "three"))
    assert "4.60" not in curves.pointing.box.text.text()  # smoothed, as the line is
    assert "three, evaluation" not in curves.pointing.box.text.text()  # that comes later
    curves.main.hovered.emit(9.7)
    assert "three, evaluation" in curves.pointing.box.text.text()


def test_pins_are_set_written_beside_kept_and_taken_away(
    watching: MainWindow, curves: RunCurves, runs: list[str], bench: Bench
) -> None:
    folder = bench.home.runs / runs[0]
    curves.main.point_pressed.emit(6.8)
    assert pins.load(folder) == [Pin("loss", 7)]
    curves.main.pin_pressed.emit(0)
    curves.pointing.editor.note.setText("here it turned")
    curves.pointing.editor.done.click()
    assert pins.load(folder) == [Pin("loss", 7, "here it turned")]
    [shown] = curves.main._layer.pins
    assert (shown.x, shown.y) == (7, pytest.approx(2.3))
    assert "here it turned" in shown.words
    watching.selection.select(runs[1])
    assert curves.main._layer.pins == []
    watching.selection.select(runs[0])
    assert len(curves.main._layer.pins) == 1
    curves.main.pin_pressed.emit(0)
    curves.pointing.editor.remove.click()
    assert pins.load(folder) == []
    assert curves.main._layer.pins == []


def test_pauses_and_resumes_are_marked(
    watching: MainWindow, curves: RunCurves, runs: list[str], bench: Bench, qtbot: QtBot
) -> None:
    trainer = bench.trainer(runs[0])
    trainer.say(Paused(step=10, checkpoint="checkpoints/checkpoint-10"))
    trainer.hello(resumed_from=10)
    trainer.step(11, 1.0)
    bench.services.runs.refresh(runs[0])
    qtbot.waitUntil(lambda: list(curves.main.data_of("resumed")[0]) == [10])
    assert list(curves.main.data_of("paused")[0]) == [10]


def test_an_evaluation_shows_its_samples_and_samples_their_evaluation(
    watching: MainWindow, curves: RunCurves, bench: Bench, start_run: StartRun, qtbot: QtBot
) -> None:
    run_id = start_run(sample_prompts=("Who are you?",))
    trainer, dock = bench.trainer(run_id), watching.samples_dock
    for number in range(1, 9):
        trainer.step(number, 1.0)
        if number % 4 == 0:
            trainer.evaluate(number, 1.0).sample(number, "Who are you?", f"A captain of {number} seas.")
    qtbot.waitUntil(lambda: len(dock.samples) == 2 and len(curves.main.data_of("evaluation")[0]) == 2)
    curves.main.mark_pressed.emit("evaluation", 4.0)
    assert dock.chosen == 4
    assert curves.main._layer.selected == 4
    curves.axis.setCurrentIndex(curves.axis.findData("tokens"))
    assert curves.main._layer.selected == 4 * 800
    watching.selection.evaluation_selected.emit(8)
    assert (dock.chosen, curves.main._layer.selected) == (8, 8 * 800)


def test_one_chart_fills_the_place_and_gives_it_back(curves: RunCurves, runs: list[str], qtbot: QtBot) -> None:
    qtbot.mouseDClick(curves.small["grad_norm"].title, Qt.MouseButton.LeftButton)
    assert [name for name, _ in curves.small.shown()] == ["grad_norm"]
    assert not curves.main.isVisible()
    assert curves.small["grad_norm"].isVisible()
    qtbot.keyClick(curves, Qt.Key.Key_Escape)
    assert curves.main.isVisible()
    qtbot.mouseDClick(curves.main.title, Qt.MouseButton.LeftButton)
    assert curves.small.shown() == []
    assert curves.main.isVisible()
    curves.enlarge("")


def test_charts_that_are_put_away_stay_away(
    curves: RunCurves, runs: list[str], bench: Bench, tmp_path: Path, qtbot: QtBot
) -> None:
    curves.controls.choose("grad_norm", False)
    assert "grad_norm" not in dict(curves.small.shown())
    assert not curves.small["grad_norm"].isVisible()
    again = RunCurves(curves._theme, bench.services.settings)
    qtbot.addWidget(again)
    again.show_series(curves.tracks[0].series, run_id=runs[0])
    assert "grad_norm" not in dict(again.small.shown())
    curves.controls._forget_choice()
    assert "grad_norm" in dict(curves.small.shown())


def test_the_picture_is_twice_as_sharp_and_has_the_curve_in_it(
    watching: MainWindow, curves: RunCurves, runs: list[str], tmp_path: Path
) -> None:
    curves.save(tmp_path / "curves.png", "png")
    picture = QImage(str(tmp_path / "curves.png"))
    assert picture.width() >= 2 * curves.charts.width()
    ink = QColor(curves.tracks[0].ink.of(watching.theme.colours))
    top = curves.main.mapTo(curves.charts, QPoint(0, 0)).y()
    seen = sum(
        abs(colour.red() - ink.red()) + abs(colour.green() - ink.green()) + abs(colour.blue() - ink.blue()) < 30
        for x in range(0, picture.width(), 2)
        for y in range(2 * top, 2 * (top + curves.main.height()), 2)
        if (colour := QColor(picture.pixel(x, y)))
    )
    assert seen > 200


def test_the_drawing_has_lines_and_words(curves: RunCurves, runs: list[str], tmp_path: Path) -> None:
    curves.smoothing.setValue(0)
    curves.save(tmp_path / "curves.svg", "svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "one: loss" in text
    assert "Learning rate" in text
    paths = re.findall(r'd="(M[^"]+)"', text)
    longest = max((re.findall(r"[-\d.]+,[-\d.]+", path) for path in paths), key=len)
    assert len(longest) >= 10
    assert "<image" not in text


def test_the_table_has_every_run_that_is_drawn(
    watching: MainWindow, curves: RunCurves, runs: list[str], tmp_path: Path
) -> None:
    watching.selection.compare(runs)
    curves.save(tmp_path / "curves.csv", "csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == set(runs)
    for index, run_id in enumerate(runs):
        losses = [float(row["loss"]) for row in rows if (row["run"], row["kind"]) == (run_id, "step")]
        assert losses == [3.0 + index - number / 10 for number in range(1, 11)]


def test_a_long_run_is_read_on_the_side(
    bench: Bench, runs: list[str], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("LARGE", "LONG"):
        monkeypatch.setattr(curve_file, size, 500)
    monkeypatch.setattr(feeds, "LONG", 5)  # its averages are worked out on the side too
    for run_id in runs[1:3]:
        bench.trainer(run_id).sample(4, "Who are you?", f"A captain of {run_id}.")
        bench.trainer(run_id).say(Finished(step=10, adapter=None, seconds=1.0))
        qtbot.waitUntil(lambda run_id=run_id: bench.services.runs.get(run_id).state is RunState.FINISHED)  # type: ignore[misc]
    bench.close()
    again = make_bench(tmp_path)
    again.services.runs.load()
    assert not again.services.runs.can_open_at_once(runs[1])  # nothing was read of it at the start
    window = MainWindow(again.services)
    qtbot.addWidget(window)
    window.show()
    window.views.show("watch")
    dock = window.plots_dock
    window.selection.select(runs[1])
    assert dock.waiting.isVisible()
    assert dock.waiting.text() == "Reading 10 steps… 0 %"
    assert window.samples_dock.samples == []
    qtbot.waitUntil(lambda: len(dock.curves.main.data_of("raw")[0]) == 10)
    assert np.isfinite(dock.curves.main.data_of("raw")[1]).all()
    assert dock.curves.isVisible()
    assert [sample.text for sample in window.samples_dock.samples] == [f"A captain of {runs[1]}."]
    qtbot.waitUntil(lambda: len(dock.curves.small["grad_norm"].data_of("smoothed")[0]) == 10)
    window.selection.compare([runs[1], runs[2]])
    qtbot.waitUntil(lambda: len(dock.curves.tracks) == 2)
    window.selection.select(runs[2])
    qtbot.waitUntil(lambda: dock.curves.isVisible() and dock.curves.tracks[0].run_id == runs[2])
    assert [sample.text for sample in window.samples_dock.samples] == [f"A captain of {runs[2]}."]
    again.close()
    for run_id in runs[1:3]:  # an app that ends soon after has kept what it has read
        assert bench.trainer(run_id).files.path.joinpath(curve_file.NAME).exists()
