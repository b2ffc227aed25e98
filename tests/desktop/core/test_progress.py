"""What the events of the methods add up to, through restarts and resumes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from desktop.body import Body
from desktop.core.progress import Progress, advance, start_again
from desktop.core.run import Failure, RunState, decide_state
from tests.fakes import FakeTrainer, events_of
from trainer_image.contract import EXIT_DISK_FULL, Failed, Paused, Phase, Placement, RunFolder, Warned


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


def test_the_time_left_after_a_resume_is_that_of_before_until_it_is_known_anew(trainer: FakeTrainer) -> None:
    """A pause of a night must not count as a step, and the first step after it, which compiles, not as the pace."""
    trainer.total_steps = 100
    trainer.begin()
    for step in range(1, 11):
        trainer.step(step, seconds=30.0)
    paused = progress_of(trainer.pause(10))
    assert paused.seconds_left is None
    trainer.wait(12 * 3600).open_phase("import")
    assert progress_of(trainer).seconds_left is None  # nobody knows how long it loads
    trainer.begin(resumed_from=10)
    assert progress_of(trainer).seconds_left == 90 * 30.0
    assert progress_of(trainer.step(11, seconds=400.0)).seconds_left == 89 * 30.0
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


def test_a_clock_set_forward_makes_nothing_longer(trainer: FakeTrainer) -> None:
    trainer.say(Placement(placement="one", cards=[], processes=1, sentence="It fits.")).begin().step(1).step(2)
    trainer.open_phase("evaluate").count("evaluate", 1, 100).wait(10).count("evaluate", 11, 100)
    began = [phase.time for phase in progress_of(trainer).open_phases]
    trainer.set_clock(3600)
    progress = progress_of(trainer.wait(9).count("evaluate", 21, 100))
    assert [phase.time - timedelta(hours=1) for phase in progress.open_phases] == began
    assert progress.count is not None
    assert progress.count.seconds_left(trainer.now) == pytest.approx(79 * (22 / 20))
    assert (progress.clock_set_s, progress.pace_s) == (3600, 2.0)
    trainer.pause(2).say(Placement(placement="one", cards=[], processes=1, sentence="It fits."))
    assert progress_of(trainer).clock_set_s == 0


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_time_of_work_is_that_of_all_starts_without_pauses(trainer: FakeTrainer, is_killed: bool) -> None:
    began = trainer.now
    trainer.begin().step(1).wait(100).step(2).checkpoint(2)
    if not is_killed:
        trainer.pause(2)
    first = progress_of(trainer).work
    ended = progress_of(trainer).heard
    assert ended is not None
    assert first.total > timedelta(seconds=100)
    assert ended - began - first.total <= 2 * trainer.tick  # before the first word nothing is known
    assert first.earlier == timedelta(0)
    trainer.wait(3600).begin(resumed_from=2).step(3).wait(20).step(4)
    again = progress_of(trainer).work
    assert again.earlier == first.total
    assert timedelta(seconds=20) < again.total - first.total < timedelta(seconds=100)
    before = progress_of(trainer.finish(4))
    assert start_again(before).work.earlier == before.work.total


def test_the_time_of_work_does_not_grow_with_the_clock_that_is_set(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).set_clock(3600).step(2)
    assert progress_of(trainer).work.total < timedelta(minutes=1)


def test_a_start_that_failed_adds_to_what_was_worked_before(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).wait(100).step(2).pause(2).wait(3600)
    trainer.say(Failed(code="not_started", sentence="Docker does not answer.", hint="Start it."))
    work = progress_of(trainer).work
    assert timedelta(seconds=100) < work.earlier == work.total < timedelta(seconds=200)


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


def test_a_count_tells_how_far_a_phase_has_come_and_begins_none(trainer: FakeTrainer) -> None:
    trainer.tick = timedelta(0)
    trainer.open_phase("data")
    assert progress_of(trainer).count is None
    trainer.wait(4).count("data", 1000, 101_000)  # the file was read before
    before = progress_of(trainer)
    assert [phase.name for phase in before.open_phases] == ["data"]
    assert before.phase is not None
    assert before.phase.done is None
    assert before.count is not None
    assert (before.count.done, before.count.total) == (1000, 101_000)
    assert before.count.seconds_left(trainer.now) is None
    count = progress_of(trainer.wait(10).count("data", 51_000, 101_000)).count
    assert count is not None
    assert count.seconds_left(trainer.now) == pytest.approx(10)
    assert count.seconds_left(trainer.now + timedelta(hours=1)) == pytest.approx(9)
    done = progress_of(trainer.wait(10).count("data", 101_000, 101_000))
    assert [phase.name for phase in done.open_phases] == ["data"]
    assert done.count is None
    ended = progress_of(trainer.say(Phase(name="data", seconds=24)))
    assert (ended.open_phases, ended.phases, ended.count) == ((), (("data", 24),), None)


def test_a_count_belongs_to_its_own_phase(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).open_phase("evaluate").count("evaluate", 3, 4)
    assert progress_of(trainer).count is not None
    trainer.say(Phase(name="evaluate", seconds=2))
    ended = progress_of(trainer)
    assert ended.phase is not None
    assert (ended.phase.name, ended.count, dict(ended.nested)) == ("train", None, {"train": 2})
    again = progress_of(trainer.step(2).open_phase("evaluate"))
    assert again.count is None
    counted = progress_of(trainer.count("evaluate", 1, 4))
    assert counted.count is not None
    assert (counted.count.done, counted.count.first_done) == (1, 1)
    assert progress_of(trainer.pause(2)).count is None
    trainer.begin(resumed_from=2).open_phase("evaluate")
    assert progress_of(trainer).count is None


def test_a_count_that_begins_again_has_a_pace_of_its_own(trainer: FakeTrainer) -> None:
    """STaR answers its problems first, and then those that it did not solve, with a hint."""
    trainer.tick = timedelta(0)
    trainer.open_phase("generate")
    for batch in range(1, 20):
        trainer.wait(60).count("generate", batch, 20)
    trainer.wait(60).count("generate", 20, 20).wait(2).count("generate", 1, 8).wait(2).count("generate", 2, 8)
    count = progress_of(trainer).count
    assert count is not None
    assert count.seconds_left(trainer.now) is None
    count = progress_of(trainer.wait(2).count("generate", 3, 8)).count
    assert count is not None
    assert count.seconds_left(trainer.now) == pytest.approx(10)


def test_a_clock_that_is_set_back_tells_no_time_left_of_a_phase(trainer: FakeTrainer) -> None:
    trainer.open_phase("evaluate").count("evaluate", 1, 100).wait(-7200).count("evaluate", 50, 100)
    count = progress_of(trainer).count
    assert count is not None
    assert (count.share, count.seconds_left(trainer.now)) == (0.5, None)


def trained_with_evaluations(trainer: FakeTrainer, first: int, last: int) -> FakeTrainer:
    """Steps of a second, and every tenth one tested for a minute and saved for two seconds."""
    for step in range(first, last + 1):
        trainer.step(step, seconds=1.0)
        if step % 10 == 0:
            trainer.open_phase("evaluate").evaluate(step, 2.0).say(Phase(name="evaluate", seconds=58.0))
            trainer.open_phase("save").checkpoint(step).say(Phase(name="save", seconds=2.0))
    return trainer


def test_the_time_left_counts_evaluations_and_saves(trainer: FakeTrainer) -> None:
    trainer.total_steps = 1000
    trained_with_evaluations(trainer.begin(), 1, 9)
    assert progress_of(trainer).seconds_left == 991
    for last in range(10, 40):
        progress = progress_of(trained_with_evaluations(trainer, last, last))
        assert progress.seconds_left == pytest.approx((1000 - last) * 7)
    assert progress.seconds_left_range is not None
    low, high = progress.seconds_left_range
    assert low < 961 * 7 < high
    resumed = trainer.pause(39).begin(resumed_from=30)
    assert progress_of(resumed).seconds_left == pytest.approx(970 * 7)
    assert progress_of(resumed.begin()).seconds_left is None  # at no step


def test_a_break_that_does_not_come_again_fades(trainer: FakeTrainer) -> None:
    """Somebody asked for a checkpoint early on: it must not be taken for the rule."""
    trainer.total_steps = 2000
    trainer.begin().step(1).step(2).open_phase("save").checkpoint(2).say(Phase(name="save", seconds=20.0))
    for step in range(3, 1001):
        trainer.step(step)
    left = progress_of(trainer).seconds_left
    assert left is not None
    assert 2000 < left < 2050


def test_one_evaluation_that_took_far_longer_than_the_others_is_not_the_rule(trainer: FakeTrainer) -> None:
    trainer.total_steps = 1000
    trained_with_evaluations(trainer.begin(), 1, 49)
    trainer.step(50, seconds=1.0).open_phase("evaluate").evaluate(50, 2.0).say(Phase(name="evaluate", seconds=3600.0))
    left = progress_of(trainer).seconds_left
    assert left == pytest.approx(950 * (1 + (5 * 58 + 2 * 58 + 4 * 2) / 50))  # that one counts for three
    # Where they have become so long, they are the rule.
    for step in range(51, 101):
        trainer.step(step, seconds=1.0)
        if step % 10 == 0:
            trainer.phase("evaluate", 3600.0)
    left = progress_of(trainer).seconds_left
    assert left is not None
    assert left > 900 * 200


def test_compiling_and_the_last_save_are_no_breaks(trainer: FakeTrainer) -> None:
    trainer.begin().phase("compile", 90.0).step(1).step(2)
    assert progress_of(trainer).seconds_left == 2 * 2.0
    trainer.say(Phase(name="train", seconds=100.0)).phase("save", 30.0)
    assert progress_of(trainer).breaks.count == 0


def test_after_full_memory_the_pace_fits_the_new_plan(trainer: FakeTrainer) -> None:
    trainer.total_steps = 100
    trainer.begin()
    for step in range(1, 11):
        trainer.step(step, seconds=8.0)
    trainer.checkpoint(10).run_out_of_memory(1)
    assert progress_of(trainer).seconds_left is None
    same = progress_of(trainer.begin(resumed_from=10).step(11, seconds=70.0))
    assert same.seconds_left == 89 * 8.0
    plan = same.plan
    assert plan is not None
    trainer.run_out_of_memory(2).hello(10).say(plan.model_copy(update={"batch_rows": 2, "total_steps": 400}))
    assert progress_of(trainer.open_phase("train")).seconds_left == 390 * 2.0


def test_what_a_trainer_warned_of_holds_until_a_resume_undoes_it(trainer: FakeTrainer) -> None:
    trainer.warn("Some rows were cut.").begin().step(1).checkpoint(1).step(2)
    trainer.say(Warned(code="diverged", sentence="The loss explodes."))
    progress = progress_of(trainer)
    assert [warned.code for warned in progress.warnings] == ["rows_cut", "diverged"]
    assert [(step, warned.code) for step, warned in progress.troubles] == [(2, "diverged")]
    trainer.pause(2)
    assert [step for step, _ in progress_of(trainer.begin(resumed_from=2)).troubles] == [2]
    trainer.say(Warned(code="checkpoint_damaged_2", sentence="The checkpoint of step 2 cannot be used."))
    undone = progress_of(trainer.begin(resumed_from=1))
    assert undone.troubles == ()
    assert [warned.code for warned in undone.warnings] == ["rows_cut", "checkpoint_damaged_2"]
