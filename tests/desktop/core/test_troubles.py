"""Late steps and hot cards, told once, and only when they last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desktop.core.progress import Progress, advance
from desktop.core.run import Run, RunState
from desktop.core.troubles import LASTING, Heat, stall
from desktop.engine.gpus import GpuSample
from tests.fakes import START, FakeTrainer, events_of
from trainer_image.contract import RunConfig, RunFolder

CARD = GpuSample(0, "RTX 3060", 12, 3, 99, 70, 170.0, 170.0, 60)


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(RunFolder(tmp_path), total_steps=50).begin()


@pytest.fixture
def run(config: RunConfig, tmp_path: Path) -> Run:
    return Run("a", "Captain", "docker", tmp_path, config, START, RunState.RUNNING)


def said(run: Run, trainer: FakeTrainer, silent_s: float) -> str:
    return stall(replace(run, progress=advance(Progress(), events_of(trainer))), silent_s)


def test_a_late_step_is_told_by_how_long_steps_take(run: Run, trainer: FakeTrainer) -> None:
    for step in range(1, 6):
        trainer.step(step, seconds=2.0)
    assert said(run, trainer, 59) == ""
    assert said(run, trainer, 61) == "Captain has made no step for 61 s; one takes 2.0 s."
    for step in range(6, 200):
        trainer.step(step, seconds=30.0)
    assert said(run, trainer, 500) == ""
    assert said(run, trainer, 700) == "Captain has made no step for 12 min; one takes 30 s."


def test_what_is_no_stall(run: Run, trainer: FakeTrainer) -> None:
    assert said(run, trainer.step(1).step(2), 9_000) == ""  # how long a step takes is not known yet
    trainer.step(3).step(4)
    assert said(replace(run, state=RunState.PAUSED), trainer, 9_000) == ""
    assert said(run, trainer.open_phase("evaluate"), 299) == ""


def test_an_evaluation_that_hangs_is_told_by_how_long_the_others_took(run: Run, trainer: FakeTrainer) -> None:
    for step in range(1, 6):
        trainer.step(step, seconds=2.0)
    trainer.phase("evaluate", 3.0).phase("evaluate", 40.0).step(6, seconds=2.0).open_phase("evaluate")
    assert said(run, trainer, 200) == ""
    assert (
        said(run, trainer, 201) == "Captain has said nothing for 3 min in an evaluation; the longest before took 40 s."
    )
    # How long the first checkpoint takes nobody knows.
    assert said(run, trainer.open_phase("save"), 9_000) == ""


def test_a_first_evaluation_that_hangs_is_told_by_how_long_steps_take(run: Run, trainer: FakeTrainer) -> None:
    for step in range(1, 6):
        trainer.step(step, seconds=2.0)
    trainer.open_phase("evaluate").count("evaluate", 3, 100)
    assert said(run, trainer, 300) == ""
    assert said(run, trainer, 301) == "Captain has said nothing for 5 min in an evaluation; a step takes 2.0 s."
    assert said(replace(run, config=run.config.model_copy(update={"method": "star"})), trainer, 9_000) == ""
    for step in range(6, 200):
        trainer.step(step, seconds=60.0)
    assert said(run, trainer, 1_100) == ""
    assert said(run, trainer, 1_300) != ""


def take(heat: Heat, sample: GpuSample, seconds: int) -> list[str]:
    return [sentence for _ in range(seconds) for _, sentence in heat.take([sample])]


def test_a_hot_card_is_told_once_until_it_has_cooled_down() -> None:
    heat, hot = Heat(), replace(CARD, temperature_c=92)
    assert take(heat, hot, LASTING - 1) == []
    assert take(heat, CARD, 1) == []
    assert take(heat, hot, 3 * LASTING) == ["GPU 0 (RTX 3060) is at 92 °C."]
    assert take(heat, replace(CARD, temperature_c=87), LASTING) == []
    assert take(heat, hot, 2 * LASTING) == []
    assert take(heat, CARD, 1) == []
    assert len(take(heat, hot, 2 * LASTING)) == 1


def test_a_card_that_slows_down_for_heat_is_told_and_one_at_its_power_limit_is_not() -> None:
    heat = Heat()
    assert take(heat, replace(CARD, throttles=("power limit",)), 100) == []
    slowed = replace(CARD, throttles=("power limit", "too hot"))
    assert take(heat, slowed, 100) == ["GPU 0 (RTX 3060) slows itself down: too hot."]
    assert take(heat, replace(CARD, temperature_c=None), 100) == []
