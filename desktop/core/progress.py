"""What the events of one run folder add up to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from desktop.core.breaks import Breaks
from desktop.core.phase_count import PhaseCount, counted, moved
from desktop.core.work_time import WorkTime
from trainer_image.contract import (
    Batch,
    Cancelled,
    Checkpoint,
    ClockSet,
    End,
    Evaluation,
    Event,
    Failed,
    Finished,
    Hello,
    OutOfMemory,
    Paused,
    Phase,
    PhaseName,
    Placement,
    Plan,
    Round,
    Step,
    Suggestion,
    UnknownLine,
    Warned,
)

NEWEST = 0.1
"""How much the newest step counts for the pace."""
PACE_SHARE = NEWEST / (2 - NEWEST)
"""How much of the variance of steps is left in a pace made so."""
NINE_OF_TEN = 1.645
STEPS_FOR_SPREAD = 5
STEPS_FOR_PACE = 2
"""The first step of a try compiles; from the second on the try has a pace of its own."""
BREAKS: tuple[PhaseName, ...] = ("evaluate", "save", "generate")
"""What training waits for again and again."""
DAMAGED = "checkpoint_damaged"
"""What the code of a warning begins with that comes before a trainer goes on, not while one trains."""


@dataclass(frozen=True)
class Progress:
    """What the events of one run folder add up to."""

    last_seq: int = -1
    placement: Placement | None = None
    hello: Hello | None = None
    plan: Plan | None = None
    batch: Batch | None = None
    open_phases: tuple[Phase, ...] = ()
    """The phases that are going on, the outermost first: saving happens within training."""
    latest_count: PhaseCount | None = None
    phases: tuple[tuple[PhaseName, float], ...] = ()
    """The phases that have ended, with their seconds."""
    nested: Mapping[PhaseName, float] = field(default_factory=dict)
    """How much of a phase's seconds were those of others within it, such as evaluations within training."""
    heard: datetime | None = None
    """When the trainer spoke last."""
    work: WorkTime = field(default_factory=WorkTime)
    """How long all its starts together have worked."""
    clock_set_s: float = 0.0
    """By how much the clock was set since this start; the times of what goes on are by the clock as it is now."""
    step: Step | None = None
    pace_s: float | None = None
    """Seconds a step, the latest steps counting most; the first of a try compiles, and counts only while it is alone.
    """
    prior_pace_s: float | None = None
    """The pace of the try before; it counts until this one has made its second step."""
    breaks: Breaks = field(default_factory=Breaks)
    """How long training waited for evaluations and checkpoints."""
    pace_variance: float = 0.0
    """How much the seconds of the latest steps vary, squared."""
    first_step_s: float | None = None
    """How long the first step of a try took: it compiles."""
    steps_of_try: int = 0
    """Steps since the trainer came up the last time."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """The latest value of each metric that the method reports while it trains."""
    evaluation: Evaluation | None = None
    bests: tuple[Evaluation, ...] = ()
    """Evaluations that were better than all before them."""
    rounds: tuple[Round, ...] = ()
    suggestion: Suggestion | None = None
    out_of_memory: tuple[OutOfMemory, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    warnings: tuple[Warned, ...] = ()
    """What the trainer warned of, without what was undone by a resume."""
    troubles: tuple[tuple[int, Warned], ...] = ()
    """Those of the warnings that came while it trained, each with the step after which."""
    end: End | None = None
    unknown_lines: int = 0

    @property
    def phase(self) -> Phase | None:
        """The innermost phase that is going on."""
        return self.open_phases[-1] if self.open_phases else None

    @property
    def count(self) -> PhaseCount | None:
        """How far the innermost phase has come, where the trainer counts it."""
        is_of_phase = self.latest_count and self.phase and self.latest_count.name == self.phase.name
        return self.latest_count if is_of_phase else None

    @property
    def best(self) -> Evaluation | None:
        """The best evaluation so far."""
        return self.bests[-1] if self.bests else None

    @property
    def best_step(self) -> int | None:
        """The step whose weights did best on the rows held back."""
        if isinstance(self.end, Finished) and self.end.best_step is not None:
            return self.end.best_step
        return self.best.step if self.best else None

    @property
    def total_steps(self) -> int | None:
        return self.plan.total_steps if self.plan else None

    @property
    def known_step(self) -> int:
        """The step that the run is at, also where an evaluation or a checkpoint is all that is known of it."""
        saved = self.checkpoints[-1].step if self.checkpoints else 0
        return max(self.step.step if self.step else 0, self.evaluation.step if self.evaluation else 0, saved)

    @property
    def _usual_s(self) -> float | None:
        """Seconds a step without what it waits for; until the second step of a try as in the try before."""
        if self.prior_pace_s is None or self.steps_of_try >= STEPS_FOR_PACE:
            return self.pace_s
        return self.prior_pace_s if self._is_training else None

    @property
    def _is_training(self) -> bool:
        return any(phase.name == "train" for phase in self.open_phases)

    @property
    def seconds_left(self) -> float | None:
        """Estimate the time to the last step from the latest steps, and from the evaluations and saves so far."""
        usual = self._usual_s
        if self.plan is None or self.step is None or usual is None or self.end is not None:
            return None
        return self._steps_left * (usual + self.breaks.a_step(self.step.step))

    @property
    def _steps_left(self) -> int:
        return max(0, self.plan.total_steps - self.step.step) if self.plan and self.step else 0

    @property
    def seconds_left_range(self) -> tuple[float, float] | None:
        """Return between which times the end comes nine times out of ten, judged by how the latest steps vary.

        The steps that come vary each on its own, and the pace itself is only known from the latest ones; how often
        it waits for evaluations is known the better the more there have been.
        """
        left, steps = self.seconds_left, self._steps_left
        if left is None or self.step is None or self.steps_of_try < STEPS_FOR_SPREAD:
            return None
        by_steps = NINE_OF_TEN * math.sqrt(self.pace_variance * (steps + PACE_SHARE * steps * steps))
        spread = math.hypot(by_steps, self.breaks.spread(self.step.step, steps))
        return max(0.0, left - spread), left + spread


def begin_anew(progress: Progress) -> Progress:
    """Return what is left of a run's progress when its trainer is started again: no phases, the pace as a guess."""
    return replace(
        progress,
        open_phases=(),
        phases=(),
        nested={},
        prior_pace_s=progress.pace_s if progress.steps_of_try >= STEPS_FOR_PACE else progress.prior_pace_s,
        pace_s=None,
        pace_variance=0.0,
        first_step_s=None,
        steps_of_try=0,
    )


