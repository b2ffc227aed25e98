"""A run as values: what its events add up to, and the state that follows from them and from the engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from desktop.body import Body, EngineName
from trainer_image.contract import (
    Cancelled,
    Checkpoint,
    End,
    Evaluation,
    Event,
    Failed,
    Finished,
    Hello,
    Paused,
    Phase,
    PhaseName,
    Plan,
    RunConfig,
    RunFolder,
    Step,
    UnknownLine,
    Warned,
)


class RunState(StrEnum):
    """Where a run is, in the words that the user reads."""

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Say whether a trainer is at work, or about to be."""
        return self in (RunState.STARTING, RunState.RUNNING)

    @property
    def can_resume(self) -> bool:
        return self in (RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True)
class Failure:
    """Why a run ended badly: for people, and a code for programs."""

    code: str
    sentence: str
    hint: str


@dataclass(frozen=True)
class Progress:
    """What the events of one run folder add up to."""

    last_seq: int = -1
    hello: Hello | None = None
    plan: Plan | None = None
    open_phases: tuple[Phase, ...] = ()
    """The phases that are going on, the outermost first: saving happens within training."""
    phases: tuple[tuple[PhaseName, float], ...] = ()
    """The phases that have ended, with their seconds."""
    step: Step | None = None
    pace_s: float | None = None
    """Seconds a step, the latest steps counting most."""
    evaluation: Evaluation | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    warnings: tuple[Warned, ...] = ()
    end: End | None = None
    unknown_lines: int = 0

    @property
    def phase(self) -> Phase | None:
        """The innermost phase that is going on."""
        return self.open_phases[-1] if self.open_phases else None

    @property
    def total_steps(self) -> int | None:
        return self.plan.total_steps if self.plan else None

    @property
    def seconds_left(self) -> float | None:
        """Estimate the time to the last step from the pace of the latest steps."""
        if self.plan is None or self.step is None or self.pace_s is None or self.end is not None:
            return None
        return max(0, self.plan.total_steps - self.step.step) * self.pace_s


def advance(progress: Progress, events: Iterable[Event | UnknownLine]) -> Progress:
    """Return ``progress`` with more events added to it."""
    for event in events:
        progress = _advanced_by_one(progress, event)
    return progress


def _advanced_by_one(progress: Progress, event: Event | UnknownLine) -> Progress:
    if isinstance(event, UnknownLine):
        return replace(progress, unknown_lines=progress.unknown_lines + 1)
    progress = replace(progress, last_seq=max(progress.last_seq, event.seq))
    match event:
        case Hello():
            return _undone_to(replace(progress, hello=event, end=None), event.resumed_from)
        case Phase(name="import", seconds=None):  # the first word of every trainer: a new try begins
            return replace(progress, end=None, open_phases=(event,), phases=(), pace_s=None)
        case Phase(seconds=None):
            return replace(progress, open_phases=(*progress.open_phases, event))
        case Phase(seconds=seconds):
            assert seconds is not None
            names = [phase.name for phase in progress.open_phases]
            outer = progress.open_phases[: names.index(event.name)] if event.name in names else progress.open_phases
            return replace(progress, open_phases=outer, phases=(*progress.phases, (event.name, seconds)))
        case Plan():
            return replace(progress, plan=event)
        case Step():
            return replace(progress, step=event, pace_s=_slowly(progress.pace_s, event.step_s))
        case Evaluation():
            return replace(progress, evaluation=event)
        case Checkpoint():
            kept = tuple(known for known in progress.checkpoints if known.step != event.step)
            return replace(progress, checkpoints=(*kept, event))
        case Warned():
            return replace(progress, warnings=(*progress.warnings, event))
        case Finished() | Paused() | Cancelled() | Failed():
            return replace(progress, end=event, open_phases=())
        case _:
            return progress


def _slowly(pace: float | None, seconds: float) -> float:
    """One slow step, such as one beside an evaluation, must not make hours of minutes."""
    return seconds if pace is None else 0.9 * pace + 0.1 * seconds


