"""A reward model: learn to give the better of two answers the higher score."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage, dpo
from trainer_image.model.classifiers import load_trainable

KIND: Kind = "preference"
METRICS = ("accuracy", "margin", "mean_reward", "min_reward", "max_reward")
BEST = ("accuracy", True)

load = partial(load_trainable, judges="reward")
prepare = dpo.prepare


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what RewardConfig gets."""
    return training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        "center_rewards_coefficient": config.center_rewards_coefficient,
        "disable_dropout": config.lora_dropout == 0,
    }


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around the pairs."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import RewardConfig, RewardTrainer

    from trainer_image.trainers.preferences import as_whole_texts, ready

    prepared = parts.prepared
    trainer = RewardTrainer(
        args=RewardConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        processing_class=parts.tokenizer,
        train_dataset=as_whole_texts(prepared.train),
        eval_dataset=as_whole_texts(prepared.evaluation) if prepared.evaluation else None,
    )
    yield Stage(ready(trainer))