def start_again(progress: Progress) -> Progress:
    """Return a run's progress when the app starts its trainer again; the time until it speaks is no work of before."""
    return replace(begin_anew(progress), work=progress.work.begun())


def advance(progress: Progress, events: Iterable[Event | UnknownLine]) -> Progress:
    """Return ``progress`` with more events added to it."""
    stretch: list[Step] = []
    for event in events:
        if isinstance(event, Step):
            stretch.append(event)
            continue
        if stretch:
            progress, stretch = _advanced_by_steps(progress, stretch), []
        progress = _advanced_by_one(progress, event)
    return _advanced_by_steps(progress, stretch) if stretch else progress


def _advanced_by_steps(progress: Progress, steps: list[Step]) -> Progress:
    """Add steps without anything between them; a copy for each of a million would take half a minute."""
    pace, variance, metrics = progress.pace_s, progress.pace_variance, progress.metrics
    for number, step in enumerate(steps, progress.steps_of_try):
        if pace is None or number <= 1:
            variance = 0.0
        else:
            variance = (1 - NEWEST) * (variance + NEWEST * (step.step_s - pace) ** 2)
        pace = _slowly(pace if number != 1 else None, step.step_s)
        if step.metrics:
            metrics = {**metrics, **step.metrics}
    last_seq = max(progress.last_seq, *(step.seq for step in steps))
    made = progress.steps_of_try + len(steps)
    return replace(
        progress,
        last_seq=last_seq,
        work=progress.work.plus(_time_since(progress.heard, steps[-1])),
        heard=steps[-1].time,
        step=steps[-1],
        metrics=metrics,
        pace_s=pace,
        pace_variance=variance,
        steps_of_try=made,
        first_step_s=steps[0].step_s if not progress.steps_of_try else progress.first_step_s,
    )


def _advanced_by_one(progress: Progress, event: Event | UnknownLine) -> Progress:
    if isinstance(event, UnknownLine):
        return replace(progress, unknown_lines=progress.unknown_lines + 1)
    work = _work_until(progress, event)
    progress = replace(progress, last_seq=max(progress.last_seq, event.seq), heard=event.time, work=work)
    match event:
        case Hello():
            return _undone_to(replace(progress, hello=event, end=None), event.resumed_from)
        case Phase(seconds=None, done=int()):  # no phase begins: the one that goes on has come so far
            return replace(progress, latest_count=counted(progress.count, event))
        case Phase(name="self_test" | "import", seconds=None):  # the first words of a trainer: a new try begins
            tested = tuple(ended for ended in progress.phases if (event.name, ended[0]) == ("import", "self_test"))
            is_first = event.name == "self_test"  # of all that a start says
            begun = begin_anew(progress if not is_first else replace(progress, clock_set_s=0.0))
            return replace(begun, end=None, open_phases=(event,), phases=tested)
        case Phase(seconds=None):
            return replace(progress, open_phases=(*progress.open_phases, event), latest_count=None)
        case Phase():
            return _with_phase_ended(progress, event)
        case Placement():  # said once in each try, before the libraries are loaded
            tested = progress.phases if [name for name, _ in progress.phases] == ["self_test"] else ()
            return replace(begin_anew(progress), placement=event, end=None, phases=tested, clock_set_s=0.0)
        case ClockSet():
            return replace(by_new_clock(progress, event.seconds), heard=event.time)
        case Plan():
            return replace(_scaled_to(progress, event), plan=event)
        case Batch():
            return replace(progress, batch=event)
        case Evaluation():
            bests = (*progress.bests, event) if event.is_best else progress.bests
            return replace(progress, evaluation=event, bests=bests)
        case Round():  # a resume may sample a round anew
            earlier = tuple(known for known in progress.rounds if known.round < event.round)
            return replace(progress, rounds=(*earlier, event))
        case Suggestion():
            return replace(progress, suggestion=event)
        case OutOfMemory():
            return replace(begin_anew(progress), out_of_memory=(*progress.out_of_memory, event))
        case Checkpoint():
            kept = tuple(known for known in progress.checkpoints if known.step != event.step)
            return replace(progress, checkpoints=(*kept, event))
        case Warned():
            is_trouble = progress._is_training and not event.code.startswith(DAMAGED)
            said = ((progress.known_step, event),) if is_trouble else ()
            return replace(progress, warnings=(*progress.warnings, event), troubles=(*progress.troubles, *said))
        case Finished() | Paused() | Cancelled() | Failed():
            return replace(progress, end=event, open_phases=(), work=work.ended())
        case _:
            return progress


