"""What the events of the methods add up to, through restarts and resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.body import Body
from desktop.core.progress import Progress, advance
from desktop.core.run import Failure, RunState, decide_state
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import EXIT_DISK_FULL, Paused, RunFolder


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(RunFolder(tmp_path))


def progress_of(trainer: FakeTrainer) -> Progress:
    return advance(Progress(), events_of(trainer))


def test_the_latest_value_of_each_metric_is_kept(trainer: FakeTrainer) -> None:
    trainer.begin().step(1, metrics={"reward": 0.5, "kl": 0.1}).step(2, metrics={"reward": float("nan")}).step(3)
    assert progress_of(trainer).metrics == {"reward": None, "kl": 0.1}
    assert progress_of(trainer.begin(resumed_from=2)).metrics == {"reward": None, "kl": 0.1}
    assert progress_of(trainer.begin()).metrics == {}


def test_the_best_evaluation_is_known_again_after_an_undo(trainer: FakeTrainer) -> None:
    trainer.begin().step(2).evaluate(2, 2.0, is_best=True).step(4).evaluate(4, 1.0, is_best=True)
    trainer.step(6).evaluate(6, 1.5)
    assert progress_of(trainer).best_step == 4
    undone = progress_of(trainer.begin(resumed_from=3))
    assert undone.best is not None
    assert (undone.best_step, undone.best.loss) == (2, 2.0)


def test_the_end_says_which_step_was_kept(trainer: FakeTrainer) -> None:
    trainer.begin().step(2).evaluate(2, 2.0, is_best=True)
    assert progress_of(trainer.finish(4, best_step=3)).best_step == 3
    assert progress_of(trainer.begin(resumed_from=2).finish(4)).best_step == 2


def test_placement_batch_and_suggestion_are_the_latest(trainer: FakeTrainer) -> None:
    progress = progress_of(trainer.placement("First.").placement("Second.").batch(8, 1).batch(4, 2).suggest(3e-4))
    assert progress.placement is not None
    assert progress.placement.sentence == "Second."
    assert progress.batch is not None
    assert (progress.batch.per_device_train_batch_size, progress.batch.gradient_accumulation_steps) == (4, 2)
    assert progress.suggestion is not None
    assert progress.suggestion.value == 3e-4


def test_full_memory_is_remembered_when_the_run_goes_on(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).checkpoint(1).step(2).run_out_of_memory(1)
    stopped = progress_of(trainer)
    assert stopped.phase is None
    progress = progress_of(trainer.begin(resumed_from=1).step(2).run_out_of_memory(2).begin(resumed_from=1))
    assert [event.attempt for event in progress.out_of_memory] == [1, 2]
    assert progress.phase is not None
    assert progress.phase.name == "train"


def test_a_round_sampled_anew_counts_once(trainer: FakeTrainer) -> None:
    trainer.begin().round(1, solved=40).step(1).round(2, solved=60)
    progress = progress_of(trainer.begin(resumed_from=1).round(2, solved=65))
    assert [(one.round, one.solved) for one in progress.rounds] == [(1, 40), (2, 65)]


def test_the_self_test_of_the_cards_belongs_to_its_try(trainer: FakeTrainer) -> None:
    """It comes before the processes that import the libraries, and before the placement that follows from it."""
    trainer.phase("self_test", 4.0).placement().begin()
    names = [name for name, _ in progress_of(trainer).phases]
    assert names == ["self_test", "import", "load", "data"]
    trainer.step(1).fail()
    assert progress_of(trainer.phase("self_test", 3.0)).phases == (("self_test", 3.0),)
    assert progress_of(trainer).end is None
    assert progress_of(trainer.fail().placement()).end is None


def test_the_time_left_after_a_resume_knows_neither_the_pause_nor_the_pace_before(trainer: FakeTrainer) -> None:
    """A pause of a night must not count as a step, and the first step after it, which compiles, not as the pace."""
    trainer.total_steps = 100
    trainer.begin()
    for step in range(1, 11):
        trainer.step(step, seconds=30.0)
    paused = progress_of(trainer.pause(10))
    assert paused.seconds_left is None
    trainer.wait(12 * 3600).begin(resumed_from=10)
    assert progress_of(trainer).seconds_left is None
    assert progress_of(trainer.step(11, seconds=40.0)).seconds_left == 89 * 40.0
    assert progress_of(trainer.step(12, seconds=2.0)).seconds_left == 88 * 2.0
    step = progress_of(trainer.step(13, seconds=2.0)).step
    assert step is not None
    assert step.tokens_per_s == 50.0


def test_a_clock_that_jumps_changes_no_duration(trainer: FakeTrainer) -> None:
    trainer.total_steps = 10
    trainer.begin().step(1).step(2)
    before = progress_of(trainer)
    trainer.wait(-7200).step(3)
    after = progress_of(trainer)
    assert before.pace_s == after.pace_s == 2.0
    assert after.seconds_left == 14.0


def test_a_trainer_that_paused_by_itself_says_why(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).say(Paused(step=0, code="disk_full", sentence="The disk is full.", hint="Free some."))
    state, failure = decide_state(progress_of(trainer), None)
    assert (state, failure) == (RunState.PAUSED, Failure("disk_full", "The disk is full.", "Free some."))
    assert decide_state(progress_of(trainer.pause(1)), None) == (RunState.PAUSED, None)


def test_a_trainer_without_room_for_a_word_says_it_by_its_code(trainer: FakeTrainer) -> None:
    body = Body("exited", exit_code=EXIT_DISK_FULL)
    state, failure = decide_state(progress_of(trainer.begin().step(1)), body)
    assert (state, failure.code if failure else "") == (RunState.PAUSED, "disk_full")


def test_the_time_left_has_a_spread_from_how_the_steps_vary(trainer: FakeTrainer) -> None:
    trainer.total_steps = 200
    trainer.begin().step(1, seconds=60.0)
    for step in range(2, 5):
        trainer.step(step, seconds=4.0)
    assert progress_of(trainer).seconds_left_range is None
    for step in range(5, 41):
        trainer.step(step, seconds=4.0)
    even = progress_of(trainer)
    assert even.seconds_left == pytest.approx(640)
    assert even.seconds_left_range == pytest.approx((640, 640))
    assert even.first_step_s == 60.0
    for step in range(41, 101):
        trainer.step(step, seconds=3.0 if step % 2 else 5.0)
    uneven = progress_of(trainer)
    assert uneven.seconds_left is not None
    assert uneven.seconds_left_range is not None
    low, high = uneven.seconds_left_range
    assert 250 < low < uneven.seconds_left < high < 550
    assert low < 400 < high
    resumed = progress_of(trainer.pause(100).begin(resumed_from=100).step(101, seconds=50.0))
    assert (resumed.pace_variance, resumed.seconds_left_range, resumed.first_step_s) == (0.0, None, 50.0)
