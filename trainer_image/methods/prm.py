"""A process reward model: learn to tell the right steps of a solution from the wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, data_plan, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.data.steps import encode_steps
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage
from trainer_image.model.classifiers import load_trainable

KIND: Kind = "steps"
METRICS = ("accuracy", "precision_wrong", "recall_wrong")
BEST = ("accuracy", True)

load = partial(load_trainable, judges="process")


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what TrainingArguments get."""
    return training_arguments(config, machine, output)


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the solutions of the dataset as ids and labels."""
    encode = partial(encode_steps, tokenizer=tokenizer, max_length=config.max_length)
    return prepare_rows(data_plan(config), KIND, encode, tell)


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build transformers' trainer around the solutions: TRL has none for them any more."""
    from transformers import TrainingArguments

    from trainer_image.data.batches import Counted, Padded
    from trainer_image.trainers.steps import StepTrainer, as_dataset

    prepared, model = parts.prepared, parts.model
    if parts.config.gradient_checkpointing and not parts.config.full_finetuning:
        # Else nothing flows back through frozen layers whose results are computed again.
        model.enable_input_require_grads()
    trainer = StepTrainer(
        args=TrainingArguments(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=model,
        processing_class=parts.tokenizer,
        data_collator=Counted(Padded(parts.tokenizer.pad_token_id)),
        train_dataset=as_dataset(prepared.train),
        eval_dataset=as_dataset(prepared.evaluation) if prepared.evaluation else None,
    )
    yield Stage(trainer)
