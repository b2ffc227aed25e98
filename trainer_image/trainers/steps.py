"""The trainer of a process reward model: transformers' own, with what matters of steps measured on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import Trainer

from trainer_image.data.encoding import NOT_LEARNED
from trainer_image.data.steps import LabelledSteps


class StepTrainer(Trainer):  # type: ignore[misc]
    """Learns a label at the last token of each step, and counts how often it is right."""

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, compute_loss_func=mean_over_steps, **names)
        self._counts: dict[Literal["train", "eval"], torch.Tensor | None] = {"train": None, "eval": None}

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss, and add the steps of this batch to what is counted."""
        labels = inputs["labels"]
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        mode: Literal["train", "eval"] = "train" if model.training else "eval"
        counts = self.accelerator.reduce(count_steps(outputs.logits.detach(), labels), "sum").cpu()
        earlier = self._counts[mode]
        self._counts[mode] = counts if earlier is None else earlier + counts
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add what was counted since the last log."""
        mode: Literal["train", "eval"] = "eval" if "eval_loss" in logs else "train"
        counts, self._counts[mode] = self._counts[mode], None
        if counts is not None:
            prefix = "eval_" if mode == "eval" else ""
            logs.update({prefix + name: value for name, value in measures(counts).items()})
        super().log(logs, start_time)


def mean_over_steps(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """Return the mean loss of the steps, over all micro-batches of an optimizer step where their number is known.

    The loss that comes with transformers' model knows only its own micro-batch, and would add up those means.
    """
    logits = outputs.logits.flatten(0, 1).float()
    total = cross_entropy(logits, labels.flatten(), ignore_index=NOT_LEARNED, reduction="sum")
    return total / ((labels != NOT_LEARNED).sum() if num_items_in_batch is None else num_items_in_batch)


def count_steps(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return how many steps there are, are judged rightly, are wrong, are called wrong, and both."""
    is_step = labels != NOT_LEARNED
    wrong, called = labels[is_step] == 0, logits[is_step].argmax(-1) == 0
    return torch.stack([is_step.sum(), (wrong == called).sum(), wrong.sum(), called.sum(), (wrong & called).sum()])


def measures(counts: torch.Tensor) -> dict[str, float]:
    """Return accuracy over all steps, and precision and recall of the wrong ones where there are any to divide by."""
    steps, right, wrong, called, both = (int(count) for count in counts)
    shares = {"accuracy": (right, steps), "precision_wrong": (both, called), "recall_wrong": (both, wrong)}
    return {name: part / whole for name, (part, whole) in shares.items() if whole}


def as_dataset(solutions: Sequence[LabelledSteps]) -> Dataset:
    """Return solutions as the trainer reads them."""
    return Dataset.from_dict(
        {
            "input_ids": [solution.input_ids for solution in solutions],
            "labels": [solution.labels for solution in solutions],
        }
    )
