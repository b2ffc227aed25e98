"""What a chart draws of a run: on every axis, growing, taken back, and the same as if it were drawn anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from desktop.core.feeds import AxisKind, Feed, Look, evaluation_points, nearest, places, places_of, step_near
from desktop.core.series import Series
from desktop.core.smoothing import smooth, weight_for
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import Paused, RunFolder


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(RunFolder(tmp_path), total_steps=100).begin()


def series_of(trainer: FakeTrainer) -> Series:
    series = Series()
    series.add(events_of(trainer))
    return series


def test_gaps_are_no_steps_that_a_smoothed_line_could_lag_behind(trainer: FakeTrainer) -> None:
    for number in range(1, 601):
        trainer.step(number, metrics={"reward": 1.0 / number} if number % 50 == 0 else {})
    series = series_of(trainer)
    feed = Feed(series, "reward", keeps_gaps=True)
    feed.draw(Look())
    assert feed.weight == weight_for(12)
    before = len(events_of(trainer))
    for number in range(601, 1001):
        trainer.step(number, metrics={"reward": 1.0 / number} if number % 50 == 0 else {})
    series.add(events_of(trainer)[before:])
    feed.draw(Look())
    assert feed.weight == weight_for(20)


def test_time_of_training_leaves_pauses_out_and_the_clock_does_not(trainer: FakeTrainer) -> None:
    for number in (1, 2, 3):
        trainer.step(number)
    trainer.say(Paused(step=3, checkpoint="checkpoints/checkpoint-3")).wait(7200)
    trainer.hello(resumed_from=3)
    trainer.step(4).step(5)
    series = series_of(trainer)
    training, clock = places(series, "time"), places(series, "clock")
    assert training[0] == clock[0] == 0
    assert clock[-1] > 120
    assert training[-1] < 1
    assert (np.diff(training) > 0).all()
    assert series.pause_steps().tolist() == [3]
    assert series.resume_steps().tolist() == [3]


def test_a_clock_set_back_does_not_turn_time_round(trainer: FakeTrainer) -> None:
    trainer.step(1).step(2).wait(-3600).step(3).step(4)
    assert (np.diff(places(series_of(trainer), "time")) > 0).all()


def test_a_clock_set_back_is_not_seen_on_the_axis_of_the_clock(trainer: FakeTrainer) -> None:
    for number in range(1, 41):
        trainer.wait(9 - (7200 if number == 20 else 0)).step(number, seconds=10.0)
    x = places(series_of(trainer), "clock")
    assert np.allclose(x, np.arange(40) * 10 / 60)


@pytest.mark.parametrize("by", [3600.0, -7200.0])
def test_a_clock_that_was_set_is_seen_on_no_axis(trainer: FakeTrainer, by: float) -> None:
    for number in range(1, 41):
        if number == 20:
            trainer.set_clock(by)
        trainer.wait(9 - (1 if number == 20 else 0)).step(number, seconds=10.0)
        if number == 10:
            trainer.evaluate(number, 2.0).wait(-1)
    series = series_of(trainer)
    for axis in ("time", "clock"):
        assert np.allclose(places(series, axis), np.arange(40) * 10 / 60)  # type: ignore[arg-type]
    assert series.column("time")[-1] == trainer.now.timestamp()
    assert np.isclose(series.evaluation("time")[0], series.column("time")[9] + 1)


def test_other_steps_stand_between_the_known_ones(trainer: FakeTrainer) -> None:
    trainer.step(10).step(20)
    series = series_of(trainer)
    tokens = series.column("tokens")
    assert places_of(series, np.array([15.0]), "tokens").tolist() == [tokens.mean()]
    assert places_of(series, np.array([15.0]), "step", shift=5).tolist() == [20]
    assert step_near(series, 14, "step") == 10
    assert step_near(series, 14, "step", shift=-10) == 20
    assert step_near(Series(), 3, "step") == 0


@pytest.mark.parametrize("axis", ["step", "time", "clock", "tokens"])
@pytest.mark.parametrize("keeps_gaps", [True, False])
def test_growing_is_the_same_as_anew(trainer: FakeTrainer, axis: AxisKind, keeps_gaps: bool) -> None:
    series, look = Series(), Look(axis, 0.8, by_distance=True)
    feeds = {name: Feed(series, name, keeps_gaps=keeps_gaps) for name in ("loss", "kl", "reward", "learning_rate")}
    said = 0
    for number in range(1, 60):
        metrics = {"kl": number / 9} if number % 3 else {}
        trainer.step(number, None if number == 20 else 3.0 - number / 50, metrics={**metrics, "reward": number / 7})
        if number == 40:
            trainer.hello(resumed_from=30)
        if number % 4 == 0 or number == 59:
            events = events_of(trainer)
            series.add(events[said:])
            said = len(events)
            for name, feed in feeds.items():
                drawn, anew = feed.draw(look), Feed(series, name, keeps_gaps=keeps_gaps).draw(look)
                np.testing.assert_array_equal(drawn.x, anew.x)
                np.testing.assert_array_equal(drawn.raw, anew.raw)
                np.testing.assert_allclose(drawn.smoothed, anew.smoothed)
                assert drawn.same <= len(drawn.x)
    values = series.metric("kl")
    if not keeps_gaps:
        values = values[np.isfinite(values)]
        assert len(feeds["kl"].draw(Look("step", 0.5)).x) == len(values)
    np.testing.assert_allclose(feeds["kl"].draw(Look("step", 0.5)).smoothed, smooth(values, 0.5))


def test_only_what_is_new_is_called_new(trainer: FakeTrainer) -> None:
    series = Series()
    for number in range(1, 11):
        trainer.step(number, 1.0 / number)
    series.add(events_of(trainer))
    feed = Feed(series, "loss", keeps_gaps=True)
    assert feed.draw(Look()).same == 0
    assert feed.draw(Look()).same == 10
    assert feed.draw(Look(smoothing=0.1)).same == 0
    trainer.step(11).hello(resumed_from=5)
    series.add(events_of(trainer)[-1:])
    assert feed.draw(Look(smoothing=0.1)).same == 0


def test_a_run_is_smoothed_by_its_length_while_it_grows_and_when_it_goes_back(trainer: FakeTrainer) -> None:
    series, feed = Series(), None
    said = 0
    for number in range(1, 45):
        trainer.step(number, 3.0 / number)
        if number == 40:
            trainer.hello(resumed_from=12)
            trainer.step(13, 0.3)
        if number % 3 == 0 or number == 40:
            events = events_of(trainer)
            series.add(events[said:])
            said = len(events)
            feed = feed or Feed(series, "loss", keeps_gaps=True)
            drawn = feed.draw(Look())
            assert feed.weight == weight_for(len(drawn.x))
            np.testing.assert_allclose(drawn.smoothed, smooth(drawn.raw, feed.weight))


def test_evaluations_have_only_what_they_reported(trainer: FakeTrainer) -> None:
    trainer.step(1).evaluate(1, 2.0).step(2).evaluate(2, 1.0, metrics={"kl": 0.5})
    series = series_of(trainer)
    assert [part.tolist() for part in evaluation_points(series, "loss")] == [[1, 2], [2.0, 1.0]]
    assert [part.tolist() for part in evaluation_points(series, "kl")] == [[2], [0.5]]
    assert [part.tolist() for part in evaluation_points(series, "grad_norm")] == [[], []]


def test_the_nearest_value_is_found_at_every_edge() -> None:
    assert nearest(np.empty(0), 3) == -1
    assert nearest(np.array([5.0]), 3) == 0
    x = np.array([1.0, 2.0, 4.0])
    assert [nearest(x, at) for at in (-9, 1.4, 1.6, 2.9, 3.1, 99)] == [0, 0, 1, 1, 2, 2]
