"""Curves that grow, are undone, and are smoothed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from desktop.core.series import Series, smooth
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import Hello, Phase, RunFolder, Step, UnknownLine


def step(number: int, loss: float | None = 1.0) -> Step:
    return Step(
        step=number,
        epoch=0.5,
        loss=loss,
        learning_rate=1e-4,
        grad_norm=None,
        tokens=number * 10,
        tokens_per_s=5.0,
        step_s=2.0,
    )


def hello(resumed_from: int | None) -> Hello:
    return Hello(versions={}, device="cpu", backend="cpu", gpus=[], processes=1, seed=1, resumed_from=resumed_from)


def test_columns_hold_what_the_steps_said() -> None:
    series = Series()
    assert series.add([step(1, 3.0), step(2, 2.0)])
    assert len(series) == 2
    assert series.column("step").tolist() == [1, 2]
    assert series.column("loss").tolist() == [3.0, 2.0]
    assert series.column("tokens").tolist() == [10, 20]
    assert series.column("learning_rate").tolist() == [1e-4, 1e-4]
    assert series.column("tokens_per_s").tolist() == [5.0, 5.0]
    assert series.column("step_s").tolist() == [2.0, 2.0]
    assert np.isnan(series.column("grad_norm")).all()


def test_nothing_to_draw_changes_nothing() -> None:
    assert not Series().add([Phase(name="load"), UnknownLine(line="?")])
    assert not Series().add([])


def test_growth_keeps_every_row() -> None:
    series = Series()
    for first in range(0, 5000, 700):
        series.add(step(number, float(number)) for number in range(first, min(5000, first + 700)))
    assert len(series) == 5000
    assert (series.column("step") == np.arange(5000)).all()
    assert (series.column("loss") == np.arange(5000)).all()


def test_a_loss_that_is_no_number_is_a_gap() -> None:
    series = Series()
    series.add([step(1, float("nan")), step(2, None), step(3, float("inf")), step(4, 1.0)])
    assert np.isnan(series.column("loss")).tolist() == [True, True, True, False]


def test_resume_takes_back_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path), total_steps=8).begin()
    for number in range(1, 7):
        trainer.step(number)
        if number % 2 == 0:
            trainer.evaluation(number).checkpoint(number)
    series = Series()
    series.add(events_of(trainer))
    assert series.checkpoint_steps().tolist() == [2, 4, 6]
    assert series.evaluation("step").tolist() == [2, 4, 6]
    assert series.add([hello(4)])
    assert series.column("step").tolist() == [1, 2, 3, 4]
    assert series.checkpoint_steps().tolist() == [2, 4]
    assert series.evaluation("loss").tolist() == [1.25, 1.25]
    series.add([step(5)])
    assert series.column("step").tolist() == [1, 2, 3, 4, 5]
    series.add([hello(None)])
    assert len(series) == 0


def test_the_methods_own_metrics_are_curves_with_gaps(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path), total_steps=4).begin()
    trainer.step(1).step(2, metrics={"reward": 0.5, "kl": None}).step(3, metrics={"reward": float("nan")})
    trainer.step(4, metrics={"reward": 0.75, "kl": 0.1})
    series = Series()
    series.add(events_of(trainer))
    assert series.metric_names() == ("reward", "kl")
    np.testing.assert_array_equal(series.metric("reward"), [np.nan, 0.5, np.nan, 0.75])
    np.testing.assert_array_equal(series.metric("kl"), [np.nan, np.nan, np.nan, 0.1])
    assert np.isnan(series.metric("never heard of")).tolist() == [True] * 4


def test_metrics_of_evaluations_are_apart_from_those_of_steps(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin().step(1, metrics={"accuracy": 0.25})
    trainer.evaluate(1, 2.0).evaluate(2, 1.0, metrics={"accuracy": 0.75})
    series = Series()
    series.add(events_of(trainer))
    assert series.evaluation_metric_names() == ("accuracy",)
    np.testing.assert_array_equal(series.evaluation_metric("accuracy"), [np.nan, 0.75])
    assert series.metric("accuracy").tolist() == [0.25]


def test_resume_takes_metrics_back_with_their_steps(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin()
    for number in (1, 2, 3):
        trainer.step(number, metrics={"reward": float(number)}).evaluate(number, 1.0, metrics={"kl": number / 10})
    series = Series()
    series.add(events_of(trainer))
    series.add([hello(1)])
    assert series.metric("reward").tolist() == [1.0]
    assert series.evaluation_metric("kl").tolist() == [0.1]
    series.add([step(2)])
    np.testing.assert_array_equal(series.metric("reward"), [1.0, np.nan])  # not what the undone step had
    series.add([hello(None)])
    assert series.metric_names() == series.evaluation_metric_names() == ()


def test_metrics_grow_with_the_steps_whenever_they_begin() -> None:
    series = Series()
    series.add(step(number) for number in range(3000))
    for number in range(3000, 7000):
        series.add([step(number).model_copy(update={"metrics": {"reward": float(number)}})])
    assert np.isnan(series.metric("reward")[:3000]).all()
    assert (series.metric("reward")[3000:] == np.arange(3000, 7000)).all()


def test_full_memory_and_rounds_are_marked_where_they_happened(tmp_path: Path) -> None:
    trainer = FakeTrainer(RunFolder(tmp_path)).begin().round(1).step(1).step(2).run_out_of_memory()
    trainer.begin(resumed_from=1).step(2).round(2)
    series = Series()
    series.add(events_of(trainer))
    assert series.out_of_memory_steps().tolist() == [2]
    assert series.round_steps().tolist() == [0, 2]


def test_smoothing_starts_at_the_first_value_and_not_at_zero() -> None:
    assert smooth(np.array([4.0, 4.0, 4.0]), 0.9).tolist() == pytest.approx([4.0, 4.0, 4.0])
    first, second = smooth(np.array([4.0, 2.0]), 0.5).tolist()
    assert first == pytest.approx(4.0)
    assert second == pytest.approx((0.5 * 0.5 * 4.0 + 0.5 * 2.0) / 0.75)


def test_smoothing_by_nothing_returns_the_values() -> None:
    values = np.array([1.0, 5.0, np.nan, 2.0])
    np.testing.assert_array_equal(smooth(values, 0.0), values)


def test_gaps_stay_gaps_and_are_not_averaged_in() -> None:
    smoothed = smooth(np.array([np.nan, 2.0, np.nan, 4.0]), 0.5)
    without = smooth(np.array([2.0, 4.0]), 0.5)
    assert np.isnan(smoothed).tolist() == [True, False, True, False]
    assert smoothed[[1, 3]].tolist() == pytest.approx(without.tolist())


def test_smoothing_nothing_and_smoothing_fully() -> None:
    assert smooth(np.array([]), 0.9).tolist() == []
    assert smooth(np.array([3.0, 1.0]), 1.0).tolist() == pytest.approx([3.0, 2.0])


def test_smoothing_leaves_the_values_alone() -> None:
    values = np.array([3.0, 1.0])
    smooth(values, 0.9)
    assert values.tolist() == [3.0, 1.0]
