"""Supervised fine-tuning: imitate the answers of the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, data_plan, sequence_plan, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.data.encoding import encode
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage
from trainer_image.model.loading import load_trainable

KIND: Kind = "conversation"
METRICS = ("mean_token_accuracy", "entropy")
BEST = ("loss", False)

load = load_trainable


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what SFTConfig gets."""
    return training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        "neftune_noise_alpha": config.neftune_noise_alpha,
        # The rows come with ids and labels that are ours; TRL must neither cut, pack nor mask them again.
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "packing": False,
        "padding_free": False,
    }


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the answers of the dataset as ids and labels."""
    plan = data_plan(config)
    return prepare_rows(
        plan, KIND, partial(encode, tokenizer=tokenizer, loss_on=plan.loss_on, max_length=plan.max_length), tell
    )


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around the rows, packed or one by one."""
    yield Stage(build_trainer(parts))


def build_trainer(parts: Parts) -> Any:
    """Return TRL's trainer around model, rows and collator."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import SFTConfig, SFTTrainer

    from trainer_image.data.batches import as_sequences, choose_collator

    plan = sequence_plan(parts.config)
    prepared = parts.prepared
    return SFTTrainer(
        args=SFTConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        processing_class=parts.tokenizer,
        data_collator=choose_collator(plan, parts.model, parts.tokenizer),
        train_dataset=as_sequences(prepared.train, plan),
        eval_dataset=as_sequences(prepared.evaluation, plan) if prepared.evaluation else None,
    )
