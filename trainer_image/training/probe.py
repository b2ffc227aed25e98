"""The longest batch first: what does not fit into a card's memory shows in the first minute, not in the third hour."""

from __future__ import annotations

from typing import Any

import torch
from transformers import TrainerCallback

from trainer_image.generating.samples import Randomness
from trainer_image.reporter import Reporter


class Probe(TrainerCallback):  # type: ignore[misc]
    """Before the first step, computes the gradients of the longest rows once and throws them away."""

    def __init__(self, trainer: Any, reporter: Reporter) -> None:
        self._trainer = trainer
        self._reporter = reporter

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        trainer = self._trainer
        rows = longest(trainer.train_dataset, args.per_device_train_batch_size)
        if not rows:
            return
        dice = Randomness()
        with self._reporter.phase("probe"):
            trainer.data_collator.is_counting = False
            batch = trainer.data_collator(rows)
            trainer.data_collator.is_counting = True
            model = trainer.model_wrapped
            # Trainers whose loss is a mean over rows divide by this; the training loop sets it only afterwards.
            trainer.current_gradient_accumulation_steps = args.gradient_accumulation_steps
            # The same way that a step takes, so that what is compiled here is what the steps use.
            items = trainer._get_num_items_in_batch([batch], trainer.args.device)
            trainer.training_step(model, batch, items)
            model.zero_grad(set_to_none=True)
            forget_metrics(trainer)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
        dice.restore()


def forget_metrics(trainer: Any) -> None:
    """Take away what the trial left in the means of the first step."""
    if isinstance(getattr(trainer, "_metrics", None), dict):
        trainer._metrics["train"].clear()
    if isinstance(getattr(trainer, "_counts", None), dict):
        trainer._counts["train"] = None
    if hasattr(trainer, "_total_train_tokens"):
        trainer._total_train_tokens = 0


def longest(rows: Any, count: int) -> list[Any]:
    """Return the rows with the most tokens; none where rows are prompts whose answers are yet to be made."""
    names = [name for name in rows.column_names if name.endswith("_ids")]
    if not names:
        return []
    lengths = [0] * len(rows)
    for name in names:
        for index, ids in enumerate(rows[name]):
            lengths[index] += len(ids)
    order = sorted(range(len(rows)), key=lambda index: -lengths[index])
    return [rows[index] for index in order[:count]]
