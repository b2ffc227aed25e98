"""Odds ratio preference optimisation: imitate the better answer and push the worse one away, without a reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainer_image.arguments import Machine, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage, dpo
from trainer_image.model.loading import load_trainable

KIND: Kind = "preference"
METRICS = ("rewards/", "logps/", "logits/", "nll_loss", "log_odds_ratio", "log_odds_chosen")
BEST = ("loss", False)

load = load_trainable
prepare = dpo.prepare


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what ORPOConfig gets."""
    return training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        "beta": config.beta if config.beta is not None else 0.1,
        "disable_dropout": config.lora_dropout == 0,
    }


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around the pairs."""
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    from trainer_image.trainers.preferences import as_labelled_sequences, ready, taking_ids

    prepared = parts.prepared
    trainer = taking_ids(ORPOTrainer)(
        args=ORPOConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        processing_class=parts.tokenizer,
        train_dataset=as_labelled_sequences(prepared.train),
        eval_dataset=as_labelled_sequences(prepared.evaluation) if prepared.evaluation else None,
    )
    yield Stage(ready(trainer))
