"""Direct preference optimisation: of two answers, make the better one likelier than the worse one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from trainer_image.arguments import Machine, data_plan, load_arguments, quantization_arguments, training_arguments
from trainer_image.contract import RunConfig
from trainer_image.data.dataset import Prepared, Tell, untold
from trainer_image.data.dataset import prepare as prepare_rows
from trainer_image.data.pairs import encode_pairs
from trainer_image.formats import Kind
from trainer_image.methods import Parts, Stage
from trainer_image.model.loading import load_base, load_trainable

KIND: Kind = "preference"
METRICS = ("rewards/", "logps/", "logits/", "entropy", "mean_token_accuracy", "nll_loss")
BEST = ("loss", False)

WITHOUT_REFERENCE = {"simpo": "simpo", "cpo": "sigmoid"}
"""Losses that TRL's CPOTrainer computes, and its names for them."""

load = load_trainable


def trainer_arguments(config: RunConfig, machine: Machine, output: str) -> dict[str, Any]:
    """Return what DPOConfig gets, or CPOConfig for a loss without a reference model."""
    arguments = training_arguments(config, machine, output) | {
        "max_length": config.max_length,
        "label_smoothing": config.label_smoothing,
        # TRL switches dropout off, the adapter's too, because it blurs the comparison; who asks for it gets it.
        "disable_dropout": config.lora_dropout == 0,
    }
    if config.loss_type in WITHOUT_REFERENCE:
        return arguments | {
            "loss_type": WITHOUT_REFERENCE[config.loss_type],
            "beta": config.beta if config.beta is not None else {"simpo": 2.0, "cpo": 0.1}[config.loss_type],
            "simpo_gamma": config.simpo_gamma,
            "cpo_alpha": config.cpo_alpha,
        }
    return arguments | {
        "loss_type": [config.loss_type],
        "beta": config.beta if config.beta is not None else 0.1,
        "truncation_mode": "keep_start",
    }


def prepare(config: RunConfig, tokenizer: Any, tell: Tell = untold) -> Prepared:
    """Return the pairs of the dataset as ids."""
    encode = partial(encode_pairs, tokenizer=tokenizer, max_length=config.max_length)
    return prepare_rows(data_plan(config), KIND, encode, tell)


def stages(parts: Parts, first_stage: int) -> Iterator[Stage]:
    """Build TRL's trainer around the pairs."""
    yield Stage(_with_reference(parts) if parts.config.loss_type not in WITHOUT_REFERENCE else _without(parts))


def _with_reference(parts: Parts) -> Any:
    # By now Unsloth has replaced both names in trl, which an import at the top would come too early for.
    from trl import DPOConfig, DPOTrainer

    from trainer_image.trainers.preferences import as_prompt_and_answers, ready, taking_ids

    prepared = parts.prepared
    trainer = taking_ids(DPOTrainer)(
        args=DPOConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        ref_model=frozen_copy(parts.config),
        processing_class=parts.tokenizer,
        train_dataset=as_prompt_and_answers(prepared.train),
        eval_dataset=as_prompt_and_answers(prepared.evaluation) if prepared.evaluation else None,
    )
    return ready(trainer)


def _without(parts: Parts) -> Any:
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    from trainer_image.trainers.preferences import as_labelled_sequences, ready, taking_ids

    prepared = parts.prepared
    trainer = taking_ids(CPOTrainer)(
        args=CPOConfig(**trainer_arguments(parts.config, parts.machine, parts.output)),
        model=parts.model,
        processing_class=parts.tokenizer,
        train_dataset=as_labelled_sequences(prepared.train),
        eval_dataset=as_labelled_sequences(prepared.evaluation) if prepared.evaluation else None,
    )
    return ready(trainer)


def frozen_copy(config: RunConfig) -> Any | None:
    """Return the base model a second time, where its own weights are trained; else the adapter is switched off."""
    if not config.full_finetuning:
        return None
    model, _ = load_base(load_arguments(config), quantization_arguments(config))
    return model.requires_grad_(False).eval()
