"""A run as values, and the state that follows from its events and from the engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from desktop.body import Body, EngineName
from desktop.core.progress import Progress
from desktop.core.wishes import Wish
from trainer_image.contract import EXIT_DISK_FULL, SPEAKING, Cancelled, Failed, Finished, Paused, RunConfig, RunFolder


class RunState(StrEnum):
    """Where a run is, in the words that the user reads."""

    WAITING = "waiting"
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
    def can_cancel(self) -> bool:
        return self.is_live or self is RunState.WAITING

    @property
    def can_resume(self) -> bool:
        return self in (RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True)
class Failure:
    """Why a run ended badly: for people, and a code for programs."""

    code: str
    sentence: str
    hint: str


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
                trouble = Failure(end.code, end.sentence, end.hint) if end.sentence else None
                return RunState.PAUSED, trouble
            case Cancelled():
                return RunState.CANCELLED, _why_never_started(progress)
            case Failed():
                return RunState.FAILED, Failure(end.code, end.sentence, end.hint)
    if body is not None and body.exit_code == EXIT_DISK_FULL:
        return RunState.PAUSED, DISK_FULL
    has_spoken = progress.last_seq > launched_after and progress.hello is not None
    if body is None or body.state == "running":
        return (RunState.RUNNING if has_spoken else RunState.STARTING), None
    if starting:
        return RunState.STARTING, None
    if stop_asked:
        return RunState.CANCELLED, None
    if body.state == "exited":
        return _ended_without_a_word(body, progress)
    if not has_spoken:
        return RunState.INTERRUPTED, Failure(
            "not_started",
            "Tunedeck was ended while it started this run.",
            "Resume starts it.",
        )
    return RunState.INTERRUPTED, Failure(
        "interrupted",
        "The trainer went away before the run was done.",
        what_resume_does(progress),
    )


def what_resume_does(progress: Progress) -> str:
    """Return the sentence that says where a run goes on that is resumed."""
    if progress.checkpoints:
        return "Resume goes on from its last checkpoint."
    return "Resume begins again: it has no checkpoint yet."


DISK_FULL = Failure(
    "disk_full",
    "The disk is full: there was no room even to say so.",
    "Free some space, then resume: the last complete checkpoint is still there.",
)

NEVER_STARTED = "not_started"
"""The code of the warning that comes right before the end of a run that waited in vain."""


def _why_never_started(progress: Progress) -> Failure | None:
    last = progress.warnings[-1] if progress.warnings else None
    if last is None or progress.end is None or (last.code, last.seq) != (NEVER_STARTED, progress.end.seq - 1):
        return None
    return Failure(last.code, last.sentence, last.hint)


LOST = 255
"""The code that the Docker engine gives a container of which it does not know how it ended; no trainer leaves so."""


def _ended_without_a_word(body: Body, progress: Progress) -> tuple[RunState, Failure]:
    if body.out_of_memory:
        then = "resume from the last checkpoint" if progress.checkpoints else "resume: it begins again"
        return RunState.FAILED, Failure(
            "out_of_memory",
            "The trainer was killed because this machine ran out of memory.",
            f"Close other programs, or lower Rows at once or Longest row, then {then}.",
        )
    if body.exit_code in (137, 143, -9, -15):
        return RunState.INTERRUPTED, Failure(
            "killed",
            f"The trainer was killed from outside (exit code {body.exit_code}); often that is for memory.",
            f"{what_resume_does(progress)} If it happens again, lower Rows at once or Longest row.",
        )
    if body.exit_code == LOST:
        return RunState.INTERRUPTED, Failure(
            "interrupted",
            "The machine or the Docker engine went down under the run.",
            what_resume_does(progress),
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
    after: str | None = None
    """The run that has to finish before this one starts."""
    waiting_for: str = ""
    """While waiting: for whom, as a part of a sentence."""
    position: float | None = None
    """While waiting in the queue: its place there, smallest first."""
    not_before: datetime | None = None
    """While waiting: the moment before which it does not start."""
    is_away: bool = False
    """The run folder is not where it was: moved, or on a disk that is not there."""
    progress: Progress = field(default_factory=Progress)
    """Filled once the run folder has been read."""
    body: Body | None = None
    earlier_s: float | None = None
    """Seconds that it had worked before its latest start; None where its events have never been read."""
    asked: Wish = ""
    """While live: what the user has asked of the trainer that has not come yet."""

    @property
    def files(self) -> RunFolder:
        return RunFolder(self.folder)

    @property
    def is_heard(self) -> bool:
        """Say whether the trainer of the latest start has spoken; until it greets, the run counts as starting."""
        if self.state is not RunState.STARTING:
            return self.state is RunState.RUNNING
        said = self.progress
        is_old = said.hello is not None or said.end is not None
        return not is_old and said.heard is not None and (self.started is None or said.heard >= self.started)

    def seconds_of_work(self, until: datetime | None) -> float | None:
        """Return how long it has worked until then, all its starts together and pauses left out; None if unknown.

        Of a long run whose events have never been read only the latest start is known.
        """
        if self.started is None or until is None or until < self.started:
            return None
        return (self.earlier_s or 0.0) + (until - self.started).total_seconds()

    @property
    def adapter(self) -> Path | None:
        """The folder of the finished adapter, if there is one."""
        return self.files.adapter if self.state is RunState.FINISHED and self._keeps_model else None

    @property
    def _keeps_model(self) -> bool:
        end = self.progress.end
        return not self.config.find_learning_rate and not (isinstance(end, Finished) and end.adapter is None)

    @property
    def no_chat_because(self) -> str:
        """Why nobody can talk to what this run makes; empty where one can."""
        if self.config.method not in SPEAKING:
            return f"{self.name} is a model that judges answers: it cannot give any."
        if not self._keeps_model:
            return f"{self.name} searched for a learning rate and kept no model to talk to."
        return ""


def with_progress(run: Run, progress: Progress) -> Run:
    """Return the run with what its events add up to."""
    step = progress.step
    return replace(
        run,
        progress=progress,
        earlier_s=progress.work.earlier.total_seconds(),
        step=step.step if step else 0,
        loss=step.loss if step else None,
        total_steps=progress.total_steps or run.total_steps,
        ended=progress.end.time if progress.end else run.ended,
    )
