"""What happens between two optimizer steps: report, obey requests, evaluate, ask the samples, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from transformers import TrainerCallback

from trainer_image import checkpoints
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
from trainer_image.data import Collator
from trainer_image.ranks import Ranks
from trainer_image.reporter import Reporter
from trainer_image.samples import Randomness

Wish = Literal["go_on", "checkpoint", "pause", "stop"]
_WISHES: tuple[Wish, ...] = ("go_on", "checkpoint", "pause", "stop")
_METRICS = ("mean_token_accuracy", "entropy")


class Boundaries(TrainerCallback):  # type: ignore[misc]
    """The one callback of a run. It acts in on_step_end, so that a pause loses nothing and resumes bit by bit."""

    def __init__(
        self,
        reporter: Reporter,
        ranks: Ranks,
        rhythm: Rhythm,
        collator: Collator,
        answer: Callable[[str], str] | None,
        tokens: int,
        has_evaluation: bool,
    ) -> None:
        self._reporter = reporter
        self._ranks = ranks
        self._rhythm = rhythm
        self._collator = collator
        self._answer = answer
        self._has_evaluation = has_evaluation
        self.tokens = tokens
        self.wish: Wish = "go_on"
        self._earlier: Wish = "go_on"
        self._step_tokens = 0
        self._batches = 0
        self._peaks: list[int] = []
        self._since = time.perf_counter()
        self._phase: tuple[Literal["compile", "evaluate", "save"], float] | None = None

    def is_cancelled_already(self) -> bool:
        """Say whether the run was cancelled before its first step; a wish to pause waits for that step's end."""
        self._earlier = self._heard()
        return _WISHES[self._ranks.share(0, _WISHES.index(self._earlier)).wish] == "stop"

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if torch.cuda.is_available() and self._ranks.device != "cpu":
            # On a GPU the first step compiles kernels, which may take longer than a hundred steps.
            self._begin("compile")
        self._since = time.perf_counter()

    def on_substep_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self._batches += 1

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Decide, on every process alike, what follows this step."""
        tokens = self._collator.take(self._batches + 1)
        self._batches = 0
        wish = _WISHES.index(max(self._heard(), self._earlier, key=_WISHES.index))
        self._earlier = "go_on"
        together = self._ranks.share(tokens, wish)
        self._step_tokens, self._peaks = together.tokens, together.peaks
        self.tokens += together.tokens
        self.wish = _WISHES[together.wish]

        step, is_last = state.global_step, state.global_step >= state.max_steps
        if is_last and self.wish == "pause":
            # There is nothing left to go on with.
            self.wish = "go_on"
        every = self._rhythm.eval_steps
        is_due = step % every == 0 if every else float(state.epoch).is_integer()
        control.should_evaluate = self._has_evaluation and (is_due or is_last) and self.wish != "stop"
        control.should_save = step % self._rhythm.save_steps == 0 or is_last or self.wish != "go_on"
        control.should_training_stop = is_last or self.wish in ("pause", "stop")

    def _heard(self) -> Wish:
        """Return the strongest wish of the requests that came since the last step."""
        wish: Wish = "pause" if self._reporter.was_told_to_pause else "go_on"
        if self._ranks.rank != 0:
            return wish
        for request in self._reporter.requests():
            if isinstance(request, CheckpointRequest | PauseRequest | StopRequest):
                wish = max(wish, request.kind, key=_WISHES.index)
        return wish

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **rest: Any) -> None:
        if "loss" not in logs:
            return
        if self._phase and self._phase[0] == "compile":
            self._end()
        seconds = time.perf_counter() - self._since
        loss = float(logs["loss"])
        self._reporter.emit(
            Step(
                step=state.global_step,
                epoch=state.epoch,
                loss=loss,
                learning_rate=logs["learning_rate"],
                grad_norm=logs.get("grad_norm"),
                tokens=self.tokens,
                tokens_per_s=self._step_tokens / seconds,
                step_s=seconds,
                gpu_peak_bytes=self._peaks,
            )
        )
        if not math.isfinite(loss):
            self._reporter.warn(
                "loss_not_finite",
                f"The loss of step {state.global_step} is no number any more.",
                "Stop the run, lower the learning rate and start again from an earlier checkpoint.",
            )
        if control.should_evaluate:
            self._begin("evaluate")
            self._random = Randomness()
        elif control.should_save:
            self._begin("save")
        self._since = time.perf_counter()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **rest: Any) -> None:
        seconds = self._seconds()
        found = {name: metrics.get(f"eval_{name}") for name in _METRICS if f"eval_{name}" in metrics}
        loss = metrics["eval_loss"]
        self._reporter.emit(Evaluation(step=state.global_step, loss=loss, metrics=found, seconds=seconds))
        if self._answer and self._ranks.rank == 0:
            for prompt in self._rhythm.sample_prompts:
                self._reporter.emit(Sample(step=state.global_step, prompt=prompt, text=self._answer(prompt)))
        # Neither the evaluation nor the samples may move the dice of the training.
        self._random.restore()
        self._end()
        if control.should_save:
            self._begin("save")
        self._since = time.perf_counter()

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Make the checkpoint that TRL has just written whole, once every process has added its part."""
        self._ranks.wait_for_all()
        step = state.global_step
        if self._ranks.rank == 0:
            size = checkpoints.complete(self._reporter.folder, step, self.tokens)
            checkpoints.thin_out(self._reporter.folder, self._rhythm.save_total_limit)
            name = str(self._reporter.folder.checkpoint(step).relative_to(self._reporter.folder.path))
            self._reporter.emit(Checkpoint(step=step, folder=name, size_bytes=size, seconds=self._seconds()))
        self._ranks.wait_for_all()
        self._end()
        self._since = time.perf_counter()

    def _begin(self, name: Literal["compile", "evaluate", "save"]) -> None:
        self._reporter.emit(Phase(name=name))
        self._phase = (name, time.perf_counter())

    def _seconds(self) -> float:
        return time.perf_counter() - self._phase[1] if self._phase else 0.0

    def _end(self) -> None:
        if self._phase:
            self._reporter.emit(Phase(name=self._phase[0], seconds=self._seconds()))
        self._phase = None