def _undone_to(progress: Progress, step: int | None) -> Progress:
    """Forget what came after ``step``: a resumed run makes those steps again."""
    last = progress.step
    if last is not None and last.step > (step or 0):
        last = None if not step else last.model_copy(update={"step": step})
    evaluation = progress.evaluation
    if evaluation is not None and evaluation.step > (step or 0):
        evaluation = None
    kept = tuple(known for known in progress.checkpoints if known.step <= (step or 0))
    return replace(progress, step=last, evaluation=evaluation, checkpoints=kept)


def decide_state(
    progress: Progress,
    body: Body | None,
    *,
    starting: bool = False,
    launched_after: int = -1,
    stop_asked: bool = False,
) -> tuple[RunState, Failure | None]:
    """Return the state that follows from the events and from what the engine says.

    ``body`` is None when the engine does not answer; then nothing is concluded from its silence.
    ``launched_after`` is the last event before the latest start: an end event up to it belongs to an earlier try.
    ``stop_asked``: the user cancelled this try, so that its silent end is no failure.
    """
    end = progress.end
    if end is not None and end.seq > launched_after:
        match end:
            case Finished():
                return RunState.FINISHED, None
            case Paused():
                return RunState.PAUSED, None
            case Cancelled():
                return RunState.CANCELLED, None
            case Failed():
                return RunState.FAILED, Failure(end.code, end.sentence, end.hint)
    has_spoken = progress.last_seq > launched_after and progress.hello is not None
    if body is None or body.state == "running":
        return (RunState.RUNNING if has_spoken else RunState.STARTING), None
    if starting:
        return RunState.STARTING, None
    if stop_asked:
        return RunState.CANCELLED, None
    if body.state == "exited":
        return _ended_without_a_word(body)
    return RunState.INTERRUPTED, Failure(
        "interrupted",
        "The trainer went away before the run was done.",
        "Resume goes on from its last checkpoint.",
    )


def _ended_without_a_word(body: Body) -> tuple[RunState, Failure]:
    if body.out_of_memory:
        return RunState.FAILED, Failure(
            "out_of_memory",
            "The trainer was killed because this machine ran out of memory.",
            "Close other programs, or lower Rows at once or Longest row, then resume from the last checkpoint.",
        )
    if body.exit_code in (137, 143, -9, -15):
        return RunState.INTERRUPTED, Failure(
            "killed",
            f"The trainer was killed from outside (exit code {body.exit_code}); often that is for memory.",
            "Resume goes on from its last checkpoint. If it happens again, lower Rows at once or Longest row.",
        )
    return RunState.FAILED, Failure(
        "crashed",
        f"The trainer ended without a word (exit code {body.exit_code}).",
        "The end of its log says more.",
    )


@dataclass(frozen=True)
class Run:
    """One run as everything above the store and the engines sees it."""

    id: str
    name: str
    engine: EngineName
    folder: Path
    config: RunConfig
    created: datetime
    state: RunState
    started: datetime | None = None
    ended: datetime | None = None
    step: int = 0
    total_steps: int | None = None
    loss: float | None = None
    size_bytes: int = 0
    failure: Failure | None = None
    preparing: str = ""
    """While starting: what is being made ready, such as the trainer image."""
    progress: Progress = field(default_factory=Progress)
    """Filled once the run folder has been read."""
    body: Body | None = None

    @property
    def files(self) -> RunFolder:
        return RunFolder(self.folder)

    @property
    def adapter(self) -> Path | None:
        """The folder of the finished adapter, if there is one."""
        return self.files.adapter if self.state is RunState.FINISHED else None


def with_progress(run: Run, progress: Progress) -> Run:
    """Return the run with what its events add up to."""
    step = progress.step
    return replace(
        run,
        progress=progress,
        step=step.step if step else 0,
        loss=step.loss if step else None,
        total_steps=progress.total_steps or run.total_steps,
        ended=progress.end.time if progress.end else run.ended,
    )
