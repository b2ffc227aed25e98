"""The file of curves beside the events: it says what the events say, and nothing once they are others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from desktop.core import curve_parts, curves, step_columns
from desktop.core.completions import Completions
from desktop.core.curve_reading import build
from desktop.core.opening import open_run, prepare
from desktop.core.progress import Progress, advance
from desktop.core.run_log import RunLog, read_events
from desktop.core.series import STEP_COLUMNS, Series
from tests.fakes import FakeTrainer
from trainer_image.contract import Paused, RunFolder


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    """A run with everything in it: metrics that begin late, evaluations, a pause, steps taken back, damage."""
    trainer = FakeTrainer(RunFolder(tmp_path), total_steps=400).begin()
    for number in range(1, 201):
        metrics = {"reward": number / 100, "kl": None} if number > 50 else {}
        trainer.step(number, None if number == 77 else 4 - number / 100, metrics=metrics)
        if number % 20 == 0:
            trainer.evaluate(number, 2.0, metrics={"reward": 0.5}).checkpoint(number)
        if number % 3 == 0:
            trainer.completion(number, 0.5)
    trainer.set_clock(3600).step(201, metrics={"said once": 7.0})
    trainer.say(Paused(step=201, checkpoint="checkpoints/checkpoint-200"))
    with trainer.folder.events.open("a") as file:
        file.write('{"seq":1,"kind":"of a newer trainer"}\n')
    trainer.begin(resumed_from=200)
    for number in range(201, 330):
        trainer.step(number, 1.0, metrics={"kl": 0.25})
    return trainer


def read_plainly(path: Path) -> tuple[Series, Progress]:
    series, events = Series(), read_events(path)
    series.add(events)
    return series, advance(Progress(), events)


def assert_same(one: Series, other: Series) -> None:
    assert one.metric_names() == other.metric_names()
    for name in STEP_COLUMNS:
        np.testing.assert_allclose(one.column(name), other.column(name), rtol=0, atol=2e-6 if name == "elapsed" else 0)
    for name in one.metric_names():
        np.testing.assert_array_equal(one.metric(name), other.metric(name))
    for name in ("step", "time", "loss"):
        np.testing.assert_array_equal(one.evaluation(name), other.evaluation(name))  # type: ignore[arg-type]
    for marks in ("checkpoint_steps", "pause_steps", "resume_steps", "out_of_memory_steps", "round_steps"):
        np.testing.assert_array_equal(getattr(one, marks)(), getattr(other, marks)())


def opened(path: Path) -> tuple[Series, Progress, Completions]:
    log, series, completions = RunLog(path), Series(), Completions()
    events = open_run(log, series, completions)
    while new := log.poll():
        series.add(new)
        events += new
    return series, advance(Progress(), events), completions


def test_a_run_opened_from_its_curves_is_the_run_read_from_its_events(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    for _ in build(str(path)):
        pass
    series, progress, completions = opened(path)
    expected, told = read_plainly(path)
    assert_same(series, expected)
    assert series.pause_steps().tolist() == [201]
    assert series.resume_steps().tolist() == [200]
    assert progress.step == told.step
    assert progress.pace_s == pytest.approx(told.pace_s, rel=1e-2)
    same = ("last_seq", "evaluation", "bests", "checkpoints", "unknown_lines", "hello", "plan", "end", "open_phases")
    for name in same:
        assert getattr(progress, name) == getattr(told, name), name
    assert {name: value for name, value in progress.metrics.items() if value is not None} == {
        name: value for name, value in told.metrics.items() if value is not None
    }
    assert len(completions) == 66


def test_what_is_said_later_is_added(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    for _ in build(str(path)):
        pass
    first = curves.load(path)
    for number in range(330, 340):
        trainer.step(number, 0.5, metrics={"new": float(number)})
    assert_same(opened(path)[0], read_plainly(path)[0])
    for _ in build(str(path)):
        pass
    again = curves.load(path)
    assert first is not None
    assert again is not None
    assert again.offset == path.stat().st_size > first.offset
    assert_same(opened(path)[0], read_plainly(path)[0])


def test_half_a_line_waits_for_its_end(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    for _ in build(str(path)):
        pass
    path.write_bytes(whole)
    assert_same(opened(path)[0], read_plainly(path)[0])


def test_steps_that_the_fast_reader_cannot_read_are_read_slowly(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    lines = path.read_bytes().splitlines(keepends=True)
    steps = [index for index, line in enumerate(lines) if b'"kind":"step"' in line]
    lines[steps[100]] = lines[steps[100]].replace(b'"loss":', b'"loss"::')
    path.write_bytes(b"".join(lines))
    for _ in build(str(path)):
        pass
    series, progress, _ = opened(path)
    expected, told = read_plainly(path)
    assert_same(series, expected)
    assert progress.unknown_lines == told.unknown_lines == 2


def test_other_events_and_damage_are_not_believed(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    assert curves.load(path) is None
    for _ in build(str(path)):
        pass
    assert curves.load(path) is not None
    kept = path.with_name(curves.NAME).read_bytes()
    path.with_name(curves.NAME).write_bytes(kept[: len(kept) // 2])
    assert curves.load(path) is None
    path.with_name(curves.NAME).write_bytes(b"no curves at all")
    assert curves.load(path) is None
    path.with_name(curves.NAME).write_bytes(kept)
    events = path.read_bytes()
    path.write_bytes(events[: len(events) // 2])
    assert curves.load(path) is None
    path.write_bytes(events.replace(b'"seq":3', b'"seq":4', 1))
    assert curves.load(path) is None


@pytest.fixture(params=["library", "process"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a long run is read; where there was no C compiler both are by a process."""
    if request.param == "process":
        monkeypatch.setattr(step_columns, "_LIBRARY", None)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_long_run_is_read_at_once_and_kept(trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    path = trainer.folder.events
    prepare(path)
    assert not path.with_name(curves.NAME).exists()  # a short one is not worth it
    monkeypatch.setattr(curves, "LARGE", 1000)
    assert not curves.is_prepared(path)
    series, _, _ = opened(path)
    assert path.with_name(curves.NAME).exists()
    assert curves.is_prepared(path)
    assert_same(series, read_plainly(path)[0])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("part", [2_000, 40_000], ids=["many parts", "few parts"])
def test_warnings_and_breaks_are_of_the_step_that_they_came_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path), total_steps=400).begin()
    for number in range(1, 331):
        trainer.step(number, 1.0)
        if number in (20, 150, 300):
            trainer.warn(f"A spike at {number}.").phase("evaluate", number / 10)
    trainer.say(Paused(step=330, checkpoint=None)).begin(resumed_from=200)
    for number in range(201, 330):
        trainer.step(number, 1.0)
    monkeypatch.setattr(curves, "LARGE", 1000)
    monkeypatch.setattr(curve_parts, "_PART", part)
    _, progress, _ = opened(trainer.folder.events)
    _, told = read_plainly(trainer.folder.events)
    assert [after for after, _ in told.troubles] == [20, 150]
    assert progress.troubles == told.troubles
    assert progress.warnings == told.warnings
    assert progress.breaks == told.breaks


@pytest.mark.usefixtures("way")
def test_a_file_that_cannot_be_written_costs_only_time(trainer: FakeTrainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "LARGE", 1000)
    trainer.folder.path.joinpath(curves.NAME).mkdir()
    assert_same(opened(trainer.folder.events)[0], read_plainly(trainer.folder.events)[0])


def test_kept_curves_are_what_was_given(trainer: FakeTrainer) -> None:
    path = trainer.folder.events
    given = curves.Curves(
        100, np.arange(16.0).reshape(8, 2), {"a": np.array([1.0, np.nan])}, (b"x", b"y"), np.arange(2)
    )
    curves.save(path, given)
    found = curves.load(path)
    assert found is not None
    np.testing.assert_array_equal(found.steps, given.steps)
    np.testing.assert_array_equal(found.metrics["a"], given.metrics["a"])
    assert replace(found, steps=given.steps, metrics=given.metrics, places=given.places) == given
