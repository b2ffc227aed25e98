"""What events add up to, and every row of the table of states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from desktop.body import GONE, Body
from desktop.core.progress import Progress, advance
from desktop.core.run import Failure, Run, RunState, decide_state, with_progress
from tests.fakes import START, FakeTrainer, events_of
from trainer_image.contract import RunConfig, RunFolder, Step, UnknownLine, Warned

RUNNING = Body("running", handle="abc")


@pytest.fixture
def trainer(tmp_path: Path) -> FakeTrainer:
    return FakeTrainer(RunFolder(tmp_path))


def progress_of(trainer: FakeTrainer) -> Progress:
    return advance(Progress(), events_of(trainer))


def test_a_whole_run_adds_up(trainer: FakeTrainer) -> None:
    progress = progress_of(trainer.run(4))
    assert progress.hello is not None
    assert progress.total_steps == 4
    assert progress.step is not None
    assert progress.step.step == 4
    assert progress.step.loss == 0.75
    assert progress.evaluation is not None
    assert [checkpoint.step for checkpoint in progress.checkpoints] == [2, 4]
    assert progress.end is not None
    assert progress.end.kind == "finished"
    assert progress.phase is None
    assert progress.seconds_left is None
    assert progress.last_seq == len(events_of(trainer))


def test_phases_keep_their_seconds_the_libraries_included(trainer: FakeTrainer) -> None:
    """The trainer imports for seconds before it can say hello; that time belongs to the run."""
    progress = progress_of(trainer.begin())
    assert progress.phases == (("import", 2.5), ("load", 1.5), ("data", 0.5))
    assert progress.phase is not None
    assert progress.phase.name == "train"


def test_a_phase_within_a_phase_leaves_the_outer_one_open(trainer: FakeTrainer) -> None:
    trainer.begin().open_phase("save")
    inner = progress_of(trainer).phase
    assert inner is not None
    assert inner.name == "save"
    trainer.say(inner.model_copy(update={"seconds": 0.5}))
    outer = progress_of(trainer).phase
    assert outer is not None
    assert outer.name == "train"


def test_advancing_in_parts_is_advancing_at_once(trainer: FakeTrainer) -> None:
    events = events_of(trainer.run(6).begin(resumed_from=3).step(4))
    for cut in range(len(events)):
        assert advance(advance(Progress(), events[:cut]), events[cut:]) == advance(Progress(), events)


def test_resume_undoes_what_came_after_the_checkpoint(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).step(2).checkpoint(2).step(3).evaluation(3).step(4).checkpoint(4).pause(4)
    progress = progress_of(trainer.begin(resumed_from=2))
    assert progress.step is not None
    assert progress.step.step == 2
    assert [checkpoint.step for checkpoint in progress.checkpoints] == [2]
    assert progress.evaluation is None
    assert progress.end is None


def test_resume_without_a_checkpoint_undoes_everything(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).evaluation(1).fail()
    progress = progress_of(trainer.hello(resumed_from=None))
    assert progress.step is None
    assert progress.checkpoints == ()
    assert progress.evaluation is None


def test_a_second_try_has_phases_of_its_own_and_no_old_end(trainer: FakeTrainer) -> None:
    trainer.begin().step(1).fail().open_phase("import")
    progress = progress_of(trainer)
    assert progress.end is None
    assert progress.phases == ()
    assert progress.phase is not None
    assert progress.phase.name == "import"


def test_a_checkpoint_saved_twice_counts_once(trainer: FakeTrainer) -> None:
    assert len(progress_of(trainer.begin().step(1).checkpoint(1).checkpoint(1)).checkpoints) == 1


def test_unknown_lines_are_counted_and_change_nothing_else() -> None:
    assert advance(Progress(), [UnknownLine(line="?"), UnknownLine(line="!")]) == Progress(unknown_lines=2)


def test_one_slow_step_does_not_make_hours_of_minutes() -> None:
    def step(number: int, seconds: float) -> Step:
        return Step(
            step=number, epoch=0, loss=1.0, learning_rate=0, grad_norm=None, tokens=1, tokens_per_s=1, step_s=seconds
        )

    steady = [step(number, 1.0) for number in range(1, 21)]
    assert advance(Progress(), steady).pace_s == pytest.approx(1.0)
    assert advance(Progress(), [*steady, step(21, 60.0)]).pace_s == pytest.approx(6.9)


def test_seconds_left_follow_the_pace(trainer: FakeTrainer) -> None:
    assert progress_of(trainer.begin()).seconds_left is None
    assert progress_of(trainer.step(1)).seconds_left == 3 * 2.0
    assert progress_of(trainer.step(9)).seconds_left == 0


# The table of states

ENDS: list[tuple[str, Callable[[FakeTrainer], FakeTrainer], RunState]] = [
    ("finished", lambda trainer: trainer.finish(1), RunState.FINISHED),
    ("paused", lambda trainer: trainer.pause(1), RunState.PAUSED),
    ("cancelled", lambda trainer: trainer.cancel(1), RunState.CANCELLED),
    ("failed", lambda trainer: trainer.fail(), RunState.FAILED),
]
BODIES = [None, RUNNING, Body("exited", 0), Body("exited", 137, True), GONE]


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize(("kind", "end", "state"), ENDS, ids=[row[0] for row in ENDS])
def test_an_end_event_says_the_state_whatever_the_body(
    trainer: FakeTrainer, kind: str, end: Callable[[FakeTrainer], FakeTrainer], state: RunState, body: Body | None
) -> None:
    progress = progress_of(end(trainer.begin().step(1)))
    decided, failure = decide_state(progress, body, stop_asked=True, starting=True)
    assert decided is state
    if kind == "failed":
        assert failure == Failure("out_of_memory", "The memory is full.", "Lower Rows at once.")
    else:
        assert failure is None


@pytest.mark.parametrize(("kind", "end", "state"), ENDS, ids=[row[0] for row in ENDS])
def test_an_end_of_an_earlier_try_says_nothing(
    trainer: FakeTrainer, kind: str, end: Callable[[FakeTrainer], FakeTrainer], state: RunState
) -> None:
    progress = progress_of(end(trainer.begin().step(1)))
    last = progress.last_seq
    assert decide_state(progress, RUNNING, launched_after=last) == (RunState.STARTING, None)
    assert decide_state(progress, GONE, starting=True, launched_after=last) == (RunState.STARTING, None)
    assert decide_state(progress, GONE, launched_after=last)[0] is RunState.INTERRUPTED
    assert decide_state(progress, GONE, launched_after=last - 1)[0] is state


@pytest.mark.parametrize("body", [None, RUNNING], ids=["engine silent", "running"])
def test_a_trainer_is_starting_until_it_has_spoken(trainer: FakeTrainer, body: Body | None) -> None:
    assert decide_state(Progress(), body) == (RunState.STARTING, None)
    progress = progress_of(trainer.hello())
    assert decide_state(progress, body) == (RunState.RUNNING, None)
    assert decide_state(progress, body, launched_after=progress.last_seq) == (RunState.STARTING, None)


def test_nothing_is_concluded_from_a_silent_engine(trainer: FakeTrainer) -> None:
    progress = progress_of(trainer.begin().step(1))
    assert decide_state(progress, None, stop_asked=True) == (RunState.RUNNING, None)


def test_a_body_that_is_not_there_yet_is_starting() -> None:
    assert decide_state(Progress(), GONE, starting=True) == (RunState.STARTING, None)
    assert decide_state(Progress(), Body("exited", 1), starting=True, stop_asked=True) == (RunState.STARTING, None)


def test_a_run_has_taken_as_long_as_all_its_starts(run: Run, trainer: FakeTrainer) -> None:
    trainer.begin().wait(120).step(1).pause(1).wait(3600)
    first, resumed = progress_of(trainer).work.total, trainer.now
    trainer.begin(resumed_from=1).wait(60).step(2).finish(2)
    again = with_progress(replace(run, started=resumed), progress_of(trainer))
    assert again.ended is not None
    assert again.seconds_of_work(again.ended) == (first + (again.ended - resumed)).total_seconds()
    assert again.seconds_of_work(resumed - timedelta(seconds=1)) is None
    assert replace(run, started=None).seconds_of_work(resumed) is None


def test_a_body_gone_is_interrupted(trainer: FakeTrainer) -> None:
    state, failure = decide_state(progress_of(trainer.begin().step(1)), GONE)
    assert state is RunState.INTERRUPTED
    assert state.can_resume
    assert failure is not None
    assert failure.code == "interrupted"
    assert "Resume" in failure.hint


@pytest.mark.parametrize("body", [GONE, Body("exited", 137), Body("exited", 255)], ids=str)
def test_only_a_run_with_a_checkpoint_is_said_to_go_on_from_it(trainer: FakeTrainer, body: Body) -> None:
    _, failure = decide_state(progress_of(trainer.begin().step(1)), body)
    assert failure is not None
    assert failure.hint.startswith("Resume begins again: it has no checkpoint yet.")
    _, failure = decide_state(progress_of(trainer.checkpoint(1)), body)
    assert failure is not None
    assert failure.hint.startswith("Resume goes on from its last checkpoint.")


@pytest.mark.parametrize("code", [0, 1, 2, 254])
def test_an_exit_without_a_word_is_failed_with_its_code(trainer: FakeTrainer, code: int) -> None:
    state, failure = decide_state(progress_of(trainer.begin()), Body("exited", code))
    assert state is RunState.FAILED
    assert failure is not None
    assert failure.code == "crashed"
    assert f"exit code {code}" in failure.sentence


@pytest.mark.parametrize("code", [137, 143, -9, -15])
def test_a_killed_trainer_is_interrupted_and_memory_is_suspected(trainer: FakeTrainer, code: int) -> None:
    state, failure = decide_state(progress_of(trainer.begin()), Body("exited", code))
    assert state is RunState.INTERRUPTED
    assert failure is not None
    assert failure.code == "killed"
    assert "memory" in failure.sentence


def test_a_trainer_killed_for_memory_has_failed(trainer: FakeTrainer) -> None:
    state, failure = decide_state(progress_of(trainer.begin()), Body("exited", 137, out_of_memory=True))
    assert state is RunState.FAILED
    assert failure is not None
    assert failure.code == "out_of_memory"


@pytest.mark.parametrize("body", [GONE, Body("exited", 0), Body("exited", 137), Body("exited", 137, True)], ids=str)
def test_a_silent_end_that_was_asked_for_is_no_failure(trainer: FakeTrainer, body: Body) -> None:
    assert decide_state(progress_of(trainer.begin()), body, stop_asked=True) == (RunState.CANCELLED, None)


def test_an_end_that_was_warned_of_says_why(trainer: FakeTrainer) -> None:
    trainer.say(Warned(code="not_started", sentence="First has failed.", hint="Resume it."))
    why = Failure("not_started", "First has failed.", "Resume it.")
    assert decide_state(progress_of(trainer.cancel(0)), None) == (RunState.CANCELLED, why)
    later = progress_of(trainer.begin().step(1).cancel(1))
    assert decide_state(later, None) == (RunState.CANCELLED, None)


def test_states_say_what_can_be_done() -> None:
    assert {state for state in RunState if state.can_cancel} == {
        RunState.WAITING,
        RunState.STARTING,
        RunState.RUNNING,
    }
    assert {state for state in RunState if state.is_live} == {RunState.STARTING, RunState.RUNNING}
    assert {state for state in RunState if state.can_resume} == {
        RunState.PAUSED,
        RunState.INTERRUPTED,
        RunState.FAILED,
        RunState.CANCELLED,
    }


# Run


@pytest.fixture
def run(tmp_path: Path, config: RunConfig) -> Run:
    folder = tmp_path / "run"
    folder.mkdir()
    return Run("r1", "First", "docker", folder, config, START, RunState.RUNNING)


def test_with_progress_fills_the_summary(run: Run) -> None:
    trainer = FakeTrainer(run.files).run(4)
    filled = with_progress(run, progress_of(trainer))
    assert (filled.step, filled.total_steps, filled.loss) == (4, 4, 0.75)
    assert filled.ended == events_of(trainer)[-1].time


def test_with_progress_keeps_the_planned_steps_until_the_trainer_says(run: Run) -> None:
    assert with_progress(replace(run, total_steps=60), Progress()).total_steps == 60


@pytest.mark.parametrize("method", ["reward", "prm"])
def test_a_model_that_judges_cannot_be_talked_to(run: Run, make_config: Callable[..., RunConfig], method: str) -> None:
    assert run.no_chat_because == ""
    judge = replace(run, config=make_config(method=method), state=RunState.FINISHED)
    assert judge.adapter == judge.folder / "adapter"  # a policy run is trained against it
    assert "First is a model that judges" in judge.no_chat_because


def test_a_run_that_kept_no_model_has_no_adapter(run: Run, make_config: Callable[..., RunConfig]) -> None:
    done = with_progress(
        replace(run, state=RunState.FINISHED), progress_of(FakeTrainer(run.files).finish_without_a_model(4))
    )
    assert done.adapter is None
    assert "kept no model" in done.no_chat_because
    searching = replace(run, config=make_config(find_learning_rate=True))
    assert "kept no model" in searching.no_chat_because
