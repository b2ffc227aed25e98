"""Kahneman-Tversky optimisation: learn from single answers that are labelled good or bad."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, data_plan, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.data.pairs import encode_labelled, one_sided
from trainer_image.errors import TrainerError
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage, dpo
from trainer_image.model.loading import load_trainable

KIND: Kind = "labelled"
METRICS = ("rewards/", "logps/", "logits/", "kl", "entropy")
BEST = ("loss", False)

load = load_trainable


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what KTOConfig gets."""
    return training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        "beta": config.beta if config.beta is not None else 0.1,
        "desirable_weight": config.desirable_weight,
        "undesirable_weight": config.undesirable_weight,
        "disable_dropout": config.lora_dropout == 0,
    }


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the labelled answers of the dataset as ids, in the order in which they are trained on."""
    if config.per_device_train_batch_size < 2:
        raise TrainerError(
            "bad_config",
            "KTO compares the answers of a batch with each other, and Rows at once is 1.",
            "Set Rows at once to 2 or more; a shorter Longest row makes room for them.",
        )
    encode = partial(encode_labelled, tokenizer=tokenizer, max_length=config.max_length)
    prepared = prepare_rows(data_plan(config), KIND, encode, tell)
    # TRL pairs the answers up beforehand, so it reads them in the order of the file, where good and bad ones often
    # stand apart; a batch has to hold some of each.
    return replace(prepared, train=random.Random(config.seed).sample(prepared.train, len(prepared.train)))


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around the labelled answers."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import KTOConfig, KTOTrainer

    from trainer_image.trainers.preferences import as_labelled_answers, ready, taking_ids

    prepared, batch = parts.prepared, parts.config.per_device_train_batch_size
    if sentence := one_sided(prepared.train):
        parts.reporter.warn("one_sided", sentence, "Add rows with the other label; good answers alone are for sft.")
    trainer = taking_ids(KTOTrainer)(
        args=KTOConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        ref_model=dpo.frozen_copy(parts.config),
        processing_class=parts.tokenizer,
        train_dataset=as_labelled_answers(prepared.train, batch),
        eval_dataset=as_labelled_answers(prepared.evaluation, batch) if prepared.evaluation else None,
    )
    yield Stage(ready(trainer))
