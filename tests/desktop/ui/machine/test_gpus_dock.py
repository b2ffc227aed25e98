"""Every card at once: now, and during the run that is looked at, on the axis of its curves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from desktop.controllers.hardware import GpuSample
from desktop.ui.charts.chart import Chart
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.window_fakes import Bench
from trainer_image.cards.readings import COLUMNS
from trainer_image.contract import Phase

GIB = 1024**3
FIRST = GpuSample(0, "NVIDIA GeForce RTX 3060", 12 * GIB, 9 * GIB, 97, 71, 164.0, 170.0, 62, 1777, ("power limit",))
SECOND = GpuSample(1, "NVIDIA GeForce RTX 3060", 12 * GIB, 8 * GIB, 93, 84, 140.0, 170.0, None, 1410, ("too hot",))
STEPS = 40


def write_history(path: Path, begin: float, seconds: int) -> None:
    """Two cards; the second is too hot for a while, and falls silent for a while."""
    cards = [{"number": number, "name": FIRST.name, "total": 12 * GIB} for number in (0, 1)]
    with path.open("w") as file:
        file.write(json.dumps({"cards": cards, "columns": list(COLUMNS)}) + "\n")
        for second in range(seconds):
            hot = 0x20 if 50 <= second < 60 else 0
            rows: list[list[float | None] | None] = [
                [95, 9000, 8500, 70, 165.0, 170.0, 60, 1780, 0],
                [95, 9000, 8500, 70, 165.0, 170.0, None, 1780, hot],
            ]
            if 20 <= second < 30:
                rows[1] = None
            file.write(json.dumps([begin + second, *rows]) + "\n")


@pytest.fixture
def run_id(bench: Bench, window: MainWindow, start_run: Callable[..., str], qtbot: QtBot) -> str:
    """Return a run of 40 steps of 2 seconds whose cards were watched, and that ends now."""
    made = start_run()
    trainer = bench.trainer(made)
    trainer.now = datetime.now(UTC) - timedelta(seconds=2 * STEPS + 10)
    begin = trainer.now.timestamp()
    trainer.wait(10).say(Phase(name="train"))
    for step in range(1, STEPS + 1):
        trainer.step(step, 2.0, 2.0)
    write_history(trainer.files.gpus, begin, 2 * STEPS + 12)
    qtbot.waitUntil(lambda: bench.services.runs.get(made).step == STEPS)
    window.views.show("watch")
    window.selection.select(made)
    return made


def sample(bench: Bench, *samples: GpuSample) -> None:
    hardware = bench.services.hardware
    hardware.samples = list(samples)
    hardware.history.append((time.time(), list(samples)))
    hardware.sampled.emit(list(samples))


def test_cards_say_everything_they_know(window: MainWindow, bench: Bench) -> None:
    window.views.show("watch")
    sample(bench, FIRST, SECOND)
    first, second = window.gpus_dock.cards[0], window.gpus_dock.cards[1]
    assert first.load.text() == "97 %"
    assert first.memory.whole_text() == "9.0 of 12 GB"
    assert first.words.whole_text() == "71 °C · 164 W (limit) · fan 62 % · 1.78 GHz"
    assert first.slowed.isHidden()
    assert second.words.whole_text() == "84 °C · 140 of 170 W · 1.41 GHz"
    assert second.slowed.whole_text() == "Slowed down: too hot"
    sample(bench, FIRST, SECOND)
    charts = window.gpus_dock.charts.charts
    assert list(charts) == ["load", "memory 0", "memory 1", "temperature", "power", "fan", "clock"]
    assert charts["load"].data_of("GPU 1")[1].tolist() == [93, 93]
    assert charts["power"].data_of("limit")[1].tolist() == [170, 170]


def test_a_card_that_falls_off_the_bus_is_said_once(window: MainWindow, bench: Bench) -> None:
    said: list[str] = []
    bench.services.notices.posted.connect(lambda notice: said.append(notice.sentence))
    window.views.show("watch")
    sample(bench, FIRST, SECOND)
    for _ in range(5):
        sample(bench, FIRST)
    assert said == ["GPU 1 (NVIDIA GeForce RTX 3060) does not answer any more."]
    card = window.gpus_dock.cards[1]
    assert card.memory.whole_text().startswith("does not answer since")
    assert np.isnan(window.gpus_dock.charts.charts["load"].data_of("GPU 1")[1][1:]).all()
    sample(bench, FIRST, SECOND)
    assert card.load.text() == "93 %"
    assert len(said) == 1
    for _ in range(4):
        sample(bench)
    assert [line for line in said if "GPU 0" in line]
    assert window.gpus_dock.absent.isHidden()


def test_a_run_s_cards_stand_on_the_axis_of_its_loss(
    window: MainWindow, bench: Bench, run_id: str, qtbot: QtBot
) -> None:
    dock, curves = window.gpus_dock, window.plots_dock.curves
    qtbot.waitUntil(lambda: not dock.shows_now)
    charts = dock.charts.charts
    qtbot.waitUntil(lambda: "load" in charts and len(charts["load"].data_of("GPU 0")[0]) > 70)
    x, load = charts["load"].data_of("GPU 1")
    assert 1 <= x[0] < x[-1] <= STEPS
    assert np.isnan(load).any()
    assert charts["load"].axis is curves.main.axis
    assert "fan" in charts
    assert dock.charts.slowed.whole_text() == "GPU 1 too hot"
    assert dock.when.whole_text() == "During first"

    curves.main.look_at(10, 20)
    assert charts["load"].axis.shown == (10, 20)
    charts["load"].look_at(5, 30)
    assert curves.main.axis.shown == (5, 30)
    charts["load"].hovered.emit(12.0)
    assert curves.pointing.place == 12.0
    curves.main.hovered.emit(None)
    assert curves.pointing.place is None

    curves.axis.setCurrentIndex(curves.axis.findData("clock"))
    assert charts["load"].data_of("GPU 0")[0][-1] <= 2 * STEPS / 60
    dock.switch.click()
    sample(bench, FIRST, SECOND)
    sample(bench, FIRST, SECOND)
    assert dock.shows_now
    assert charts["load"].axis is not curves.main.axis
    assert dock.when.whole_text() == "The last hour"


def test_load_and_memory_of_all_cards_stand_under_the_loss(
    window: MainWindow, bench: Bench, run_id: str, qtbot: QtBot
) -> None:
    window.resize(1280, 720)
    window.views.reset()
    band, curves = window.gpus_dock.band, window.plots_dock.curves
    qtbot.waitUntil(lambda: band.isVisible() and len(band.charts["load"].data_of("GPU 1")[0]) > 70, timeout=60_000)
    assert list(band.charts) == ["load", "memory"]
    assert band.charts["memory"].title.text() == "GPU memory, of 12 GB"

    def stands_under(chart: Chart) -> bool:
        main, plots = curves.main.plot, window.docks["plots"]
        is_in_line = chart.plot.mapTo(curves, QPoint()).x() == main.mapTo(curves, QPoint()).x()
        is_inside = plots.rect().contains(chart.plot.mapTo(plots, chart.plot.rect().bottomRight()))
        return is_in_line and is_inside and bool(chart.plot.width() == main.width())

    for chart in band.charts.values():
        assert chart.axis is curves.main.axis
        qtbot.waitUntil(lambda chart=chart: stands_under(chart), timeout=60_000)
    curves.main.look_at(10, 20)
    assert band.charts["memory"].axis.shown == (10, 20)
    band.charts["load"].hovered.emit(12.0)
    assert curves.pointing.place == 12.0
    # Whatever the dock itself shows, and though it is closed.
    window.gpus_dock.switch.click()
    window.docks["gpus"].close()
    curves.axis.setCurrentIndex(curves.axis.findData("clock"))
    assert band.charts["load"].data_of("GPU 0")[0][-1] <= 2 * STEPS / 60
    curves.enlarge("loss")
    assert band.isHidden()
    curves.enlarge("")
    assert not band.isHidden()


def test_a_run_without_a_history_of_cards_has_no_band(
    window: MainWindow, bench: Bench, run_id: str, start_run: Callable[..., str], qtbot: QtBot
) -> None:
    band = window.gpus_dock.band
    qtbot.waitUntil(lambda: not band.isHidden(), timeout=60_000)
    window.selection.select(start_run("second"))
    assert band.isHidden()
    window.selection.select(run_id)
    qtbot.waitUntil(lambda: not band.isHidden(), timeout=60_000)


def test_memory_says_how_much_is_of_our_runs(window: MainWindow, bench: Bench, run_id: str, qtbot: QtBot) -> None:
    dock = window.gpus_dock
    qtbot.waitUntil(lambda: dock.histories.view(run_id) is not None)
    sample(bench, FIRST, SECOND)
    assert dock.cards[0].memory.whole_text() == "9.0 of 12 GB: 8.3 runs, 0.7 others"
