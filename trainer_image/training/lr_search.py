"""The search for a learning rate: raise it from very low to very high, and see where the loss is lowest."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback

from trainer_image.contract import Suggestion, Warned

LOWEST, HIGHEST = 1e-7, 1e-1
# What the field takes: at the lowest loss the rate is already on the way to too high, a tenth of it is safe.
SHARE = 0.1
# A loss so many times the lowest one does not come back.
TOO_HIGH = 2.0
BATCHES = 8
"""The search goes round these few batches: a mean over one round of them changes by learning alone, not by luck."""
FALL = 0.02
"""The share of the loss that has to be learned for the curve to say anything."""
ENOUGH_STEPS = 3 * BATCHES
"""After fewer a curve that names no learning rate says nothing of the data."""


class Search(TrainerCallback):  # type: ignore[misc]
    """Turns a trainer's schedule into a rise over a few batches, and ends the run when the loss has run away."""

    def __init__(self, trainer: Any) -> None:
        self._rates: list[float] = []
        self._losses: list[float] = []
        rows = trainer.args.per_device_train_batch_size * trainer.args.gradient_accumulation_steps
        rows *= trainer.args.world_size * BATCHES
        if len(trainer.train_dataset) > rows:
            trainer.train_dataset = trainer.train_dataset.select(range(rows))
        trainer.create_scheduler = partial(self._rise, trainer)
        trainer.add_callback(self)

    def _rise(self, trainer: Any, num_training_steps: int, optimizer: Any = None) -> Any:
        """Take the place of the trainer's ``create_scheduler``."""
        optimizer = optimizer or trainer.optimizer
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] = LOWEST
        ratio = HIGHEST / LOWEST
        trainer.lr_scheduler = LambdaLR(optimizer, lambda step: ratio ** (step / max(1, num_training_steps - 1)))
        return trainer.lr_scheduler

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **rest: Any) -> None:
        if "loss" not in logs:
            return
        self._rates.append(float(logs["learning_rate"]))
        self._losses.append(float(logs["loss"]))
        smooth = smoothed(self._losses)
        if not math.isfinite(self._losses[-1]) or (smooth and smooth[-1] > TOO_HIGH * min(smooth)):
            control.should_training_stop = True

    def verdict(self) -> Suggestion | Warned:
        """Return the learning rate to take, or why the curve names none."""
        smooth = [loss for loss in smoothed(self._losses) if math.isfinite(loss)]
        place = min(range(len(smooth)), key=lambda index: smooth[index], default=0)
        if not smooth or smooth[place] > smooth[0] * (1 - FALL):
            if len(self._losses) < ENOUGH_STEPS:
                return Warned(
                    code="no_learning_rate_found",
                    sentence=f"The search made {len(self._losses)} steps, too few to tell a learning rate by.",
                    hint=f"Set Stop after steps to {ENOUGH_STEPS} or more, or empty it for a search of its own length.",
                )
            return Warned(
                code="no_learning_rate_found",
                sentence="The loss did not fall at any learning rate, so the search names none.",
                hint="Give it more steps, or look at the data: there may be nothing to learn that the model lacks.",
            )
        # The mean over a round stands for its middle.
        lowest = self._rates[place + BATCHES // 2]
        value = float(f"{lowest * SHARE:.1e}")
        return Suggestion(
            knob="learning_rate",
            value=value,
            sentence=f"The loss was lowest at {lowest:.1e}. A tenth of that, {value:g}, learns fast and stays safe.",
        )


def smoothed(losses: list[float]) -> list[float]:
    """Return the mean over each whole round of the batches."""
    return [sum(losses[end - BATCHES : end]) / BATCHES for end in range(BATCHES, len(losses) + 1)]