def _time_since(heard: datetime | None, event: Event) -> timedelta:
    jump = timedelta(seconds=event.seconds if isinstance(event, ClockSet) else 0.0)
    return event.time - heard - jump if heard else timedelta(0)


def _work_until(progress: Progress, event: Event) -> WorkTime:
    """Add the time since the word before, unless a trainer says its first: between two starts nobody worked."""
    match event:
        case Phase(name="self_test", seconds=None, done=None):
            return progress.work.spoken()
        case Phase(name="import", seconds=None, done=None) | Placement() | Hello():
            # A trainer that was killed in the middle has not said that it ends.
            if progress.work.is_at_rest or progress.steps_of_try:
                return progress.work.spoken()
        case Failed(code="not_started"):  # the app says that of a start, in place of the trainer
            return progress.work.begun()
    return progress.work.plus(_time_since(progress.heard, event))


def by_new_clock(progress: Progress, seconds: float) -> Progress:
    """Move the beginnings of what goes on with the clock that was set: nothing has lasted longer because of that."""
    by = timedelta(seconds=seconds)
    hello = progress.hello
    return replace(
        progress,
        hello=hello.model_copy(update={"time": hello.time + by}) if hello else None,
        open_phases=tuple(phase.model_copy(update={"time": phase.time + by}) for phase in progress.open_phases),
        heard=progress.heard and progress.heard + by,
        latest_count=moved(progress.latest_count, by) if progress.latest_count else None,
        clock_set_s=progress.clock_set_s + seconds,
    )


def _with_phase_ended(progress: Progress, ended: Phase) -> Progress:
    assert ended.seconds is not None
    names = [phase.name for phase in progress.open_phases]
    outer = progress.open_phases[: names.index(ended.name)] if ended.name in names else progress.open_phases
    nested, breaks = dict(progress.nested), progress.breaks
    if outer:
        nested[outer[-1].name] = nested.get(outer[-1].name, 0.0) + ended.seconds
        if outer[-1].name == "train" and ended.name in BREAKS:
            breaks = breaks.with_one(ended.name, progress.known_step, ended.seconds)
    phases = (*progress.phases, (ended.name, ended.seconds))
    return replace(progress, open_phases=outer, phases=phases, nested=nested, breaks=breaks)


def _scaled_to(progress: Progress, plan: Plan) -> Progress:
    """Let the pace of the try before fit a plan whose steps see more rows or fewer."""
    before, prior = progress.plan, progress.prior_pace_s
    if before is None or prior is None or progress.steps_of_try or not before.batch_rows:
        return progress
    return replace(progress, prior_pace_s=prior * plan.batch_rows / before.batch_rows)


def _slowly(pace: float | None, seconds: float) -> float:
    """One slow step, such as one beside an evaluation, must not make hours of minutes."""
    return seconds if pace is None else (1 - NEWEST) * pace + NEWEST * seconds


def _undone_to(progress: Progress, resumed_from: int | None) -> Progress:
    """Forget what came after ``resumed_from``: a resumed run makes those steps again."""
    step = resumed_from or 0
    last, evaluation = progress.step, progress.evaluation
    undone = {trouble.seq for after, trouble in progress.troubles if after > step}
    if last is not None and last.step > step:
        last = last.model_copy(update={"step": step}) if step else None
    return replace(
        progress,
        step=last,
        metrics=progress.metrics if last else {},
        evaluation=evaluation if evaluation is not None and evaluation.step <= step else None,
        bests=tuple(known for known in progress.bests if known.step <= step),
        checkpoints=tuple(known for known in progress.checkpoints if known.step <= step),
        warnings=tuple(known for known in progress.warnings if known.seq not in undone),
        troubles=tuple(known for known in progress.troubles if known[0] <= step),
        breaks=progress.breaks.undone_to(step),
    )
