"""What a run says, as lines in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from desktop.core import metrics
from desktop.core.run import Run, RunState
from trainer_image.contract import (
    Batch,
    ClockSet,
    Completion,
    Evaluation,
    Event,
    Method,
    OutOfMemory,
    Phase,
    PhaseName,
    Placement,
    Plan,
    Round,
    Sample,
    Step,
    Suggestion,
    UnknownLine,
    Warned,
)

PHASES: Mapping[PhaseName, str] = {
    "self_test": "letting the cards talk to each other",
    "import": "loading the libraries",
    "load": "loading the model",
    "data": "reading the data",
    "probe": "trying the longest rows",
    "compile": "compiling",
    "generate": "trying answers",
}
"""The phases that are told of; training, testing and saving show themselves."""
COUNTED: Mapping[PhaseName, str] = {
    "data": "rows tokenised",
    "generate": "batches answered",
    "evaluate": "batches tested",
}
"""What is counted in a phase; a newer trainer may count in others."""
BETWEEN_COMPLETIONS = timedelta(seconds=30)


class Sentences:
    """Turns the events of one run into lines that stay; of the many completions one now and then."""

    def __init__(self) -> None:
        self._completion_told: datetime | None = None

    def of(self, event: Event | UnknownLine, method: Method) -> str:
        """Return what to say of an event, or nothing."""
        match event:
            case Phase(seconds=None, done=None) if event.name in PHASES:
                return f"{PHASES[event.name]} ..."
            case Placement() | Batch():
                return event.sentence
            case Plan():
                return _plan(event)
            case Evaluation():
                return _evaluation(event, method)
            case Completion():
                return self._completion(event)
            case Round():
                return _round(event)
            case Suggestion():
                return f"suggestion for {event.knob}: {event.value:g}. {event.sentence}"
            case OutOfMemory():
                return f"out of memory ({event.attempt} of {event.attempts}): {event.sentence}"
            case Sample():
                return f"step {event.step}: {event.prompt!r} -> {_words(event.text, 160)!r}"
            case ClockSet():
                way = "forward" if event.seconds > 0 else "back"
                return f"the clock of this machine was set {abs(event.seconds):,.0f} s {way}; the run goes on"
            case Warned():
                return f"note: {event.sentence} {event.hint}".rstrip()
            case _:
                return ""

    def _completion(self, event: Completion) -> str:
        if self._completion_told is not None and event.time - self._completion_told < BETWEEN_COMPLETIONS:
            return ""
        self._completion_told = event.time
        reward = "no reward" if event.reward is None else f"reward {event.reward:.2f}"
        return f"step {event.step}: {reward} for {_words(event.prompt, 60)!r} -> {_words(event.text, 80)!r}"


def _plan(event: Plan) -> str:
    share = 100 * event.trained_tokens / max(1, event.total_tokens)
    return (
        f"{event.train_rows:,} rows, {event.total_steps:,} steps of {event.batch_rows} rows; "
        f"{event.trainable_parameters / 1e6:.1f} of {event.total_parameters / 1e6:.0f} million parameters "
        f"and {share:.0f} % of the tokens are trained"
    )


def _evaluation(event: Evaluation, method: Method) -> str:
    words = [] if event.loss is None else [f"loss on the rows held back {event.loss:.3f}"]
    words += _values(event.metrics, method)
    return f"step {event.step}: {', '.join(words)}{' (the best so far)' if event.is_best else ''}" if words else ""


def _round(event: Round) -> str:
    hinted = f", {event.hinted} more with the answer as a hint" if event.hinted else ""
    return (
        f"round {event.round} of {event.rounds}: {event.solved} of {event.problems} problems solved{hinted}; "
        f"{event.kept} solutions are learned from"
    )


def counted(event: Phase) -> str:
    """Return the line that moves while no step is made: how far a phase has come."""
    return f"{event.done:,} of {event.total:,} {COUNTED.get(event.name, event.name)}"


def progress(run: Run, step: Step) -> str:
    """Return the line that moves: how far, how well, how fast, how long."""
    total = run.total_steps or step.step
    filled = round(24 * step.step / max(1, total))
    left = run.progress.seconds_left
    words = [
        f"{'█' * filled}{'░' * (24 - filled)} {step.step}/{total}",
        "loss -" if step.loss is None else f"loss {step.loss:.3f}",
        *_values(step.metrics, run.config.method),
        f"{step.tokens_per_s:,.0f} tokens/s",
        f"{clock(left)} left" if left is not None else "",
    ]
    return "  ".join(word for word in words if word)


def end(run: Run) -> str:
    """Return how a run has ended, and what one can do now."""
    if run.failure is not None:
        return f"{run.name} {run.state}: {run.failure.sentence} {run.failure.hint}".rstrip()
    if run.state is RunState.FINISHED:
        return _finish(run)
    if run.state is RunState.WAITING:
        return f"{run.name} {run.waiting_for}."
    return f"{run.name} is {run.state} at step {run.step}. Go on: tunedeck runs resume {run.id}"


def _finish(run: Run) -> str:
    seconds = run.seconds_of_work(run.ended) or 0
    loss = "" if run.loss is None else f", loss {run.loss:.3f}"
    words = f"Finished after {run.step} steps in {clock(seconds)}{loss}."
    best = run.progress.best
    if best is not None:
        loss = "" if best.loss is None else f", loss {best.loss:.3f}"
        words += f" Best on the rows held back: step {best.step}{loss}."
    suggestion = run.progress.suggestion
    if suggestion is not None:
        words += f" {suggestion.sentence} Use it: --set {suggestion.knob}={suggestion.value:g}"
    return f"{words} Adapter: {run.adapter}" if run.adapter else words


def clock(seconds: float) -> str:
    """Return a length of time."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _values(values: Mapping[str, float | None], method: Method) -> list[str]:
    """Return the few metrics that matter most, of those that there are."""
    known = ((name, values.get(name)) for name in metrics.headline(method))
    return [f"{metrics.label(name)} {value:.3g}" for name, value in known if value is not None]


def _words(text: str, length: int) -> str:
    """Return the first words of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length].rstrip()}…"
