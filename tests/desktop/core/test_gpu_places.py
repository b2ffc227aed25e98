"""Samples of the cards stand where the steps stand that were made at that moment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

from desktop.core.gpu_history import CardLine, GpuHistory
from desktop.core.gpu_places import LiveColumns, breaks, places_of_times, stretches, view_of
from desktop.core.series import STEP_COLUMNS, Series
from tests.fakes import FakeTrainer, events_of
from trainer_image.cards.readings import COLUMNS
from trainer_image.contract import Clock, RunFolder


def test_samples_follow_the_axis_of_the_curves(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path))
    trainer.begin()
    for step in range(1, 4):
        trainer.wait(9).step(step, seconds=10.0)
    series = Series()
    series.add(events_of(trainer))
    first = float(series.column("time")[0])
    gap = float(series.column("time")[1]) - first
    times = np.array([first - 5, first, first + gap / 2, first + 2 * gap, first + 2 * gap + 4])
    placed = places_of_times(series, times, "step")
    assert np.isnan(placed[[0, 4]]).all()
    assert placed[1:4].tolist() == [1.0, 1.5, 3.0]
    assert places_of_times(series, times, "step", shift=100)[1] == 101
    assert places_of_times(series, times, "clock")[2] == gap / 2 / 60
    assert np.isnan(places_of_times(Series(), times, "step")).all()


def test_a_clock_that_jumps_back_keeps_the_order(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path))
    trainer.begin().step(1).step(2).wait(-3600).step(3).step(4)
    series = Series()
    series.add(events_of(trainer))
    times = np.sort(series.column("time"))
    placed = places_of_times(series, times[::-1].copy(), "step")
    assert (np.diff(placed[np.isfinite(placed)]) >= 0).all()


def history_with_a_clock_set_back(folder: Path, jump: float) -> tuple[Series, np.ndarray]:
    """Steps of ten seconds with a sample every second; before step 4 the clock was set back."""
    trainer = FakeTrainer(RunFolder(folder))
    trainer.begin()
    for step in range(1, 8):
        trainer.wait(9 - (jump if step == 4 else 0)).step(step, seconds=10.0)
    series = Series()
    series.add(events_of(trainer))
    first = float(series.column("time")[0])
    true = first + np.arange(61.0)
    return series, np.where(true > first + 25, true - jump, true)


def test_samples_stand_where_they_were_taken_though_the_clock_was_set_back(tmp_path: Path) -> None:
    series, times = history_with_a_clock_set_back(tmp_path, 7200)
    placed = places_of_times(series, times, "step")
    assert np.allclose(placed, 1 + np.arange(61) / 10)
    assert np.allclose(places_of_times(series, times, "time"), np.arange(61) / 60)
    assert np.allclose(places_of_times(series, times, "clock"), np.arange(61) / 60)


def test_samples_after_a_jump_have_no_place_until_a_step_is_made(tmp_path: Path) -> None:
    series, times = history_with_a_clock_set_back(tmp_path, 7200)
    before = Series()
    before.add_steps(np.vstack([series.column(name)[:3] for name in STEP_COLUMNS[:-1]]), {})
    placed = places_of_times(before, times[:30], "step")
    assert np.allclose(placed[:21], 1 + np.arange(21) / 10)
    assert np.isnan(placed[21:]).all()


def test_samples_stand_where_they_were_taken_though_the_clock_was_set_forward(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin()
    for step in range(1, 8):
        if step == 4:
            trainer.set_clock(3600).wait(-1)
        trainer.wait(9).step(step, seconds=10.0)
    series = Series()
    series.add(events_of(trainer))
    path = tmp_path / "gpus.jsonl"
    first = trainer.now.timestamp() - 3600 - 60
    head = {"cards": [{"number": 0, "name": "RTX 3060", "total": 12}], "columns": ["load_percent"]}
    lines = [head, *([first + at, [50]] for at in range(25)), {**head, "clock_set_s": 3600}]
    lines += [[first + 3600 + at, [50]] for at in range(25, 61)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    history = GpuHistory(path)
    history.poll()
    assert np.allclose(places_of_times(series, history.times, "step"), 1 + np.arange(61) / 10)
    assert not len(breaks(history.times))


def test_the_last_hour_has_no_gap_where_the_clock_was_set() -> None:
    wrong = [0.0]
    live = LiveColumns(4, Clock(lambda: time.time() + wrong[0]))
    for at in range(10):
        wrong[0] = 3600.0 if at > 6 else 0.0
        live.append(at + wrong[0], {CardLine(0, "RTX 3060", 12): {"load_percent": 50.0}})
    assert np.allclose(live.view().times, [3606, 3607, 3608, 3609], atol=1.0)


def test_a_clock_that_jumps_twice_or_where_no_sample_was_taken_spoils_no_order(tmp_path: Path) -> None:
    series, times = history_with_a_clock_set_back(tmp_path, 600)
    silent = np.concatenate([times[:10], times[50:]])
    placed = places_of_times(series, silent, "step")
    assert np.allclose(placed[:10], 1 + np.arange(10) / 10)
    assert np.allclose(placed[10:], 6 + np.arange(11) / 10, atol=1.5)
    assert (np.diff(placed[np.isfinite(placed)]) >= 0).all()
    twice = np.concatenate([times, times[-1] - 3600 + np.arange(5)])
    placed = places_of_times(series, twice, "step")
    assert np.allclose(placed[:61], 1 + np.arange(61) / 10)
    assert np.isnan(placed[61:]).all()


def test_gaps_and_stretches() -> None:
    assert breaks(np.array([0.0, 1, 2, 60, 61])).tolist() == [3]
    x = np.array([0.0, 1, 2, 3, 4])
    assert stretches(x, np.array([False, True, True, False, True])) == [(1.0, 3.0), (4.0, 4.0)]
    assert stretches(x[:0], np.zeros(0, bool)) == []


def test_what_is_drawn_stays_while_more_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gpus.jsonl"
    head = {"cards": [{"number": 1, "name": "RTX 3060", "total": 12}], "columns": list(COLUMNS)}
    path.write_text(json.dumps(head) + "\n" + json.dumps([1.0, [50] * len(COLUMNS)]) + "\n")
    history = GpuHistory(path)
    history.poll()
    view = view_of(history, COLUMNS)
    with path.open("a") as file:
        file.writelines(json.dumps([n, None]) + "\n" for n in range(2, 3000))
    history.poll()
    assert view.times.tolist() == [1.0]
    assert view.column(1, "load_percent").tolist() == [50.0]
    assert np.isnan(view.column(7, "load_percent")).all()
    assert len(view_of(history, COLUMNS).times) == 2999


def test_the_last_hour_forgets_what_is_older_and_has_gaps() -> None:
    live, card = LiveColumns(kept=4), CardLine(0, "RTX 3060", 12)
    for second in range(11):
        live.append(float(second), {} if second == 9 else {card: {"load_percent": second, "fan_percent": None}})
    view = live.view()
    assert view.times.tolist() == [7, 8, 9, 10]
    assert np.array_equal(view.column(0, "load_percent"), [7, 8, np.nan, 10], equal_nan=True)
    assert np.isnan(view.column(0, "fan_percent")).all()
    assert view.cards == {0: card}
