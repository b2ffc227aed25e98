"""What happens between two optimizer steps: report, obey requests, evaluate, ask the samples, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import has_length

from trainer_image.arguments import Rhythm
from trainer_image.contract import (
    Checkpoint,
    CheckpointRequest,
    Evaluation,
    PauseRequest,
    Phase,
    Sample,
    Step,
    StopRequest,
)
from trainer_image.errors import TrainerError
from trainer_image.generating.samples import Randomness
from trainer_image.methods import Stage
from trainer_image.reporter import Reporter
from trainer_image.saving import checkpoints
from trainer_image.training.best import Best
from trainer_image.training.ranks import Ranks
from trainer_image.training.trouble import Divergence

Wish = Literal["go_on", "checkpoint", "pause", "stop"]
_WISHES: tuple[Wish, ...] = ("go_on", "checkpoint", "pause", "stop")


class Boundaries(TrainerCallback):  # type: ignore[misc]
    """The one callback of a run. It acts in on_step_end, so that a pause loses nothing and resumes bit by bit."""

    def __init__(
        self,
        reporter: Reporter,
        ranks: Ranks,
        rhythm: Rhythm,
        metrics: tuple[str, ...],
        best: Best,
        answer: Callable[[str], str] | None,
        tokens: int,
    ) -> None:
        self._reporter = reporter
        self._ranks = ranks
        self._rhythm = rhythm
        self._metrics = metrics
        self.best = best
        self._answer = answer
        self.tokens = tokens
        self.wish: Wish = "go_on"
        self._earlier: Wish = "go_on"
        self._stage = Stage(None)
        self._divergence = Divergence()
        self._step_tokens = 0
        self._batches = 0
        self._predictions = 0
        self._peaks: list[int] = []
        self._since = time.perf_counter()
        self._phase: tuple[Literal["compile", "evaluate", "save"], float] | None = None

    def enter(self, stage: Stage) -> None:
        """Take up the work of another trainer of the same run."""
        self._stage = stage
        self._divergence = Divergence()
        stage.trainer.add_callback(self)

    def is_cancelled_already(self) -> bool:
        """Say whether the run was cancelled before its first step; a wish to pause waits for that step's end."""
        self._earlier = self._heard()
        return _WISHES[self._ranks.share(0, _WISHES.index(self._earlier)).wish] == "stop"

    def must_end(self) -> bool:
        """Say, between two pieces of work that are no steps, whether the run was asked to pause or to stop."""
        self._reporter.beat()
        # A wish for a checkpoint waits for the next step.
        self._earlier = max(self._heard(), self._earlier, key=_WISHES.index)
        wish = _WISHES[self._ranks.share(0, _WISHES.index(self._earlier)).wish]
        if wish in ("pause", "stop"):
            self.wish = wish
        return wish in ("pause", "stop")

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if torch.cuda.is_available() and self._ranks.device != "cpu":
            # On a GPU the first step compiles kernels, which may take longer than a hundred steps.
            self._begin("compile")
        self._since = time.perf_counter()

    def on_substep_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self._batches += 1
        self._reporter.beat()

    def on_prediction_step(self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **rest: Any) -> None:
        self._reporter.beat()
        if self._phase and self._phase[0] == "evaluate" and has_length(eval_dataloader):
            self._predictions += 1
            self._reporter.count("evaluate", self._predictions, len(eval_dataloader))

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Decide, on every process alike, what follows this step."""
        self._reporter.beat()
        tokens = self._take_tokens()
        self._batches = 0
        wish = _WISHES.index(max(self._heard(), self._earlier, key=_WISHES.index))
        self._earlier = "go_on"
        together = self._ranks.share(tokens, wish)
        self._step_tokens, self._peaks = together.tokens, together.peaks
        self.tokens += together.tokens
        self.wish = _WISHES[together.wish]

        step, ends = state.global_step, state.global_step >= state.max_steps
        is_last = ends and (self._stage.total_steps or 0) <= self._stage.first_step + step
        if is_last and self.wish == "pause":
            # There is nothing left to go on with.
            self.wish = "go_on"
        if self._rhythm.is_search:
            control.should_evaluate = control.should_save = False
            control.should_training_stop = ends or self.wish in ("pause", "stop")
            return
        every = self._rhythm.eval_steps
        is_due = step % every == 0 if every else float(state.epoch).is_integer()
        has_evaluation = self._stage.trainer.eval_dataset is not None
        control.should_evaluate = has_evaluation and (is_due or ends) and self.wish != "stop"
        control.should_save = step % self._rhythm.save_steps == 0 or ends or self.wish != "go_on"
        control.should_training_stop = ends or self.wish in ("pause", "stop")

    def _take_tokens(self) -> int:
        """Return the tokens of this process's batches of this step."""
        collator = self._stage.trainer.data_collator
        return int(collator.take(self._batches + 1)) if hasattr(collator, "take") else 0

    def _heard(self) -> Wish:
        """Return the strongest wish of the requests that came since the last step."""
        wish: Wish = "pause" if self._reporter.was_told_to_pause else "go_on"
        if self._ranks.rank != 0:
            return wish
        for request in self._reporter.requests():
            if isinstance(request, CheckpointRequest | PauseRequest | StopRequest):
                wish = max(wish, request.kind, key=_WISHES.index)
        return wish

    def step_of(self, state: Any) -> int:
        """Return the step of the run that a trainer is at."""
        return int(self._stage.first_step + state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **rest: Any) -> None:
        if "loss" not in logs:
            return
        if self._phase and self._phase[0] == "compile":
            self._end()
        seconds = time.perf_counter() - self._since
        loss = float(logs["loss"])
        step = self.step_of(state)
        self._reporter.emit(
            Step(
                step=step,
                epoch=state.epoch,
                loss=loss,
                learning_rate=logs["learning_rate"],
                grad_norm=logs.get("grad_norm"),
                tokens=self.tokens,
                tokens_per_s=self._step_tokens / seconds,
                step_s=seconds,
                gpu_peak_bytes=self._peaks,
                metrics=self._own_metrics(logs),
            )
        )
        if not self._rhythm.is_search:
            self._look_for_trouble(step, loss, state, control)
        if control.should_evaluate:
            self._begin("evaluate")
            self._count(False)
            self._random = Randomness()
        elif control.should_save:
            self._begin("save")
        self._since = time.perf_counter()

    def _look_for_trouble(self, step: int, loss: float, state: Any, control: Any) -> None:
        """Tell a loss that goes wrong; end the run where the user wants that, before the damage is saved."""
        hint = "Lower the learning rate and start again, or go on from a checkpoint from before."
        if not math.isfinite(loss):
            self._reporter.warn("loss_not_finite", f"The loss of step {step} is no number any more.", hint)
            if self.wish == "go_on" and state.global_step < state.max_steps:
                # Checkpoints of a broken model would push the last good one out.
                control.should_save = False
        if sentence := self._divergence.take(step, loss):
            if self._rhythm.ends_on_divergence:
                raise TrainerError("diverged", sentence, hint)
            self._reporter.warn("diverged", sentence, hint)

    def _own_metrics(self, logs: dict[str, Any], prefix: str = "") -> dict[str, float]:
        """Return what the method measures besides the loss, under its own names."""
        found = {name.removeprefix(prefix): value for name, value in logs.items() if name.startswith(prefix)}
        return {
            name: float(value)
            for name, value in found.items()
            if name.startswith(self._metrics) and isinstance(value, int | float)
        }

    def _count(self, is_training: bool) -> None:
        collator = self._stage.trainer.data_collator
        if hasattr(collator, "is_counting"):
            collator.is_counting = is_training

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **rest: Any) -> None:
        seconds, step = self._seconds(), self.step_of(state)
        found = self._own_metrics(metrics, "eval_")
        loss = metrics.get("eval_loss")
        is_best = self.best.take(step, {**found, "loss": loss})
        self._reporter.emit(Evaluation(step=step, loss=loss, metrics=found, seconds=seconds, is_best=is_best))
        if self._answer:
            for prompt in self._rhythm.sample_prompts:
                # Every process answers, though only the first one is heard: sharded weights need all of them.
                self._reporter.emit(Sample(step=step, prompt=prompt, text=self._answer(prompt)))
                self._reporter.beat()
        # Neither the evaluation nor the samples may move the dice of the training.
        self._random.restore()
        self._count(True)
        self._end()
        if self.stops_early and not control.should_training_stop:
            self.tell_early_stop(step)
            control.should_training_stop = control.should_save = True
        if is_best and self._rhythm.keep_best:
            control.should_save = True
        if control.should_save:
            self._begin("save")
        self._since = time.perf_counter()

    @property
    def stops_early(self) -> bool:
        """Say whether there were as many evaluations without progress as end the run."""
        patience = self._rhythm.early_stopping_patience
        return patience is not None and self.best.without_progress >= patience

    def tell_early_stop(self, step: int) -> None:
        """Say why the run ends before its last step."""
        count, best = self.best.without_progress, self.best.step
        last = "the last evaluation was" if count == 1 else f"the last {count} evaluations were"
        than = f"no better than step {best}'s" if best is not None else "no number"
        self._reporter.warn("stopped_early", f"Stopped at step {step}: {last} {than}.")

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Make the checkpoint that TRL has just written whole, once every process has added its part."""
        self._ranks.wait_for_all()
        step = self.step_of(state)
        if self._ranks.rank == 0:
            note = checkpoints.Note(step=step, stage=self._stage.number, tokens=self.tokens, best=self.best.note())
            size = checkpoints.complete(self._reporter.folder, state.global_step, note)
            kept = {self.best.step} if self._rhythm.keep_best else set()
            checkpoints.thin_out(self._reporter.folder, self._rhythm.save_total_limit, kept)
            name = str(self._reporter.folder.checkpoint(step).relative_to(self._reporter.folder.path))
            self._reporter.emit(Checkpoint(step=step, folder=name, size_bytes=size, seconds=self._seconds()))
        self._ranks.wait_for_all()
        self._end()
        self._reporter.beat()
        self._since = time.perf_counter()

    def _begin(self, name: Literal["compile", "evaluate", "save"]) -> None:
        self._reporter.emit(Phase(name=name))
        self._phase = (name, time.perf_counter())
        if name == "save":
            self._reporter.wait_for_folder()
        self._predictions = 0

    def _seconds(self) -> float:
        return time.perf_counter() - self._phase[1] if self._phase else 0.0

    def _end(self) -> None:
        if self._phase:
            self._reporter.emit(Phase(name=self._phase[0], seconds=self._seconds()))
        self._phase = None
